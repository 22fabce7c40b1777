// Bytes as a user gives them: hexadecimal on the command line, a file of hexadecimal or of the bytes
// themselves, or standard input for "-". Never more than a bound is read.

import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { fromHex } from "../firmware/bytes.ts";
import { fail, ok, type Result } from "../firmware/result.ts";

/** Hexadecimal with white space takes three characters a byte. */
const CHARACTERS_A_BYTE = 3;

/** Errors: `not-found` for what is neither hexadecimal nor a file, `too-large`. */
export function readGivenBytes(given: string, bytesMax: number): Result<Uint8Array> {
  const typed = given === "-" || existsSync(given) ? undefined : fromHexText(given);
  if (typed !== undefined) return bounded(typed, bytesMax);
  const read = readWhole(given, CHARACTERS_A_BYTE * bytesMax);
  if (!read.ok) return read;
  const text = Buffer.from(read.value).toString("latin1");
  return bounded(fromHexText(text) ?? read.value, bytesMax);
}

/** A file as it is; "-" is standard input. Errors: `not-found`, `too-large`. */
export function readWhole(path: string, bytesMax: number): Result<Uint8Array> {
  let fd: number;
  try {
    fd = path === "-" ? 0 : openSync(path, "r");
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    return fail(
      "not-found",
      `${shortened(path)} is neither hexadecimal nor a file that can be read (${code})`,
    );
  }
  try {
    const bytes = Buffer.alloc(bytesMax + 1);
    let length = 0;
    for (;;) {
      const count = readSome(fd, bytes, length);
      if (count === 0) break;
      length += count;
    }
    return bounded(new Uint8Array(bytes.subarray(0, length)), bytesMax);
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    return fail("not-found", `${shortened(path)} cannot be read (${code})`);
  } finally {
    if (fd !== 0) closeSync(fd);
  }
}

function readSome(fd: number, bytes: Buffer, offset: number): number {
  if (offset === bytes.length) return 0;
  try {
    return readSync(fd, bytes, offset, bytes.length - offset, null);
  } catch (error) {
    // A pipe that was closed reads as its end on some systems and as this on others.
    if ((error as { code?: unknown }).code === "EOF") return 0;
    throw error;
  }
}

function bounded(bytes: Uint8Array, bytesMax: number): Result<Uint8Array> {
  return bytes.length <= bytesMax ? ok(bytes) : fail("too-large", `more than ${bytesMax} bytes`);
}

function fromHexText(text: string): Uint8Array | undefined {
  const digits = text.replace(/\s+/g, "");
  return digits === "" ? undefined : fromHex(digits);
}

function shortened(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
