// The files that a device file names by a relative path: they have to be carried to the board with it, so each must lie within
// the folder of the device file.

import { realpathSync, statSync } from "node:fs";
import { dirname, isAbsolute, join, normalize, sep } from "node:path";
import { fail, ok, type Result } from "../firmware/result.ts";
import { namedFiles } from "./device-file.ts";

const FILE_BYTES_MAX = 1024 * 1024;
/** A line of plain text each, and nothing that a shell or tar would take for more. */
const PLAIN = /^[\w.@+][\w.@+/ -]*$/;

/** Relative to the folder of the device file. Errors: those of the device file, and `not-found`, `malformed`, `too-large`. */
export function carriedFiles(path: string): Result<readonly string[]> {
  const named = namedFiles(path);
  if (!named.ok) return named;
  const folder = dirname(path);
  const carried = new Set<string>();
  for (const name of named.value) {
    if (isAbsolute(name)) continue;
    const file = normalize(name);
    const checked = checkFile(folder, file);
    if (!checked.ok) {
      const { kind, message } = checked.fault;
      return fail(kind, `device file ${path}: it names ${name}, which ${message}`);
    }
    carried.add(file);
  }
  return ok([...carried].sort());
}

function checkFile(folder: string, file: string): Result<void> {
  const outside =
    "lies outside of its folder: put it beside the device file, or name it by the path that it has on the board";
  if (file === ".." || file.startsWith(`..${sep}`)) return fail("malformed", outside);
  if (!PLAIN.test(file)) return fail("malformed", "has a name of odd characters: rename it");
  if (file === "device.yaml")
    return fail("malformed", "is the name that the device file itself gets: rename it");
  const path = join(folder, file);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return fail("not-found", "is not there");
  if (!stat.isFile()) return fail("malformed", "is no plain file");
  if (stat.size > FILE_BYTES_MAX)
    return fail("too-large", `is larger than ${FILE_BYTES_MAX} bytes`);
  // By a link it would carry something else than what lies there.
  if (!realpathSync(path).startsWith(`${realpathSync(folder)}${sep}`))
    return fail("malformed", outside);
  return ok(undefined);
}
