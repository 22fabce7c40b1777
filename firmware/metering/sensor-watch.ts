// What the loop says of a sensor: its last reading, how old that is, and whether it is any good.

import type { SensorDevice } from "../../hal/devices.ts";
import type { SensorReport } from "../../hal/loop-host.ts";
import { SENSOR_VALUE_MAX, type SensorReading } from "../../hal/sensor.ts";
import { unlessLost } from "./lost.ts";

export interface SensorWatch {
  /** Reads the sensor. Of a lost one the last good reading is told, with its age. */
  report(nowMs: number): SensorReport;
}

export function watchSensor({ part, sensor }: SensorDevice): SensorWatch {
  const { id, unit, staleAfterMs } = part;
  let last: SensorReading | undefined;
  return {
    report: (nowMs) => {
      const read = unlessLost(() => sensor.read());
      const isLost = read === "lost" || !isReading(read);
      if (!isLost) last = read;
      const ageMs = Math.max(0, Math.floor(nowMs - (last?.atMs ?? nowMs)));
      const quality = isLost ? "lost" : ageMs > staleAfterMs ? "stale" : "good";
      return { sensor: id, unit, value: last?.value ?? 0, ageMs, staleAfterMs, quality };
    },
  };
}

function isReading({ value, atMs }: SensorReading): boolean {
  return Number.isInteger(value) && Math.abs(value) <= SENSOR_VALUE_MAX && Number.isFinite(atMs);
}
