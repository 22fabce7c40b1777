// Decimal numbers as people and programs write them, read exactly.

import { fail, ok, type Result } from "../../result.ts";
import { MILLIONTHS } from "./basket.ts";

/** A number as a fraction of two integers; the denominator is above zero. */
export interface Decimal {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

const DIGITS_MAX = 40;
const EXPONENT_MAX = 400;
const DECIMAL = /^([+-]?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,4}))?$/;

/** Undefined for anything but a decimal number of at most 40 digits before and after the point. */
export function parseDecimal(text: string): Decimal | undefined {
  const [, sign = "", whole = "", part = "", exponent = "0"] = DECIMAL.exec(text) ?? [];
  if (whole === "" || whole.length > DIGITS_MAX || part.length > DIGITS_MAX) return undefined;
  const power = Number(exponent) - part.length;
  if (Math.abs(power) > EXPONENT_MAX) return undefined;
  const digits = BigInt(whole + part) * (sign === "-" ? -1n : 1n);
  const scale = 10n ** BigInt(Math.abs(power));
  return power < 0
    ? { numerator: digits, denominator: scale }
    : { numerator: digits * scale, denominator: 1n };
}

/** "10.165443" as 10165443. `malformed` for no number, `out-of-range` for more than six digits after the point. */
export function millionthsOf(text: string): Result<number> {
  const decimal = parseDecimal(text);
  if (decimal === undefined) return fail("malformed", `${text} is no decimal number`, "value");
  const scaled = decimal.numerator * BigInt(MILLIONTHS);
  const value = Number(scaled / decimal.denominator);
  if (scaled % decimal.denominator !== 0n || !Number.isSafeInteger(value)) {
    return fail("out-of-range", `${text} cannot be held in millionths`, "value");
  }
  return ok(value);
}
