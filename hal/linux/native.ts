// Finds and loads the small native part (native/board.c, compiled by `make`): what Node has no call for. Errors of the
// kernel come as negative numbers and become HalErrors here and in whoever knows what was attempted.

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { getSystemErrorMap } from "node:util";
import { HalError } from "../hal-error.ts";

/** Bits of `pollStart`, as libuv has them. */
export const READABLE = 1;
export const WRITABLE = 2;

export interface Native {
  /** The kernel's answer, or -errno. Throws when the buffer is shorter than the request says. */
  ioctl(fd: number, request: number, buffer: Uint8Array): number;
  /** Bytes moved, or -errno. */
  read(fd: number, buffer: Uint8Array): number;
  write(fd: number, buffer: Uint8Array): number;
  /**
   * Calls back on the main loop while the descriptor is ready, with the events or -errno. Answers -errno where the
   * descriptor cannot be waited on. Makes it non-blocking.
   */
  pollStart(fd: number, events: number, callback: (events: number) => void): object | number;
  /** To be called before the descriptor is closed. Idempotent. */
  pollStop(poll: object): void;
  /** A new pseudo-terminal that changes no byte and echoes none, or -errno. */
  openPty(): { master: number; slave: number; path: string } | number;
  /**
   * To a local socket: a path, or with a zero byte in front a name in the abstract space, at most 107 bytes. Bytes sent,
   * or -errno; never waits. Throws where the address is empty or longer.
   */
  sendDatagram(address: Uint8Array, bytes: Uint8Array): number;
}

let loaded: Native | undefined;

/** Throws HalError `refused` where it was not built. */
export function loadNative(): Native {
  if (loaded !== undefined) return loaded;
  const path = nativePath("board.node");
  try {
    loaded = createRequire(import.meta.url)(path) as Native;
  } catch (error) {
    const message = `${path} does not load: remove it and run \`make setup\` on this machine`;
    throw new HalError("refused", message, error);
  }
  return loaded;
}

/** Where a compiled file for this processor is. Throws HalError `refused` where it was not built. */
export function nativePath(file: string): string {
  // Beside the compiled JavaScript, or in build/ when the sources run as they are.
  const places = [`../../native/${process.arch}/`, `../../build/native/${process.arch}/`];
  for (const place of places) {
    const path = fileURLToPath(new URL(place + file, import.meta.url));
    if (existsSync(path)) return path;
  }
  const message = `the native part for ${process.arch} is not built: run \`make setup\` (it needs a C compiler: sudo apt-get install gcc)`;
  throw new HalError("refused", message);
}

/** Such as "EBUSY" of -16. */
export function errorName(negativeErrno: number): string {
  return getSystemErrorMap().get(negativeErrno)?.[0] ?? `error ${-negativeErrno}`;
}
