// A sensor that is believed only while it says what can be: a broken wire reads as the end of the scale, a stuck
// float as the same number for ever. What cannot be is no reading.

import type { Plausible } from "../board.ts";
import { HalError } from "../hal-error.ts";
import type { Sensor, SensorReading } from "../sensor.ts";

/** Takes the sensor over. An implausible reading throws HalError `corrupt`, which says why, until a plausible one comes. */
export function openPlausibleSensor(sensor: Sensor, id: string, plausible: Plausible): Sensor {
  const { min, max, frozenAfterMs } = plausible;
  let last: SensorReading | undefined;
  const refuse = (why: string): never => {
    throw new HalError("corrupt", `sensor ${id}: ${why}`);
  };
  return {
    unit: sensor.unit,
    read: () => {
      const reading = sensor.read();
      const { value, atMs } = reading;
      if (last === undefined || last.value !== value) last = reading;
      if (min !== undefined && value < min) return refuse(`${value} is below ${min}, the least`);
      if (max !== undefined && value > max) return refuse(`${value} is above ${max}, the most`);
      // By the readings' own time: one that merely grows old is stale, not frozen.
      if (frozenAfterMs !== undefined && atMs - last.atMs >= frozenAfterMs) {
        return refuse(`it has read ${value} for ${Math.floor((atMs - last.atMs) / 1000)} s`);
      }
      return reading;
    },
    close: () => sensor.close(),
  };
}
