// Power cuts everywhere, and proof that they would find something: each planted defect must be caught.

import { execFile } from "node:child_process";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { requireBuilt } from "../support/built.ts";
import { DEFECTS, type Defect } from "./defects.ts";
import { cutEverywhere } from "./power-cuts.ts";

const run = promisify(execFile);

test("I1 I2 I3 I6 I7 I10: no power cut, at any commit, switch write or publish, breaks one", async () => {
  const report = await cutEverywhere();
  console.log(`power cuts: ${report.cuts}, violations: ${report.violations.length}`);
  expect(report.violations).toEqual([]);
  expect(report.cuts).toBeGreaterThan(150);
}, 60_000);

describe("a planted defect is caught", () => {
  for (const defect of DEFECTS) {
    test(defect.name, async () => {
      const folder = plant(defect);
      const { stdout } = await run(process.execPath, [
        join(folder, "test/sim/power-cuts.js"),
        "first",
      ]);
      const report = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
      rmSync(folder, { recursive: true });
      expect(report.violations).not.toEqual([]);
    }, 60_000);
  }
});

/** A copy of the built code with the defect in it; below build/, so that packages are found from there. */
function plant(defect: Defect): string {
  requireBuilt("test/sim/power-cuts.js");
  const build = fileURLToPath(new URL("../../build", import.meta.url));
  const folder = join(build, "defects", defect.name.replaceAll(" ", "-"));
  for (const part of ["firmware", "hal", "boards", "test"]) {
    cpSync(join(build, part), join(folder, part), { recursive: true });
  }
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
