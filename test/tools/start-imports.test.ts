// Outputs are safe before anything else is loaded: what stands between the command and the loop is followed from file
// to file, and the libraries that it names are counted. What is imported later, by `import()`, is not in it.

import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
/** Of values, at the top of a file: what is for types alone is gone when it runs. */
const IMPORT = /^(?:import|export)\s(?!type\s)(?:[^;"]*?\sfrom\s)?"([^"]+)";/gm;

/** What is loaded with a file: files of ours by their path, libraries by name. */
function loadedWith(entry: string): { files: readonly string[]; libraries: readonly string[] } {
  const files = new Set([join(ROOT, entry)]);
  const libraries = new Set<string>();
  for (const file of files) {
    for (const [, name = ""] of readFileSync(file, "utf8").matchAll(IMPORT)) {
      if (name.startsWith(".")) files.add(join(dirname(file), name));
      else if (!name.startsWith("node:")) libraries.add(name);
    }
  }
  return {
    files: [...files].map((file) => relative(ROOT, file)),
    libraries: [...libraries].sort(),
  };
}

test.each([
  ["tools/sluice.ts", []],
  ["tools/commands/run.ts", []],
  ["firmware/main.ts", []],
  ["firmware/loop-main.ts", []],
  ["tools/device-file-worker.ts", ["ajv", "yaml"]],
])("%s brings no library that has to wait: %j", (entry, expected) => {
  expect(loadedWith(entry).libraries).toEqual(expected);
});

test("a library that is loaded with a file is seen", () => {
  expect(loadedWith("firmware/token/offer.ts").libraries).toEqual(["cbor-x"]);
});

test("the thread that reads the device file is started before the device's program is loaded", () => {
  const { files } = loadedWith("tools/commands/run.ts");
  expect(files).toContain("tools/device-file-apart.ts");
  expect(files).not.toContain("firmware/main.ts");
});
