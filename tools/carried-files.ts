// The files that a device file names by a relative path, and those that its modules import in turn: they have to be carried
// to the board with it, so each must lie within the folder of the device file.

import { realpathSync, statSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, isAbsolute, join, normalize, relative, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type Fault, fail, ok, type Result } from "../firmware/result.ts";
import { namedFiles, readText } from "./device-file.ts";
import { type ModuleImport, moduleImports } from "./module-imports.ts";

const FILE_BYTES_MAX = 1024 * 1024;
const FILES_MAX = 200;
/** A line of plain text each, and nothing that a shell or tar would take for more. */
const PLAIN = /^[\w.@+][\w.@+/ -]*$/;
const SCRIPT = /\.[cm]?js$/;
const IMPORTABLE = /\.(?:[cm]?js|json)$/;
/** What `require` tries where there is no file of that very name. */
const REQUIRE_ENDINGS = ["", ".js", ".json", "/index.js"] as const;

/** Where a file comes into it: "it names ./a.mjs", "its module a.mjs imports ./b.mjs". */
interface Wanted {
  file: string;
  why: string;
  isModule: boolean;
}

/** Relative to the folder of the device file. Errors: those of the device file, and `not-found`, `malformed`, `too-large`. */
export function carriedFiles(path: string): Result<readonly string[]> {
  const named = namedFiles(path);
  if (!named.ok) return named;
  const folder = dirname(path);
  const { files, modules } = named.value;
  const waiting: Wanted[] = files
    .filter((name) => !isAbsolute(name))
    .map((name) => {
      return { file: normalize(name), why: `it names ${name}`, isModule: modules.has(name) };
    });
  const carried = new Set<string>();
  const followed = new Set<string>();
  for (let wanted = waiting.shift(); wanted !== undefined; wanted = waiting.shift()) {
    const { file, why, isModule } = wanted;
    const checked = carried.has(file) ? ok(undefined) : checkFile(folder, file);
    if (!checked.ok) return about(path, why, checked.fault);
    carried.add(file);
    if (carried.size > FILES_MAX) {
      const message = `needs more than ${FILES_MAX} files: bundle its modules into one file each`;
      return fail("too-large", `device file ${path}: ${message}`);
    }
    if (!isModule || followed.has(file)) continue;
    followed.add(file);
    const imported = importsOf(folder, file);
    if (!imported.ok)
      return fail(imported.fault.kind, `device file ${path}: ${imported.fault.message}`);
    waiting.push(...imported.value);
  }
  return ok([...carried].sort());
}

function about(path: string, why: string, { kind, message }: Fault): Result<never> {
  return fail(kind, `device file ${path}: ${why}, which ${message}`);
}

/** The files beside it that a module needs, however they are asked for. Errors say which module it is. */
function importsOf(folder: string, file: string): Result<readonly Wanted[]> {
  const text = readText(join(folder, file), FILE_BYTES_MAX);
  if (!text.ok) return fail(text.fault.kind, `its module ${file} ${text.fault.message}`);
  const asked = moduleImports(text.value);
  if (!asked.ok) return fail(asked.fault.kind, `its module ${file}, ${asked.fault.message}`);
  const wanted: Wanted[] = [];
  for (const one of asked.value) {
    const why = `its module ${file} ${one.by}s ${one.specifier}`;
    const found = fileOf(folder, file, one);
    if (!found.ok) return fail(found.fault.kind, `${why}, which ${found.fault.message}`);
    if (found.value === undefined) continue;
    wanted.push({ file: found.value, why, isModule: SCRIPT.test(found.value) });
  }
  return ok(wanted);
}

/** Undefined for what is on every board, or has to be there under a path of its own. */
function fileOf(
  folder: string,
  file: string,
  { specifier, by }: ModuleImport,
): Result<string | undefined> {
  if (/^sluice\//.test(specifier) || isBuiltin(specifier)) return ok(undefined);
  if (/^(?:\/|file:|data:)/.test(specifier)) return ok(undefined);
  if (!/^\.{1,2}(?:\/|$)/.test(specifier)) {
    const message = "is a package, and the board has none but sluice: bundle it into one file";
    return fail("malformed", `${message} with the module`);
  }
  const from = resolve(folder, file);
  const path = by === "import" ? importedPath(from, specifier) : requiredPath(from, specifier);
  if (path === undefined) return fail("malformed", "is no path of a file: write it out plainly");
  if (IMPORTABLE.test(path)) return ok(relative(resolve(folder), path));
  return fail("malformed", "does not end in .mjs, .cjs, .js or .json: name the file whole");
}

/** By the rules of a URL, in which a blank may be %20 and a query may follow. */
function importedPath(from: string, specifier: string): string | undefined {
  try {
    return fileURLToPath(new URL(specifier, pathToFileURL(from)));
  } catch {
    return undefined;
  }
}

function requiredPath(from: string, specifier: string): string {
  const path = resolve(dirname(from), specifier);
  const ending = REQUIRE_ENDINGS.find((each) =>
    statSync(path + each, { throwIfNoEntry: false })?.isFile(),
  );
  return path + (ending ?? "");
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
