// Power cuts everywhere, and proof that they would find something: each planted defect must be caught.

import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { requireBuilt } from "../support/built.ts";
import { DEFECTS } from "./defects.ts";
import { plant } from "./planted.ts";
import { cutEverywhere } from "./power-cuts.ts";

const run = promisify(execFile);

test("I1 I2 I3 I6 I7 I10: no power cut, at any commit, switch write or publish, breaks one", async () => {
  const report = await cutEverywhere();
  console.log(`power cuts: ${report.cuts}, violations: ${report.violations.length}`);
  expect(report.violations).toEqual([]);
  expect(report.cuts).toBeGreaterThan(150);
}, 180_000);

describe("a planted defect is caught", () => {
  for (const defect of DEFECTS) {
    test(defect.name, async () => {
      requireBuilt("test/sim/power-cuts.js");
      const folder = plant(defect);
      const { stdout } = await run(process.execPath, [
        join(folder, "test/sim/power-cuts.js"),
        "first",
      ]);
      const report = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
      rmSync(folder, { recursive: true });
      expect(report.violations).not.toEqual([]);
    }, 180_000);
  }
});
