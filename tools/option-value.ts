// Values of options as commands want them: whole numbers within bounds, single texts, repeated texts.

import { fail, ok, type Result } from "../firmware/result.ts";
import type { Invocation } from "./command.ts";

export type OptionValues = Invocation["values"];

export interface Bounds {
  min: number;
  max: number;
}

/** A whole number, or undefined when the option was not given. Error: `usage`. */
export function integerOption(
  values: OptionValues,
  name: string,
  { min, max }: Bounds,
): Result<number | undefined> {
  const text = textOption(values, name);
  if (text === undefined) return ok(undefined);
  const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return ok(number);
  return fail("usage", `--${name} is a whole number from ${min} to ${max}`, `--${name}`);
}

/** As integerOption, for a number without which the command can do nothing. */
export function neededInteger(values: OptionValues, name: string, bounds: Bounds): Result<number> {
  const read = integerOption(values, name, bounds);
  if (!read.ok) return read;
  if (read.value !== undefined) return ok(read.value);
  return fail("usage", `--${name} is missing`, `--${name}`);
}

export function textOption(values: OptionValues, name: string): string | undefined {
  const value = values[name];
  return typeof value === "string" ? value : undefined;
}

export function textsOption(values: OptionValues, name: string): readonly string[] {
  const value = values[name];
  return Array.isArray(value) ? value : [];
}
