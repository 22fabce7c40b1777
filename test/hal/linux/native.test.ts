// The native part itself: what it refuses, and that waiting on a descriptor ends when it is told to.

import { closeSync, openSync } from "node:fs";
import { expect, test, vi } from "vitest";
import { errorName, loadNative, READABLE } from "../../../hal/linux/native.ts";

const native = loadNative();
/** Window size of a terminal: the kernel copies 8 bytes and the number does not say so. */
const TIOCGWINSZ = 0x5413;
const GPIO_GET_CHIPINFO = 0x8044b401;

test("a buffer shorter than the request says, or of unknown length, is not handed to the kernel", () => {
  const fd = openSync("/dev/null", "r");
  expect(() => native.ioctl(fd, GPIO_GET_CHIPINFO, Buffer.alloc(67))).toThrow(/too short/);
  expect(() => native.ioctl(fd, TIOCGWINSZ, Buffer.alloc(64))).toThrow(/too short/);
  expect(errorName(native.ioctl(fd, GPIO_GET_CHIPINFO, Buffer.alloc(68)))).toBe("ENOTTY");
  closeSync(fd);
});

test("wrong arguments are thrown, not passed on", () => {
  const wrong = native as unknown as Record<string, (...args: unknown[]) => unknown>;
  expect(() => wrong["ioctl"]?.(0)).toThrow();
  expect(() => wrong["ioctl"]?.("0", GPIO_GET_CHIPINFO, Buffer.alloc(68))).toThrow();
  expect(() => wrong["read"]?.(0, "text")).toThrow();
  expect(() => wrong["pollStart"]?.(0, READABLE)).toThrow();
  expect(() => wrong["pollStop"]?.({})).toThrow();
});

test("the kernel's errors come back as numbers", () => {
  expect(errorName(native.read(-1, Buffer.alloc(1)))).toBe("EBADF");
  expect(errorName(native.write(-1, Buffer.alloc(1)))).toBe("EBADF");
  const file = openSync("package.json", "r");
  expect(errorName(native.pollStart(file, READABLE, () => undefined) as number)).toBe("EPERM");
  closeSync(file);
});

test("a listener may stop its own poll, and hears no more", async () => {
  const pty = native.openPty();
  if (typeof pty === "number") throw new Error(errorName(pty));
  let heard = 0;
  const poll = native.pollStart(pty.master, READABLE, () => {
    heard++;
    native.pollStop(poll as object);
    native.pollStop(poll as object);
  });
  native.write(pty.slave, Buffer.from("a"));
  await vi.waitFor(() => expect(heard).toBe(1));
  native.write(pty.slave, Buffer.from("b"));
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(heard).toBe(1);
  closeSync(pty.slave);
  closeSync(pty.master);
});
