// The registers of a virtual board, in a file beside the device's data: what a meter with a memory of its own
// would still show after a power cut. One line of JSON, written over in place at every change.

import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { HalError } from "../hal-error.ts";

export interface RegisterFile {
  /** By outlet, then by meter; undefined when it never ran. */
  register(outlet: string, meter: string): number | undefined;
  write(state: unknown): void;
  close(): void;
}

/** One write of this size reaches the page cache whole, also when we are killed in the middle. */
const LINE_BYTES = 2048;

type Kept = { outlets?: { id?: unknown; meters?: Record<string, { register?: unknown }> }[] };

function readKept(path: string): Kept {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Kept;
  } catch {
    // Missing, or not whole: a bench starts again from zero.
    return {};
  }
}

export function openRegisterFile(path: string): RegisterFile {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const kept = readKept(path);
  const fd = openSync(path, "a+", 0o600);
  closeSync(fd);
  const file = openSync(path, "r+");
  return {
    register: (outlet, meter) => {
      const one = kept.outlets?.find(({ id }) => id === outlet)?.meters?.[meter]?.register;
      return typeof one === "number" && Number.isSafeInteger(one) && one >= 0 ? one : undefined;
    },
    write: (state) => {
      const line = JSON.stringify(state);
      if (line.length >= LINE_BYTES) throw new HalError("full", "a board has too many registers");
      writeSync(file, `${line.padEnd(LINE_BYTES - 1)}\n`, 0);
    },
    close: () => closeSync(file),
  };
}
