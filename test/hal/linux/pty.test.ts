// The pseudo-terminal as a cable: what another program sees that opens the path, with raw descriptors in its place.

import {
  closeSync,
  constants,
  lstatSync,
  mkdtempSync,
  openSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { HalError } from "../../../hal/hal-error.ts";
import { loadNative } from "../../../hal/linux/native.ts";
import { openPty, type Pty } from "../../../hal/linux/pty.ts";

const native = loadNative();
const EIO = -5;

let folder = "";
const opened: Pty[] = [];
const ptyAt = (link?: string): Pty => {
  const pty = openPty(link);
  opened.push(pty);
  return pty;
};
const gather = (pty: Pty): number[] => {
  const bytes: number[] = [];
  pty.port.onData((some) => bytes.push(...some));
  return bytes;
};
const openOther = (path: string): number =>
  openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
const readOther = (fd: number): number[] => {
  const all: number[] = [];
  const buffer = Buffer.alloc(4096);
  for (let got = native.read(fd, buffer); got > 0; got = native.read(fd, buffer)) {
    all.push(...buffer.subarray(0, got));
  }
  return all;
};
const everyByte = Array.from({ length: 256 }, (_, value) => value);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pty-"));
});

afterEach(async () => {
  for (const pty of opened.splice(0)) await pty.port.close();
  rmSync(folder, { recursive: true });
});

test("every byte crosses unchanged either way, and none comes back as an echo", async () => {
  const pty = ptyAt();
  const ours = gather(pty);
  const other = openOther(pty.path());
  await pty.port.write(Uint8Array.from(everyByte));
  expect(readOther(other)).toEqual(everyByte);
  native.write(other, Uint8Array.from(everyByte));
  await vi.waitFor(() => expect(ours).toHaveLength(256));
  expect(ours).toEqual(everyByte);
  expect(readOther(other)).toEqual([]);
  closeSync(other);
});

test("the other end may be closed and opened again: nothing is lost, and the port does not end", async () => {
  const pty = ptyAt();
  const ours = gather(pty);
  const first = openOther(pty.path());
  native.write(first, Uint8Array.of(1));
  closeSync(first);
  await pty.port.write(Uint8Array.of(7));
  const second = openOther(pty.path());
  expect(readOther(second)).toEqual([7]);
  native.write(second, Uint8Array.of(2));
  await vi.waitFor(() => expect(ours).toEqual([1, 2]));
  closeSync(second);
});

test("bytes that came before a listener are kept", async () => {
  const pty = ptyAt();
  const other = openOther(pty.path());
  native.write(other, Uint8Array.of(1, 2, 3));
  await sleep(20);
  expect(gather(pty)).toEqual([1, 2, 3]);
  closeSync(other);
});

test("a write longer than the kernel's room waits for the reader and arrives whole", async () => {
  const pty = ptyAt();
  const other = openOther(pty.path());
  const bytes = Uint8Array.from({ length: 300_000 }, (_, at) => at % 251);
  let done = false;
  const write = pty.port.write(bytes).then(() => {
    done = true;
  });
  await sleep(5);
  expect(done).toBe(false);
  const got: number[] = [];
  await vi.waitFor(
    () => {
      for (const byte of readOther(other)) got.push(byte);
      expect(got.length).toBe(bytes.length);
    },
    { interval: 1, timeout: 10_000 },
  );
  await write;
  expect(Buffer.from(got).equals(Buffer.from(bytes))).toBe(true);
  closeSync(other);
});

test("what nobody reads is lost after a second, and the port goes on", async () => {
  const pty = ptyAt();
  const ours = gather(pty);
  const other = openOther(pty.path());
  await pty.port.write(new Uint8Array(200_000));
  const arrived = readOther(other).length;
  expect(arrived).toBeGreaterThan(1000);
  expect(arrived).toBeLessThan(200_000);
  await pty.port.write(Uint8Array.of(9));
  expect(readOther(other).at(-1)).toBe(9);
  native.write(other, Uint8Array.of(5));
  await vi.waitFor(() => expect(ours).toEqual([5]));
  closeSync(other);
});

test("a pulled plug ends the other side and takes the link away; plugged in again it is there anew", async () => {
  const link = join(folder, "reader");
  const pty = ptyAt(link);
  const ours = gather(pty);
  const other = openOther(link);
  pty.setPlugged(false);
  expect([0, EIO]).toContain(native.read(other, Buffer.alloc(8)));
  expect(native.write(other, Uint8Array.of(1))).toBe(EIO);
  expect(() => lstatSync(link)).toThrow("ENOENT");
  await pty.port.write(Uint8Array.of(1));
  closeSync(other);
  pty.setPlugged(true);
  const again = openOther(link);
  expect(readOther(again)).toEqual([]);
  native.write(again, Uint8Array.of(4));
  await vi.waitFor(() => expect(ours).toEqual([4]));
  closeSync(again);
});

test("a link that is there is replaced, and at close only our own is removed", async () => {
  const link = join(folder, "reader");
  symlinkSync("/nowhere", link);
  const first = ptyAt(link);
  const firstTarget = readlinkSync(link);
  expect(firstTarget).toMatch(/^\/dev\/pts\//);
  const second = ptyAt(link);
  const secondTarget = readlinkSync(link);
  expect(secondTarget).not.toBe(firstTarget);
  await first.port.close();
  expect(readlinkSync(link)).toBe(secondTarget);
  await second.port.close();
  expect(() => lstatSync(link)).toThrow("ENOENT");
});

test("a link that cannot be made is refused in plain words", () => {
  expect(() => openPty(join(folder, "no", "reader"))).toThrow(HalError);
  expect(() => openPty(join(folder, "no", "reader"))).toThrow(/the link cannot be made here/);
});

test("a listener may close the port, and a closed port is canceled", async () => {
  const pty = ptyAt();
  const other = openOther(pty.path());
  let heard = 0;
  pty.port.onData(() => {
    heard++;
    void pty.port.close();
  });
  native.write(other, Uint8Array.of(1));
  await vi.waitFor(() => expect(heard).toBe(1));
  await expect(pty.port.write(Uint8Array.of(1))).rejects.toMatchObject({ kind: "canceled" });
  closeSync(other);
});
