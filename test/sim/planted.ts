// A copy of the built code with a defect in it, to prove that a suite finds what it looks for.

import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Defect } from "./defects.ts";

const PARTS = ["bench", "firmware", "hal", "boards", "tools", "test"];

/** The folder of the copy; below build/, so that packages are found from there. */
export function plant(defect: Defect): string {
  const build = fileURLToPath(new URL("../../build", import.meta.url));
  const folder = join(build, "defects", defect.name.replaceAll(" ", "-"));
  for (const part of PARTS) cpSync(join(build, part), join(folder, part), { recursive: true });
  const path = join(folder, defect.file);
  let text = readFileSync(path, "utf8");
  for (const [find, replace] of defect.changes) {
    const pieces = text.split(find);
    if (pieces.length !== 2)
      throw new Error(`${defect.file} holds "${find}" ${pieces.length - 1} times`);
    text = pieces.join(replace);
  }
  writeFileSync(path, text);
  return folder;
}
