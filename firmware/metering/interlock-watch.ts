// How the loop reads an interlock: a contact that is not closed, or a sensor outside what it may say. What cannot
// be read is raised.

import type { InterlockDevice } from "../../hal/devices.ts";
import type { StopCause } from "../../hal/loop-host.ts";
import type { Sensor } from "../../hal/sensor.ts";
import type { InterlockReading } from "./interlocks.ts";
import { lostBy, unlessLost } from "./lost.ts";
import { causeOf } from "./stop-causes.ts";

/** `at`: the sample that it becomes a part of. A contact that is read is no garbage: see hot-step.ts. */
export function readInterlock(
  device: InterlockDevice,
  at: { readonly nowMs: number },
): InterlockReading {
  if ("sensor" in device) return readSensor(device, at.nowMs);
  try {
    return device.input.read() ? "clear" : "raised";
  } catch (error) {
    lostBy(error);
    return "raised";
  }
}

function readSensor(
  { part, sensor, sensorPart }: Extract<InterlockDevice, { sensor: Sensor }>,
  nowMs: number,
): InterlockReading {
  const reading = unlessLost(() => sensor.read());
  // Not `older than`: an age that is no number is no age.
  if (reading === "lost" || !(nowMs - reading.atMs <= sensorPart.staleAfterMs)) return "stale";
  const { value } = reading;
  const isWithin = value >= (part.min ?? -Infinity) && value <= (part.max ?? Infinity);
  return isWithin ? "clear" : "raised";
}

/** What an interlock read that goes by a sensor and is not clear; a contact says no more than that it is raised. */
export function interlockCause(
  device: InterlockDevice,
  reading: InterlockReading | undefined,
  nowMs: number,
): StopCause | undefined {
  if (reading === undefined || reading === "clear" || !("sensor" in device)) return undefined;
  const { sensor, sensorPart } = device;
  const read = unlessLost(() => sensor.read());
  if (read === "lost") return causeOf(sensorPart.id, 0, "state");
  return reading === "stale"
    ? causeOf(sensorPart.id, nowMs - read.atMs, "ms")
    : causeOf(sensorPart.id, read.value, "value");
}
