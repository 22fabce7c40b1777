// Sensor port over a DS18B20 as the kernel's w1_therm shows it: two lines, the first of which says whether the second
// is worth reading. A read starts a measurement and takes most of a second.

import { join } from "node:path";
import type { W1SensorPart } from "../board.ts";
import type { Clock } from "../clock.ts";
import { HalError } from "../hal-error.ts";
import type { Sensor } from "../sensor.ts";
import { openPolledSensor } from "./polled-sensor.ts";
import { readSmallFile } from "./small-file.ts";

const BYTES_MAX = 128;
const FIRST = /^((?:[0-9a-f]{2} ){9}): crc=[0-9a-f]{2} (YES|NO)$/;
const SECOND = /^(?:[0-9a-f]{2} ){9}t=(-?\d{1,6})$/;

/** What it reads after its power came, before it has measured, and the byte that tells this from a true 85 degrees. */
const POWER_UP = 85_000;
const POWER_UP_BYTE = "0c";
/** What it reads when its power does not last through a measurement. */
const STARVED = 127_937;
const MIN = -55_000;
const MAX = 125_000;

/** One measures at a time: each holds a thread of ours for the length of a measurement. */
let lastRead: Promise<unknown> = Promise.resolve();

/** In thousandths of a degree Celsius. `folder` is where the kernel lists the bus. */
export function openW1Sensor(
  part: W1SensorPart,
  clock: Clock,
  folder = "/sys/bus/w1/devices",
): Sensor {
  const path = join(folder, part.device, "w1_slave");
  const read = async (): Promise<number> => w1Temperature(await readSmallFile(path, BYTES_MAX));
  return openPolledSensor(part, clock, () => {
    const mine = lastRead.then(read, read);
    lastRead = mine.catch(() => undefined);
    return mine;
  });
}

/** Throws HalError `corrupt`, which says why: all of these pass for temperatures if one reads only the number. */
export function w1Temperature(text: string): number {
  const [first = "", second = ""] = text.split("\n");
  const [, bytes = "", verdict] = FIRST.exec(first) ?? [];
  const value = Number(SECOND.exec(second)?.[1] ?? Number.NaN);
  if (verdict === undefined) return refuse("it is not what a DS18B20 shows");
  // The number below is then the one before.
  if (verdict !== "YES") return refuse("its checksum is wrong");
  // The checksum of nothing but zeros is zero.
  if (/^(00 )+$/.test(bytes)) return refuse("it reads all zeros: the data wire touches ground");
  if (!Number.isInteger(value)) return refuse("it is not what a DS18B20 shows");
  if (value === POWER_UP && bytes.split(" ")[6] === POWER_UP_BYTE) {
    return refuse("it has not measured since its power came");
  }
  if (value === STARVED) return refuse("its power does not last through a measurement");
  if (value < MIN || value > MAX) return refuse(`${value} is no temperature that it can measure`);
  return value;
}

function refuse(why: string): never {
  throw new HalError("corrupt", why);
}
