// The start signal beyond the Switch contract: how long its pulse is, and what a line that is gone does to it.

import { describe, expect, test } from "vitest";
import { openStartSignal } from "../../../hal/drivers/start-signal.ts";
import { HalError } from "../../../hal/hal-error.ts";
import { simPins } from "../../../hal/sim/sim-pins.ts";
import { simWorld } from "../../../hal/sim/world.ts";

function bench() {
  const world = simWorld({ seed: 1 });
  const pins = simPins(world);
  const levels: [number, boolean][] = [];
  pins.onDriven("start", (active) => levels.push([world.nowMs(), active]));
  const part = { kind: "start-signal", line: "start", pulseMs: 200 } as const;
  const start = openStartSignal(pins.lines.output("start"), world.clock, part);
  return { world, pins, levels, start };
}

describe("a start signal", () => {
  test("I7: is one pulse of its length and no longer, whatever is told meanwhile", () => {
    const { world, levels, start } = bench();
    start.set(true);
    world.advance(150);
    start.set(true);
    world.advance(10_000);
    start.set(true);
    start.state();
    world.advance(10_000);
    expect(levels).toEqual([
      [0, true],
      [200, false],
    ]);
    expect(start.state()).toEqual({ closed: true, contact: "unknown" });
  });

  test("gives another pulse only after it was told to open", () => {
    const { world, levels, start } = bench();
    start.set(true);
    world.advance(1_000);
    start.set(false);
    start.set(true);
    world.advance(1_000);
    expect(levels).toEqual([
      [0, true],
      [200, false],
      [1_000, true],
      [1_200, false],
    ]);
  });

  test("falls at once when it is told to open in the middle, and the next pulse is whole", () => {
    const { world, levels, start } = bench();
    start.set(true);
    world.advance(50);
    start.set(false);
    world.advance(100);
    start.set(true);
    world.advance(1_000);
    expect(levels).toEqual([
      [0, true],
      [50, false],
      [150, true],
      [350, false],
    ]);
  });

  test("I7: closing in the middle of a pulse drops the line", () => {
    const { world, pins, start } = bench();
    start.set(true);
    world.advance(50);
    start.close();
    expect(pins.level("start")).toBe(false);
    world.advance(1_000);
    expect(pins.level("start")).toBe(false);
  });

  test("a line that is gone shows, and falls as soon as it is back", () => {
    const { world, pins, start } = bench();
    start.set(true);
    pins.unplug("start");
    world.advance(1_000);
    expect(pins.level("start")).toBe(true);
    expect(() => start.state()).toThrow(HalError);
    expect(() => start.set(false)).toThrow(HalError);
    expect(() => start.state()).toThrow(HalError);
    pins.plugIn("start");
    expect(start.state()).toEqual({ closed: false, contact: "unknown" });
    expect(pins.level("start")).toBe(false);
  });

  test("one that could not be given is not there later by itself", () => {
    const { world, pins, start, levels } = bench();
    pins.unplug("start");
    expect(() => start.set(true)).toThrow(HalError);
    expect(() => start.state()).toThrow(HalError);
    pins.plugIn("start");
    world.advance(1_000);
    start.state();
    expect(levels).toEqual([]);
  });
});
