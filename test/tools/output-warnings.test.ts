// What is said at the start of a device on the metal: which of its outputs only programs hold open.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { COMPUTERS } from "../../boards/computers.ts";
import { genericPump } from "../../boards/generic-pump.ts";
import { piPump } from "../../boards/pi-pump.ts";
import { virtualCharger } from "../../boards/virtual-charger.ts";
import type { LineWiring } from "../../hal/board.ts";
import type { Computer } from "../../hal/computer.ts";
import { fitBoard } from "../../hal/fit-board.ts";
import { outputWarnings } from "../../tools/output-warnings.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "sluice-warnings-"));
});

afterEach(() => rmSync(root, { recursive: true }));

function computer(name: string): Computer {
  const found = COMPUTERS.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no computer ${name}`);
  return found;
}

const PI = computer("raspberry-pi-4b");

function persists(value: string): void {
  const folder = join(root, "sys/module/pinctrl_bcm2835/parameters");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "persist_gpio_outputs"), value);
}

function pump(lines: Record<string, LineWiring>) {
  return fitBoard(piPump, { serial: {}, lines });
}

test("I7: nothing, where the pins rest open and the kernel lets go of them", () => {
  expect(outputWarnings(piPump, PI, root)).toEqual([]);
  persists("N\n");
  expect(outputWarnings(piPump, PI, root)).toEqual([]);
});

test.each([
  ["a pin that is pulled to where it closes", { pin: "7" }],
  ["an output that is active low on a pin that is pulled down", { pin: "16", activeLow: true }],
  ["a resistor that closes it", { pin: "11", resistor: "pull-up" }],
] as const)("I7: the line is named that has %s", (_, wiring) => {
  const [warning, ...more] = outputWarnings(pump({ "valve-wide": wiring }), PI, root);
  expect(warning).toContain(`these outputs open: valve-wide (pin ${wiring.pin}). `);
  expect(more).toEqual([]);
});

test("a resistor that holds it open ends the warning, whatever the pin does", () => {
  const held = pump({ "valve-wide": { pin: "7", resistor: "pull-down" } });
  expect(outputWarnings(held, PI, root)).toEqual([]);
});

test("of a computer whose pins nobody knows every output without a resistor is named", () => {
  const wired = fitBoard(genericPump, { serial: {}, lines: { valve: { pin: "gpio/3" } } });
  const [warning] = outputWarnings(wired, computer("generic-linux"), root);
  expect(warning).toContain("valve (pin gpio/3)");
});

test("I7: all of them, where the kernel keeps what a dead program left", () => {
  persists("Y\n");
  const [warning, ...more] = outputWarnings(piPump, PI, root);
  expect(warning).toContain("opens valve-wide (pin 11), valve-narrow (pin 13). ");
  expect(more).toEqual([]);
});

test("a board that does not exist needs no wiring", () => {
  persists("Y\n");
  expect(outputWarnings(virtualCharger, PI, root)).toEqual([]);
});
