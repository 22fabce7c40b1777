// A sensor that is asked beside the loop, because some answers take most of a second, and that answers with its last
// reading. A poll that finds the one before unanswered is left out.

import { type Clock, every } from "../clock.ts";
import { HalError } from "../hal-error.ts";
import { SENSOR_VALUE_MAX, type Sensor, type SensorReading } from "../sensor.ts";

export interface PolledPart {
  id: string;
  unit: string;
  pollMs: number;
}

/** Asks at once and then every `pollMs`. `ask` resolves to a whole number or rejects with a HalError. */
export function openPolledSensor(
  part: PolledPart,
  clock: Clock,
  ask: () => Promise<number>,
): Sensor {
  let last: SensorReading | HalError = new HalError(
    "disconnected",
    `sensor ${part.id} has not answered yet`,
  );
  let closed = false;
  let asking = false;
  const poll = async (): Promise<void> => {
    if (asking) return;
    asking = true;
    // Not when the answer came: it was true at some moment from now on.
    const atMs = clock.monotonicMs();
    try {
      last = { value: await ask(), atMs };
    } catch (error) {
      if (!(error instanceof HalError)) throw error;
      last = new HalError(error.kind, `sensor ${part.id}: ${error.message}`, error);
    } finally {
      asking = false;
    }
  };
  const polling = every(clock, part.pollMs, () => void poll());
  void poll();
  return {
    unit: part.unit,
    read: () => {
      if (closed) throw new HalError("canceled", `sensor ${part.id} was closed`);
      if (last instanceof HalError) throw last;
      return last;
    },
    close: () => {
      closed = true;
      polling.cancel();
    },
  };
}

/** Throws HalError `corrupt` for what no sensor may say. */
export function wholeReading(value: number, path: string): number {
  if (Number.isInteger(value) && Math.abs(value) <= SENSOR_VALUE_MAX) return value;
  throw new HalError("corrupt", `${path} holds no integer within ${SENSOR_VALUE_MAX} either way`);
}
