// The Sensor contract, on a sensor whose world the test can set.

import { describe, expect, test } from "vitest";
import { HalError } from "../../hal/hal-error.ts";
import type { Sensor } from "../../hal/sensor.ts";

export interface SensorUnderTest {
  sensor: Sensor;
  unit: string;
  /** Three that it can say; 1,200, 0 and 1,199 when not given. */
  values?: readonly [number, number, number];
  /** What there is to measure from now on. */
  set(value: number): Promise<void>;
  /** Takes the sensor away, or brings it back. */
  lose(lost: boolean): Promise<void>;
  /** Lets time go by until it is so; fails when it never is. */
  until(done: () => boolean): Promise<void>;
  nowMs(): number;
  dispose(): Promise<void>;
}

export function describeSensor(name: string, open: () => Promise<SensorUnderTest>): void {
  describe(`Sensor contract: ${name}`, () => {
    const using = async (use: (bench: SensorUnderTest) => Promise<void>): Promise<void> => {
      const bench = await open();
      try {
        await use(bench);
      } finally {
        bench.sensor.close();
        await bench.dispose();
      }
    };
    const outcome = ({ sensor }: SensorUnderTest): number | string => {
      try {
        return sensor.read().value;
      } catch (error) {
        return error instanceof HalError ? error.kind : String(error);
      }
    };

    const valuesOf = ({ values }: SensorUnderTest) => values ?? ([1_200, 0, 1_199] as const);

    test("reads what there is, in whole numbers, and follows it", () =>
      using(async (bench) => {
        expect(bench.sensor.unit).toBe(bench.unit);
        for (const value of valuesOf(bench)) {
          await bench.set(value);
          await bench.until(() => outcome(bench) === value);
        }
      }));

    test("a reading is dated when it was true, and a later one later", () =>
      using(async (bench) => {
        const [value] = valuesOf(bench);
        await bench.set(value);
        await bench.until(() => outcome(bench) === value);
        const { atMs } = bench.sensor.read();
        expect(atMs).toBeLessThanOrEqual(bench.nowMs());
        await bench.until(() => bench.sensor.read().atMs > atMs);
        expect(outcome(bench)).toBe(value);
        expect(bench.sensor.read().atMs).toBeLessThanOrEqual(bench.nowMs());
      }));

    test("one that is gone throws `disconnected`, and reads again when it is back", () =>
      using(async (bench) => {
        const [first, second] = valuesOf(bench);
        await bench.set(first);
        await bench.until(() => outcome(bench) === first);
        await bench.lose(true);
        await bench.until(() => outcome(bench) === "disconnected");
        await bench.lose(false);
        await bench.set(second);
        await bench.until(() => outcome(bench) === second);
        expect(bench.sensor.read().atMs).toBeLessThanOrEqual(bench.nowMs());
      }));

    test("a closed one throws `canceled`; it may be closed twice", () =>
      using(async (bench) => {
        await bench.set(valuesOf(bench)[0]);
        bench.sensor.close();
        bench.sensor.close();
        expect(outcome(bench)).toBe("canceled");
      }));
  });
}
