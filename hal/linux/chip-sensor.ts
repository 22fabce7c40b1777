// Sensor ports over measuring chips as the kernel shows them: hwmon, which scales by itself, and IIO, which leaves the
// scaling to the reader. Both are found by what they call themselves.

import { join } from "node:path";
import type { HwmonSensorPart, IioSensorPart } from "../board.ts";
import type { Clock } from "../clock.ts";
import { HalError } from "../hal-error.ts";
import type { Sensor } from "../sensor.ts";
import { readInteger } from "./file-sensor.ts";
import { openPolledSensor, wholeReading } from "./polled-sensor.ts";
import { findNamed, isNamed, readIfThere, readSmallFile } from "./small-file.ts";

const BYTES_MAX = 32;
const DECIMAL = /^\s*([+-]?\d{1,12}(?:\.\d{1,12})?)\s*$/;

export function openHwmonSensor(
  part: HwmonSensorPart,
  clock: Clock,
  folder = "/sys/class/hwmon",
): Sensor {
  const ask = async (chip: string): Promise<number> => {
    const base = join(chip, part.channel);
    const fault = await readIfThere(`${base}_fault`, BYTES_MAX);
    if (fault !== undefined && fault.trim() !== "0") {
      throw new HalError("corrupt", `${part.chip} says that its ${part.channel} is broken`);
    }
    return readInteger(`${base}_input`);
  };
  return openPolledSensor(part, clock, rememberFolder(folder, part.chip, ask));
}

export function openIioSensor(
  part: IioSensorPart,
  clock: Clock,
  folder = "/sys/bus/iio/devices",
): Sensor {
  const { numerator, denominator } = part.perKernelUnit ?? { numerator: 1, denominator: 1 };
  const ask = async (device: string): Promise<number> => {
    const base = join(device, part.channel);
    // What all channels of a kind have in common stands without the channel's number.
    const shared = base.replace(/\d+$/, "");
    const raw = decimal(await readSmallFile(`${base}_raw`, BYTES_MAX), `${base}_raw`);
    const offset = await oneOf([`${base}_offset`, `${shared}_offset`], 0);
    const scale = await oneOf([`${base}_scale`, `${shared}_scale`], 1);
    const value = ((raw + offset) * scale * numerator) / denominator;
    return wholeReading(Math.round(value), `${base}_raw`);
  };
  return openPolledSensor(part, clock, rememberFolder(folder, part.device, ask));
}

/** Looks the device up again when what is there has another name by now: it may have come back under another number. */
function rememberFolder(
  folder: string,
  name: string,
  ask: (device: string) => Promise<number>,
): () => Promise<number> {
  let known: string | undefined;
  return async () => {
    const isKnown = known !== undefined && (await isNamed(known, name));
    const device = known !== undefined && isKnown ? known : await findNamed(folder, name);
    known = undefined;
    const value = await ask(device);
    known = device;
    return value;
  };
}

async function oneOf(paths: readonly string[], otherwise: number): Promise<number> {
  for (const path of paths) {
    const text = await readIfThere(path, BYTES_MAX);
    if (text !== undefined) return decimal(text, path);
  }
  return otherwise;
}

function decimal(text: string, path: string): number {
  const value = DECIMAL.exec(text)?.[1];
  if (value === undefined) throw new HalError("corrupt", `${path} holds no number`);
  return Number(value);
}
