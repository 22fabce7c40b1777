// The time meter: remainders, wake-ups.

import { expect, test } from "vitest";
import { openTimeMeter } from "../../../hal/drivers/time-meter.ts";
import { simWorld } from "../../../hal/sim/world.ts";

const PART = {
  kind: "time",
  id: "time",
  unit: "min",
  pulsesPerUnit: { numerator: 60, denominator: 1 },
  pulseMs: 1000,
} as const;

test("counts a pulse when a full second of closed time is over, pauses not counted", () => {
  const world = simWorld({ seed: 1 });
  const meter = openTimeMeter(world.clock, PART);
  for (let i = 0; i < 3; i++) {
    meter.follow(true);
    world.advance(333);
    meter.follow(false);
    world.advance(5_000);
  }
  expect(meter.read().count).toBe(0);
  meter.follow(true);
  world.advance(1);
  expect(meter.read().count).toBe(1);
});

test("wakes at each pulse, on time in spite of fractions, and leaves no timer when open", () => {
  const world = simWorld({ seed: 1 });
  world.advance(0.1);
  const meter = openTimeMeter(world.clock, { ...PART, pulseMs: 0.3 });
  const counts: number[] = [];
  meter.onChange(() => counts.push(meter.read().count));
  meter.follow(true);
  world.advance(3_000);
  expect(counts).toEqual(Array.from({ length: 10_000 }, (_, i) => i + 1));
  meter.follow(false);
  expect(world.eventsWaiting()).toBe(0);
});
