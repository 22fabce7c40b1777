// Sensor port over a small text file that holds one integer, as the kernel shows voltages, temperatures and
// counts under /sys.

import type { FileSensorPart } from "../board.ts";
import type { Clock } from "../clock.ts";
import type { Sensor } from "../sensor.ts";
import { openPolledSensor, wholeReading } from "./polled-sensor.ts";
import { readSmallFile } from "./small-file.ts";

/** The longest integer that we take, its sign and white space around it. */
const BYTES_MAX = 32;
const INTEGER = /^\s*([+-]?\d{1,10})\s*$/;

export function openFileSensor(
  part: Pick<FileSensorPart, "id" | "unit" | "path" | "pollMs">,
  clock: Clock,
): Sensor {
  return openPolledSensor(part, clock, () => readInteger(part.path));
}

/** Throws HalError `disconnected` where there is no such file, `corrupt` where it holds something else. */
export async function readInteger(path: string): Promise<number> {
  const text = await readSmallFile(path, BYTES_MAX);
  return wholeReading(Number(INTEGER.exec(text)?.[1] ?? Number.NaN), path);
}
