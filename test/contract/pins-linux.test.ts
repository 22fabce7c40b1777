// The pin contract on lines of a real kernel, over both drivers, and what only lines of a kernel can show: levels
// before and after the program, wires that are low when active, who holds a line, pulses while the process is stalled.

import { closeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Gpio } from "onoff";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { HalError } from "../../hal/hal-error.ts";
import { FLAG_OUTPUT, requestLine } from "../../hal/linux/gpio-chip.ts";
import { openChipLines } from "../../hal/linux/gpio-chip-lines.ts";
import { sysfsNumber } from "../../hal/linux/gpio-sysfs.ts";
import { openOnoffLines } from "../../hal/linux/onoff-lines.ts";
import type { Lines } from "../../hal/pin.ts";
import {
  type GpioSim,
  gpioSimMissing,
  holdMs,
  locateOn,
  openGpioSim,
} from "../kernel/gpio-sim-bench.ts";
import { describeLines, type LinesUnderTest } from "./pins.ts";

const missing = gpioSimMissing();
const drivers = { onoff: openOnoffLines, gpiochip: openChipLines };
const OUTPUT = 0;
const INPUT = 1;
const EDGES = 2;

/** Remembers what is opened, so that the next test finds the lines free. */
function closing(lines: Lines): { lines: Lines; close(): void } {
  const opened: { close(): void }[] = [];
  const keep = <T extends { close(): void }>(pin: T): T => {
    opened.push(pin);
    return pin;
  };
  return {
    lines: {
      output: (line) => keep(lines.output(line)),
      input: (line) => keep(lines.input(line)),
      edges: (line) => keep(lines.edges(line)),
    },
    close: () => {
      for (const pin of opened) pin.close();
    },
  };
}

function bench(driver: keyof typeof drivers, activeLow: boolean): LinesUnderTest {
  const sim = openGpioSim();
  const wiring = activeLow ? { activeLow: true as const } : {};
  const { lines, close } = closing(drivers[driver](locateOn(sim, wiring)));
  const drive = (offset: number, active: boolean): void => sim.pull(offset, active !== activeLow);
  for (const offset of [OUTPUT, INPUT, EDGES]) drive(offset, false);
  return {
    lines,
    names: { output: String(OUTPUT), input: String(INPUT), edges: String(EDGES) },
    level: () => sim.level(OUTPUT) !== activeLow,
    drive: (active) => drive(INPUT, active),
    pulse: async (count) => {
      // onoff is late by up to 61 ms on an emulated machine, and a pulse that is over by then was none to it.
      const levelMs = driver === "onoff" ? 100 : 5;
      for (let i = 0; i < count; i++) {
        drive(EDGES, true);
        await sleep(levelMs);
        drive(EDGES, false);
        await sleep(levelMs);
      }
    },
    close: () => {
      close();
      sim.close();
    },
  };
}

if (missing === undefined) {
  for (const driver of ["onoff", "gpiochip"] as const) {
    describeLines(driver, () => bench(driver, false));
    describeLines(`${driver}, wires low when active`, () => bench(driver, true));
  }
  describe("lines of a kernel", testKernelLines);
} else {
  for (const name of ["onoff", "gpiochip"]) {
    describe(`pin contract: ${name}`, () => {
      test("keeps the contract", ({ skip }) => skip(missing));
    });
  }
}

function testKernelLines(): void {
  let sim: GpioSim;
  let kept: { lines: Lines; close(): void }[] = [];
  const linesOf = (driver: keyof typeof drivers, wiring = {}): Lines => {
    const one = closing(drivers[driver](locateOn(sim, wiring)));
    kept.push(one);
    return one.lines;
  };
  beforeEach(() => {
    sim = openGpioSim();
  });
  afterEach(() => {
    for (const one of kept) one.close();
    kept = [];
    sim.close();
  });

  for (const driver of ["onoff", "gpiochip"] as const) {
    test(`${driver}: who holds a line is named`, () => {
      const { chip } = locateOn(sim)("0");
      const fd = requestLine({
        path: chip.path,
        offset: 0,
        flags: FLAG_OUTPUT,
        consumer: "somebody-else",
      });
      let said: unknown;
      try {
        linesOf(driver).output("0");
      } catch (error) {
        said = error;
      }
      closeSync(fd);
      expect(said).toBeInstanceOf(HalError);
      expect(String(said)).toMatch(/busy: held by somebody-else; stop that/);
      linesOf(driver).output("0").set(true);
      expect(sim.level(0)).toBe(true);
    });

    test(`${driver}: an active-low output is high from its first moment to its last`, () => {
      sim.pull(0, true);
      const pin = linesOf(driver, { activeLow: true }).output("0");
      expect(sim.level(0)).toBe(true);
      pin.set(true);
      expect(sim.level(0)).toBe(false);
      pin.close();
      expect(sim.level(0)).toBe(true);
    });

    test(`${driver}: a line left exported and closed by a program that died opens at its safe level`, () => {
      const { chip } = locateOn(sim)("0");
      const number = sysfsNumber(chip, 0) ?? -1;
      new Gpio(number, "high");
      expect(sim.level(0)).toBe(true);
      linesOf(driver).output("0");
      expect(sim.level(0)).toBe(false);
    });
  }

  test("gpiochip: pulses while the process is stalled are all counted, and dated", () => {
    const input = linesOf("gpiochip").edges("2");
    const opened = { ...input.edges() };
    // Five times as many as the kernel keeps events for us.
    for (let pulse = 0; pulse < 320; pulse++) {
      sim.pull(2, true);
      holdMs(1);
      sim.pull(2, false);
      holdMs(1);
    }
    const endMs = performance.now();
    holdMs(20);
    const counted = input.edges();
    expect(counted.count).toBe(320);
    expect(counted.atMs).toBeGreaterThan(endMs - 100);
    expect(counted.atMs).toBeLessThanOrEqual(endMs + 1);
    expect(counted.atMs).toBeGreaterThan(opened.atMs);
  });

  test("gpiochip: of a bouncing contact one edge is counted", async () => {
    const input = linesOf("gpiochip", { debounceMs: 20 }).edges("2");
    for (let pulse = 0; pulse < 3; pulse++) {
      for (const high of [true, false, true, false, true]) {
        sim.pull(2, high);
        holdMs(2);
      }
      await sleep(80);
      for (const high of [false, true, false]) {
        sim.pull(2, high);
        holdMs(2);
      }
      await sleep(80);
    }
    expect(input.edges().count).toBe(3);
  });

  test("gpiochip: a pull of the wiring is set", () => {
    linesOf("gpiochip", { bias: "pull-up" }).input("3");
    expect(sim.level(3)).toBe(true);
  });

  test("gpiochip: a chip that is taken away is a lost line, to reader and listener", async () => {
    const away = openGpioSim();
    const lines = openChipLines(locateOn(away));
    const input = lines.input("1");
    const edges = lines.edges("2");
    const output = lines.output("0");
    let woken = 0;
    edges.onEdge(() => woken++);
    away.close();
    await sleep(50);
    const kinds = [() => input.read(), () => edges.edges(), () => output.set(true)].map((call) => {
      try {
        call();
        return "nothing";
      } catch (error) {
        return error instanceof HalError ? error.kind : String(error);
      }
    });
    expect(kinds).toEqual(["disconnected", "disconnected", "disconnected"]);
    expect(woken).toBe(1);
    for (const pin of [input, edges, output]) pin.close();
  });
}
