// Small text files of the kernel: read whole, bounded, and found by the name that a device gives itself, because its
// number changes from one start to the next.

import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { HalError } from "../hal-error.ts";

/** Of a longer file nothing: it is not what it should be. Throws HalError `disconnected`. */
export async function readSmallFile(path: string, bytesMax: number): Promise<string> {
  try {
    // Without O_NONBLOCK, opening a pipe would wait for a writer.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const buffer = Buffer.alloc(bytesMax + 1);
      const { bytesRead } = await file.read(buffer, 0, bytesMax + 1, 0);
      return bytesRead > bytesMax ? "" : buffer.toString("latin1", 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new HalError("disconnected", `${path} cannot be read`, error);
  }
}

/** Undefined where there is no such file. */
export async function readIfThere(path: string, bytesMax: number): Promise<string | undefined> {
  try {
    return await readSmallFile(path, bytesMax);
  } catch (error) {
    if (error instanceof HalError && isMissing(error.cause)) return undefined;
    throw error;
  }
}

function isMissing(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && cause.code === "ENOENT";
}

/** Devices that one folder may list. */
const DEVICES_MAX = 256;
const NAME_BYTES_MAX = 64;

/** Whether the device in this folder calls itself so; false where there is none. */
export async function isNamed(path: string, name: string): Promise<boolean> {
  const text = await readSmallFile(join(path, "name"), NAME_BYTES_MAX).catch(() => "");
  return text.trim() === name;
}

/** The folder of the one device under `folder` whose file `name` says so. Throws HalError `disconnected`. */
export async function findNamed(folder: string, name: string): Promise<string> {
  const entries = await readdir(folder).catch((error: unknown) => {
    throw new HalError("disconnected", `${folder} cannot be read`, error);
  });
  const found: string[] = [];
  for (const entry of entries.slice(0, DEVICES_MAX)) {
    const path = join(folder, entry);
    if (await isNamed(path, name)) found.push(path);
  }
  const [path] = found;
  if (path !== undefined && found.length === 1) return path;
  const what = path === undefined ? "nothing" : `more than one device`;
  throw new HalError("disconnected", `under ${folder} ${what} is called ${name}`);
}
