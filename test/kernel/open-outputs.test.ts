// What the service manager runs when everything of ours has died, the guard too: an output that was left closed opens, and
// a line that another program holds is named.

import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FLAG_OUTPUT, requestLine } from "../../hal/linux/gpio-chip.ts";
import { SYSFS_GPIO, sysfsNumber } from "../../hal/linux/gpio-sysfs.ts";
import { requireBuilt } from "../support/built.ts";
import { type GpioSim, locateOn, openGpioSim } from "./gpio-sim-bench.ts";
import { guestMissing } from "./guest.ts";

const PROGRAM = "tools/open-outputs.js";
const VALVE = 0;
const FLOW = 2;
const LIMIT_MS = 100_000;
const missing = guestMissing();

let sim: GpioSim;
let folder: string;

beforeEach(() => {
  if (missing !== undefined) return;
  requireBuilt(PROGRAM);
  sim = openGpioSim();
  folder = mkdtempSync(join(tmpdir(), "sluice-open-outputs-"));
});

afterEach(() => {
  if (missing !== undefined) return;
  rmSync(folder, { recursive: true });
  sim.close();
});

function openOutputs() {
  const file = join(folder, "device.yaml");
  const price = "{ id: 1, name: per litre, amountMinor: 2, currency: EUR }";
  const lines = [
    "version: 1",
    "name: Pump",
    "board: generic-pump",
    `lines: { valve: { pin: ${sim.label}/${VALVE} }, flow: { pin: ${sim.label}/${FLOW} } }`,
    "policy: { quantumPulses: 90, loss: seller }",
    "services:",
    "  - { id: 1, name: Water, outlet: nozzle, meter: flow, unitsMax: 100, tokenLifeHours: 1,",
    `      undelivered: refund, prices: [${price}] }`,
    "",
  ];
  writeFileSync(file, lines.join("\n"));
  const program = fileURLToPath(new URL(`../../build/${PROGRAM}`, import.meta.url));
  return spawnSync(process.execPath, [program, file], { encoding: "utf8", timeout: LIMIT_MS });
}

function testOutputs(): void {
  test(
    "I7: an output that a dead program left closed in sysfs is open afterwards",
    () => {
      const { chip, offset } = locateOn(sim)(String(VALVE));
      const number = sysfsNumber(chip, offset);
      writeFileSync(`${SYSFS_GPIO}/export`, String(number));
      writeFileSync(`${SYSFS_GPIO}/gpio${number}/direction`, "high");
      expect(sim.level(VALVE)).toBe(true);
      const { status, stderr } = openOutputs();
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      expect(sim.level(VALVE)).toBe(false);
    },
    LIMIT_MS,
  );

  test(
    "I7: a line that another program holds is named, and stays that program's",
    () => {
      const { chip, offset } = locateOn(sim)(String(VALVE));
      const fd = requestLine({
        path: chip.path,
        offset,
        consumer: "heating",
        flags: FLAG_OUTPUT,
        active: true,
      });
      try {
        const { status, stderr } = openOutputs();
        expect(status).toBe(1);
        expect(stderr).toContain("held by heating");
        expect(sim.level(VALVE)).toBe(true);
      } finally {
        closeSync(fd);
      }
    },
    LIMIT_MS,
  );
}

if (missing === undefined) testOutputs();
else test("who opens the outputs when everything has died", ({ skip }) => skip(missing));
