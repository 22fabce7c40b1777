// A digital input as a sensor: 1 while its line is active, else 0. It is read when it is asked.

import type { InputSensorPart } from "../board.ts";
import type { Clock } from "../clock.ts";
import { HalError } from "../hal-error.ts";
import type { InputPin } from "../pin.ts";
import type { Sensor } from "../sensor.ts";

/** Does not close the line: an interlock may go by the same one. */
export function openInputSensor(
  input: InputPin,
  clock: Clock,
  part: Pick<InputSensorPart, "id" | "unit">,
): Sensor {
  let closed = false;
  return {
    unit: part.unit,
    read: () => {
      if (closed) throw new HalError("canceled", `sensor ${part.id} was closed`);
      return { value: input.read() ? 1 : 0, atMs: clock.monotonicMs() };
    },
    close: () => {
      closed = true;
    },
  };
}
