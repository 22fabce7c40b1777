// Power cuts of payments over the simulated host, and proof that they would find something.

import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { requireBuilt } from "../support/built.ts";
import { PAYMENT_DEFECTS } from "./defects.ts";
import { cutPayments } from "./payment-cuts.ts";
import { plant } from "./planted.ts";

const run = promisify(execFile);

test("I1 I2 I6: no power cut parts the host's books from the device's, on the simulated host", async () => {
  const { cuts, violations } = await cutPayments(["simulated"]);
  console.log(`power cuts of payments, simulated host: ${cuts}, violations: ${violations.length}`);
  expect(violations).toEqual([]);
  expect(cuts).toBeGreaterThan(350);
}, 600_000);

describe("a planted defect of the payment side is caught", () => {
  for (const defect of PAYMENT_DEFECTS) {
    test(defect.name, async () => {
      requireBuilt("test/sim/payment-cuts.js");
      const folder = plant(defect);
      const program = join(folder, "test/sim/payment-cuts.js");
      const { stdout } = await run(process.execPath, [program, "first", defect.scenario]);
      const report = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
      rmSync(folder, { recursive: true });
      expect(report.violations).not.toEqual([]);
    }, 120_000);
  }
});
