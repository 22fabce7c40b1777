// What the loop says of a sensor: its last reading, how old that is, and whether it is any good.

import type { SensorDevice } from "../../hal/devices.ts";
import { HalError } from "../../hal/hal-error.ts";
import type { SensorReport } from "../../hal/loop-host.ts";
import { WORDS_CHARACTERS_MAX } from "../../hal/loop-message.ts";
import { SENSOR_VALUE_MAX, type Sensor, type SensorReading } from "../../hal/sensor.ts";

export interface SensorWatch {
  /** Reads the sensor. Of a lost one the last good reading is told, with its age. */
  report(nowMs: number): SensorReport;
}

export function watchSensor({ part, sensor }: SensorDevice): SensorWatch {
  const { id, unit, staleAfterMs } = part;
  let last: SensorReading | undefined;
  return {
    report: (nowMs) => {
      const { read, why } = readWhy(sensor);
      const isLost = read === undefined || !isReading(read);
      if (!isLost) last = read;
      const ageMs = Math.max(0, Math.floor(nowMs - (last?.atMs ?? nowMs)));
      const quality = isLost ? "lost" : ageMs > staleAfterMs ? "stale" : "good";
      const value = last?.value ?? 0;
      return {
        ...{ sensor: id, unit, value, ageMs, staleAfterMs, quality },
        ...(isLost && { why: (why ?? "it gave no whole number").slice(0, WORDS_CHARACTERS_MAX) }),
      };
    },
  };
}

function readWhy(sensor: Sensor): { read?: SensorReading; why?: string } {
  try {
    return { read: sensor.read() };
  } catch (error) {
    if (error instanceof HalError) return { why: error.message };
    throw error;
  }
}

function isReading({ value, atMs }: SensorReading): boolean {
  return Number.isInteger(value) && Math.abs(value) <= SENSOR_VALUE_MAX && Number.isFinite(atMs);
}
