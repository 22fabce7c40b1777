// How the loop reads an interlock: a contact that is not closed, or a sensor outside what it may say. What cannot
// be read is raised.

import type { InterlockDevice } from "../../hal/devices.ts";
import type { InterlockReading } from "./interlocks.ts";
import { unlessLost } from "./lost.ts";

export function readInterlock(device: InterlockDevice, nowMs: number): InterlockReading {
  if (!("sensor" in device)) {
    return unlessLost(() => device.input.read()) === true ? "clear" : "raised";
  }
  const { part, sensor, sensorPart } = device;
  const reading = unlessLost(() => sensor.read());
  // Not `older than`: an age that is no number is no age.
  if (reading === "lost" || !(nowMs - reading.atMs <= sensorPart.staleAfterMs)) return "stale";
  const { value } = reading;
  const isWithin = value >= (part.min ?? -Infinity) && value <= (part.max ?? Infinity);
  return isWithin ? "clear" : "raised";
}
