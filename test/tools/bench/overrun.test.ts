// The overrun bench on fewer stops: our loop lands within one pulse on every actuator and says the truth of each stop;
// the polling loop and the counting of interrupts, on the same metal, do not.

import { describe, expect, test } from "vitest";
import { type Misses, measureOverrun, overrunTable } from "../../../tools/bench/overrun.ts";
import { actuators } from "../../../tools/bench/overrun-actuators.ts";

function total(misses: Misses): number {
  return [...misses.values()].reduce((sum, times) => sum + times, 0);
}

describe("the overrun bench", () => {
  const overrun = measureOverrun(240);

  test("I8: every delivery ends within one pulse of what was sold, as its receipt will say", () => {
    expect(overrun.stops).toBe(240);
    expect(overrun.rows).toHaveLength(actuators().length);
    expect(overrun.overrunPulsesMax).toBeLessThanOrEqual(1);
    expect(overrun.shortPulsesMax).toBeLessThanOrEqual(1);
    expect(overrun.overrunWithinOnePulse).toBe(1);
    expect(overrun.misstated).toBe(0);
    expect(total(overrun.learning)).toBe(16 * actuators().length);
  });

  test("who looks once a second, or loses interrupts, pours on", () => {
    expect(total(overrun.polling)).toBe(216);
    expect(total(overrun.interrupts)).toBe(216);
    expect(Math.max(...overrun.polling.keys())).toBeGreaterThan(50);
    expect(Math.max(...overrun.interrupts.keys())).toBeGreaterThan(4);
  });

  test("has a row for each actuator, and for the others", () => {
    const lines = overrunTable(overrun).split("\n");
    expect(lines).toHaveLength(1 + actuators().length + 4);
    expect(lines.find((line) => line.startsWith("all"))).toMatch(/100\.00 %$/);
  });
});

test("a pulse shorter than three sigma has a valve with two stages, and one that is not has none", () => {
  for (const { board, pulsesPerSecond, stops } of actuators()) {
    const { latencyMs, runOnMs, sigmaPermille } = stops;
    const sigmaMs = (Math.hypot(latencyMs, runOnMs / 2) * sigmaPermille) / 1000;
    const isTwoStage = board.outlets[0]?.switch.kind === "two-stage-valve";
    expect(isTwoStage).toBe(1000 / pulsesPerSecond < 3 * sigmaMs);
    // What varies is at least 5 % of the whole.
    expect(sigmaMs).toBeGreaterThanOrEqual((latencyMs + runOnMs / 2) * 0.05);
  }
});
