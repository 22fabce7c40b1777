// The SerialPort contract on this machine: a tty at the one end of a pseudo-terminal, and a TCP connection; and what a
// tty says when it cannot be had.

import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { HalError } from "../../hal/hal-error.ts";
import { listenModbusTcp, openModbusTcp } from "../../hal/linux/modbus-tcp.ts";
import { loadNative, WRITABLE } from "../../hal/linux/native.ts";
import { openPty } from "../../hal/linux/pty.ts";
import { openSerialPort } from "../../hal/linux/serial-port.ts";
import type { OpenSerial, SerialPort } from "../../hal/serial.ts";
import { describeSerial } from "./serial.ts";

const CROSS_MS = 100;
/** In steps, so that a busy machine gets round to everything that is under way. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, CROSS_MS / 20));
}

const folder = mkdtempSync(join(tmpdir(), "sluice-serial-"));
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

function keep<T extends { close(): Promise<void> }>(port: T): T {
  closing.push(() => port.close());
  return port;
}

let ptys = 0;
function cable() {
  const pty = openPty(join(folder, `tty${ptys++}`));
  keep(pty.port);
  const open = openSerialPort({ path: pty.path(), settings: { baud: 9600 } });
  return { pty, open: async () => keep(await open()) };
}

describeSerial("tty of a pseudo-terminal", async () => {
  const { pty, open } = cable();
  return { a: await open(), b: pty.port, cross: settle, unplug: () => pty.setPlugged(false) };
});

describeSerial("TCP connection", async () => {
  let served: ((port: SerialPort) => void) | undefined;
  const peer = new Promise<SerialPort>((resolve) => {
    served = resolve;
  });
  const server = await listenModbusTcp({ address: "127.0.0.1:0" }, (port) => served?.(port));
  closing.push(() => server.close());
  const a = keep(await openModbusTcp({ address: `127.0.0.1:${server.port}` })());
  return { a, b: keep(await peer), cross: settle, unplug: () => void server.close() };
});

const BLOCK = 40_000;
const blockOf = (value: number): Uint8Array => new Uint8Array(BLOCK).fill(value);
/** asm-generic/ioctls.h */
const TIOCVHANGUP = 0x5437;

/** A pseudo-terminal whose other end nobody reads but the test. */
function rawPty(): { master: number; slave: number; path: string } {
  const pty = loadNative().openPty();
  if (typeof pty === "number") throw new Error(`no pseudo-terminal: ${pty}`);
  const poll = loadNative().pollStart(pty.master, WRITABLE, () => {});
  if (typeof poll === "object") loadNative().pollStop(poll);
  closing.push(async () => {
    closeSync(pty.master);
    closeSync(pty.slave);
  });
  return pty;
}

async function refusal(open: OpenSerial): Promise<{ kind: string; message: string }> {
  try {
    await (await open()).close();
  } catch (error) {
    if (error instanceof HalError) return { kind: error.kind, message: error.message };
    throw error;
  }
  return { kind: "opened", message: "" };
}

describe("a tty", () => {
  test("keeps bytes that came before a listener", async () => {
    const { pty, open } = cable();
    const port = await open();
    await pty.port.write(Uint8Array.of(1, 2, 3));
    await settle();
    const got: number[] = [];
    port.onData((bytes) => got.push(...bytes));
    expect(got).toEqual([1, 2, 3]);
  });

  test("is ours alone while it is open, and opens again after", async () => {
    const { open } = cable();
    const port = await open();
    const second = await refusal(open);
    expect(second.kind).toBe("refused");
    expect(second.message).toMatch(/is in use: `sudo fuser -v .*tty\d+` names the program/);
    await port.close();
    expect((await refusal(open)).kind).toBe("opened");
  });

  test("that was pulled is gone until it is plugged in, and costs no time meanwhile", async () => {
    const { pty, open } = cable();
    const port = await open();
    let lost = 0;
    port.onLost(() => lost++);
    pty.setPlugged(false);
    await settle();
    const before = process.cpuUsage();
    await settle();
    const { user, system } = process.cpuUsage(before);
    expect(user + system).toBeLessThan(0.8 * CROSS_MS * 1000);
    expect(lost).toBe(1);
    const gone = await refusal(open);
    expect(gone.kind).toBe("disconnected");
    expect(gone.message).toMatch(/no such port: is the device plugged in/);
    pty.setPlugged(true);
    const again = await open();
    const got: number[] = [];
    again.onData((bytes) => got.push(...bytes));
    await pty.port.write(Uint8Array.of(7));
    await settle();
    expect(got).toEqual([7]);
  });

  test("writes that have to wait are not mixed, and end with the port", async () => {
    const { master, path } = rawPty();
    const port = keep(await openSerialPort({ path, settings: { baud: 9600 } })());
    const [first, second] = [port.write(blockOf(1)), port.write(blockOf(2))];
    const third = port.write(blockOf(3)).catch((error: HalError) => error.kind);
    const got: number[] = [];
    const buffer = Buffer.alloc(4096);
    while (got.length < 2 * BLOCK) {
      const count = loadNative().read(master, buffer);
      if (count > 0) got.push(...buffer.subarray(0, count));
      else await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await Promise.all([first, second]);
    expect(got.slice(0, 2 * BLOCK)).toEqual([...blockOf(1), ...blockOf(2)]);
    // Nobody reads any more.
    await settle();
    await port.close();
    expect(await third).toBe("canceled");
  });

  test("that hangs up for good is gone, as one is whose adapter was pulled", async ({ skip }) => {
    if (process.getuid?.() !== 0) skip("only root may hang up a terminal");
    const { master, path } = rawPty();
    const port = keep(await openSerialPort({ path, settings: { baud: 9600 } })());
    let lost = 0;
    port.onLost(() => lost++);
    const code = `import fcntl, os; fcntl.ioctl(os.open("${path}", os.O_RDWR), ${TIOCVHANGUP})`;
    // It is readable, and when it is read there is nothing any more.
    loadNative().write(master, Uint8Array.of(1));
    const { status } = spawnSync("python3", ["-c", code]);
    if (status !== 0) skip("python3 is needed to hang a terminal up");
    await settle();
    expect(lost).toBe(1);
  });

  test("says what is wrong with a path that is no serial port", async () => {
    const path = join(folder, "file");
    writeFileSync(path, "");
    const { kind, message } = await refusal(openSerialPort({ path, settings: { baud: 9600 } }));
    expect(kind).toBe("refused");
    expect(message).toContain(`${path} cannot be opened as a serial port`);
  });
});

describe("a TCP bus", () => {
  test("nobody there, and an address that is none", async () => {
    const gone = await refusal(openModbusTcp({ address: "127.0.0.1:1" }));
    expect(gone).toEqual({ kind: "disconnected", message: "nothing answers at 127.0.0.1:1" });
    for (const address of ["", "a:b", "a:99999", "a:1:2"]) {
      expect(() => openModbusTcp({ address })).toThrow(/is no address: want host:port/);
    }
  });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));
