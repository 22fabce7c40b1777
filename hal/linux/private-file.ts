// Files that only their owner may read: checked on the opened descriptor, so that nothing can be swapped
// between the check and the reading.

import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { userInfo } from "node:os";
import { HalError } from "../hal-error.ts";

/** Undefined when there is none. Throws HalError `refused`, naming the file and what to do about it. */
export function readPrivateFile(path: string, bytesMax: number): Uint8Array | undefined {
  let fd: number;
  try {
    // Without O_NONBLOCK, opening a pipe would wait for a writer.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new HalError("refused", `${path} cannot be read (${code})`, error);
  }
  try {
    const { mode, uid, size } = fstatSync(fd);
    const own = userInfo().uid;
    if ((mode & 0o170000) !== 0o100000) throw new HalError("refused", `${path} is no plain file`);
    if (uid !== own) {
      throw new HalError("refused", `${path} belongs to user ${uid}: chown it to user ${own}`);
    }
    if ((mode & 0o077) !== 0) {
      const shown = (mode & 0o777).toString(8).padStart(4, "0");
      throw new HalError("refused", `${path} is open to others (mode ${shown}): chmod 600 ${path}`);
    }
    if (size > bytesMax) {
      throw new HalError("refused", `${path} is larger than ${bytesMax} bytes: it is none of ours`);
    }
    const bytes = new Uint8Array(size);
    return bytes.subarray(0, readSync(fd, bytes, 0, size, 0));
  } finally {
    closeSync(fd);
  }
}
