// How simulated actuators let go: a normal draw of the stated sigma for every stop, around a mean that wanders slowly.

import { expect, test } from "vitest";
import { seededRandom } from "../../../hal/sim/random.ts";
import { drawnStops, type StopPhysics } from "../../../hal/sim/sim-stops.ts";

const STILL: StopPhysics = {
  latencyMs: 20,
  runOnMs: 80,
  sigmaPermille: 50,
  driftPermillePerStop: 0,
  driftPermilleMax: 0,
};

function drawn(physics: StopPhysics, count: number) {
  const draw = drawnStops(seededRandom(1, "stops"), physics);
  return Array.from({ length: count }, draw);
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function sigmaOf(values: readonly number[]): number {
  const mean = meanOf(values);
  return Math.sqrt(meanOf(values.map((value) => (value - mean) ** 2)));
}

test("latency and run-on have their means and their sigma, and one says nothing of the other", () => {
  const stops = drawn(STILL, 20_000);
  const latencies = stops.map(({ latencyMs }) => latencyMs);
  const runOns = stops.map(({ runOnMs }) => runOnMs);
  expect(meanOf(latencies)).toBeCloseTo(20, 1);
  expect(sigmaOf(latencies)).toBeCloseTo(1, 1);
  expect(meanOf(runOns)).toBeCloseTo(80, 0);
  expect(sigmaOf(runOns)).toBeCloseTo(4, 0);
  const both = stops.map(({ latencyMs, runOnMs }) => (latencyMs - 20) * (runOnMs - 80));
  expect(Math.abs(meanOf(both))).toBeLessThan(0.15);
  // As often beyond three sigma as a normal draw: 27 in 10,000.
  const far = latencies.filter((latency) => Math.abs(latency - 20) > 3).length;
  expect(far).toBeGreaterThan(30);
  expect(far).toBeLessThan(80);
});

test("the means wander by so much a stop, there and back again within the most", () => {
  const drift = { sigmaPermille: 0, driftPermillePerStop: 10, driftPermilleMax: 50 };
  const latencies = drawn({ ...STILL, ...drift }, 12).map(({ latencyMs }) => latencyMs);
  const permille = latencies.map((latency) => Math.round((latency / 20 - 1) * 1000));
  expect(permille).toEqual([10, 20, 30, 40, 50, 40, 30, 20, 10, 0, -10, -20]);
});
