// Files beside keys that are no secret: written whole or not at all, read with a bound.

import { closeSync, openSync, readFileSync, rmSync, statSync } from "node:fs";
import { fail, type Result } from "../firmware/result.ts";
import { HalError } from "../hal/hal-error.ts";
import { writeWholeFile } from "../hal/linux/whole-file.ts";

export function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Undefined when there is none. Throws HalError `corrupt` for what is larger or no file, `refused`. */
export function readSmall(path: string, bytesMax: number): Uint8Array | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  if (!stat.isFile() || stat.size > bytesMax)
    throw new HalError("corrupt", `${path} is none of ours: it is a folder, or too large`);
  try {
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    throw new HalError("refused", `${path} cannot be read`, error);
  }
}

/** Never over a file that exists. Throws HalError `refused`. */
export function writeNew(path: string, content: string | Uint8Array): void {
  write(path, content, false);
}

/** In the place of what was there. Throws HalError `refused`; then what was there still is. */
export function replace(path: string, content: string | Uint8Array): void {
  write(path, content, true);
}

/**
 * Does what reads a file and writes it again while no other process does. Error: `exists`. Throws HalError
 * `refused` for a folder that cannot be written.
 */
export function alone<T>(path: string, work: () => Result<T>): Result<T> {
  const lock = `${path}.lock`;
  try {
    closeSync(openSync(lock, "wx", 0o600));
  } catch (error) {
    if ((error as { code?: unknown }).code !== "EEXIST")
      throw new HalError("refused", `${path} cannot be written`, error);
    return fail(
      "exists",
      `${path} is being changed by another process; if by none, remove ${lock}`,
    );
  }
  try {
    return work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function write(path: string, content: string | Uint8Array, over: boolean): void {
  try {
    writeWholeFile(path, { content, mode: 0o644, over });
  } catch (error) {
    throw new HalError("refused", `${path} cannot be written`, error);
  }
}
