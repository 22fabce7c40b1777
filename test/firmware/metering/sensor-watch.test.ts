// Sensors beside the metering loop: read when it says that it is alive, and told with their age.

import assert from "node:assert";
import { expect, test } from "vitest";
import { virtualPump } from "../../../boards/virtual-pump.ts";
import { watchSensor } from "../../../firmware/metering/sensor-watch.ts";
import { HalError } from "../../../hal/hal-error.ts";
import type { SensorReading } from "../../../hal/sensor.ts";
import { loopBench } from "./bench.ts";

test("the loop tells its sensors: the last reading, its age, and whether it is any good", () => {
  const bench = loopBench({ board: virtualPump });
  const tank = (): object => {
    const report = bench.reports.findLast(({ on }) => on === "alive" || on === "ready");
    return (report?.on === "alive" || report?.on === "ready") && report.sensors[0]
      ? report.sensors[0]
      : {};
  };
  const part = { sensor: "tank", unit: "dL", staleAfterMs: 10_000 };
  bench.world.advance(1_000);
  expect(tank()).toEqual({ ...part, value: 20_000, ageMs: 0, quality: "good" });
  bench.sensors.setFaults("tank", { frozen: true });
  bench.sensors.fill("tank", 5);
  bench.world.advance(10_000);
  expect(tank()).toMatchObject({ value: 20_000, quality: "good" });
  bench.world.advance(1_000);
  expect(tank()).toMatchObject({ value: 20_000, quality: "stale" });
  bench.sensors.setFaults("tank", { lost: true });
  bench.world.advance(10_000);
  const lost = tank();
  expect(lost).toMatchObject({ value: 20_000, quality: "lost" });
  expect("ageMs" in lost && lost.ageMs).toBeGreaterThan(20_000);
  bench.sensors.setFaults("tank", { lost: false, frozen: false });
  bench.world.advance(1_000);
  expect(tank()).toEqual({ ...part, value: 5, ageMs: 0, quality: "good" });
});

test.each([1.5, Number.NaN, 1_000_000_001, -1_000_000_001, Number.POSITIVE_INFINITY])(
  "a reading that cannot be one is none: %d",
  (value) => {
    let reading: SensorReading = { value: 3, atMs: 0 };
    const part = { kind: "virtual", id: "tank", unit: "dL", staleAfterMs: 10_000 } as const;
    const sensor = { unit: "dL", read: () => reading, close: () => undefined };
    const watch = watchSensor({ part, sensor });
    expect(watch.report(0)).toMatchObject({ value: 3, quality: "good" });
    reading = { value, atMs: 1_000 };
    const lost = { value: 3, ageMs: 1_000, quality: "lost", why: "it gave no whole number" };
    expect(watch.report(1_000)).toMatchObject(lost);
  },
);

test("a lost sensor says why, in so many words and no more", () => {
  const part = { kind: "virtual", id: "tank", unit: "dL", staleAfterMs: 10_000 } as const;
  let words = "sensor tank: its checksum is wrong";
  const read = (): SensorReading => {
    throw new HalError("corrupt", words);
  };
  const watch = watchSensor({ part, sensor: { unit: "dL", read, close: () => undefined } });
  expect(watch.report(0).why).toBe(words);
  words = "x".repeat(10_000);
  expect(watch.report(0).why).toBe("x".repeat(200));
  const broken = watchSensor({
    part,
    sensor: { unit: "dL", read: () => assert.fail("planted"), close: () => undefined },
  });
  expect(() => broken.report(0)).toThrow("planted");
});
