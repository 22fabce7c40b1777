// Arithmetic of amounts: exact, in integers. Nothing is ever lost in silence: what cannot be held exactly, or would
// mix currencies, is refused with the field's name.

import { assert } from "../../assert.ts";
import { fail, ok, type Result } from "../../result.ts";
import {
  type Amounts,
  IDENTIFIER_BYTES_MAX,
  isCurrency,
  NO_CURRENCY,
  RATE_MILLIONTHS_MAX,
} from "./amounts.ts";
import { isIdentifier } from "./names.ts";

/** A fraction as it stands: nothing of it is rounded before it is used. */
export interface Ratio {
  readonly numerator: number | bigint;
  /** Above zero. */
  readonly denominator: number | bigint;
}

const MILLION = 1_000_000n;
const SAFE_MAX = BigInt(Number.MAX_SAFE_INTEGER);

/**
 * Amounts in minor units. Refused (`malformed` or `out-of-range`, at the field): a currency that is not three capitals,
 * no currency with anything but zero, a negative or broken number, a sum beyond 2^53.
 */
export function newAmounts(
  currency: string,
  baseMinor: number,
  additional: Readonly<Record<string, number>> = {},
): Result<Amounts> {
  return checked({ currency, base: baseMinor, additional });
}

/** Nothing, in a currency that is known to be one. */
export function zeroAmounts(currency: string): Amounts {
  assert(isCurrency(currency), "a currency is three capital letters");
  return frozen({ currency, base: 0, additional: {} });
}

/** Minor units, the additional amounts included. */
export function totalOf(amounts: Amounts): number {
  return Object.values(amounts.additional).reduce((sum, value) => sum + value, amounts.base);
}

/** Minor units without the additional amounts of these names: for a host that takes them in fields of their own. */
export function totalExcluding(amounts: Amounts, ...names: readonly string[]): number {
  return Object.entries(amounts.additional).reduce(
    (sum, [name, value]) => (names.includes(name) ? sum : sum + value),
    amounts.base,
  );
}

/** Minor units; 0 where there is none of that name. */
export function additionalOf(amounts: Amounts, name: string): number {
  return Object.hasOwn(amounts.additional, name) ? (amounts.additional[name] ?? 0) : 0;
}

export function isZero(amounts: Amounts): boolean {
  return totalOf(amounts) === 0;
}

export function sameCurrency(a: Amounts, b: Amounts): boolean {
  return a.currency === b.currency;
}

/** Both together; refused in two currencies. A conversion is kept where both state the same one. */
export function amountsPlus(a: Amounts, b: Amounts): Result<Amounts> {
  if (!sameCurrency(a, b)) return twoCurrencies(a, b);
  const names = new Set([...Object.keys(a.additional), ...Object.keys(b.additional)]);
  const additional = [...names].map(
    (name) => [name, additionalOf(a, name) + additionalOf(b, name)] as const,
  );
  const isSame =
    a.converted?.from === b.converted?.from &&
    a.converted?.rateMillionths === b.converted?.rateMillionths;
  return checked({
    currency: a.currency,
    base: a.base + b.base,
    additional: Object.fromEntries(additional),
    ...(isSame && a.converted && { converted: a.converted }),
  });
}

/**
 * What of `a` is left without `b`: each component on its own, never below zero. A name of both that comes to zero is
 * dropped unless `keepZero`; one that only `a` has is kept as it is, one that only `b` has is ignored.
 */
export function amountsLess(a: Amounts, b: Amounts, keepZero = false): Result<Amounts> {
  if (!sameCurrency(a, b)) return twoCurrencies(a, b);
  const additional = Object.entries(a.additional).flatMap(([name, value]) => {
    if (!Object.hasOwn(b.additional, name)) return [[name, value] as const];
    const left = Math.max(value - additionalOf(b, name), 0);
    return left > 0 || keepZero ? [[name, left] as const] : [];
  });
  const base = Math.max(a.base - b.base, 0);
  return ok(frozen({ ...a, base, additional: Object.fromEntries(additional) }));
}

/** With that additional amount set, replacing one of the same name. */
export function withAdditional(
  amounts: Amounts,
  name: string,
  valueMinor: number,
): Result<Amounts> {
  const others = Object.entries(amounts.additional).filter(([other]) => other !== name);
  const additional = Object.fromEntries([...others, [name, valueMinor]]);
  return checked({ ...amounts, additional });
}

/** With a fraction of the base, from 0 to 1, as additional amount; what is less than a minor unit is dropped. */
export function withAdditionalFraction(
  amounts: Amounts,
  name: string,
  fraction: Ratio,
): Result<Amounts> {
  const ratio = exact(fraction);
  if (ratio === undefined) return fail("malformed", "a fraction is two whole numbers", "fraction");
  if (ratio.numerator < 0n || ratio.numerator > ratio.denominator) {
    return fail("out-of-range", "a fraction of the base is from 0 to 1", "fraction");
  }
  const value = (BigInt(amounts.base) * ratio.numerator) / ratio.denominator;
  return withAdditional(amounts, name, Number(value));
}

/**
 * The same in another currency at so many millionths of it for one of this one, each component on its own; what is less
 * than a minor unit is dropped. From what it was converted, and how, stays with it.
 */
export function convert(amounts: Amounts, to: string, rateMillionths: number): Result<Amounts> {
  if (!Number.isSafeInteger(rateMillionths) || rateMillionths > RATE_MILLIONTHS_MAX) {
    return fail("out-of-range", `a rate is at most ${RATE_MILLIONTHS_MAX} millionths`, "rate");
  }
  const made = convertAt(amounts, to, { numerator: rateMillionths, denominator: MILLION });
  if (!made.ok) return made;
  if (to === amounts.currency) return ok(frozen(amounts));
  return ok(frozen({ ...made.value, converted: { from: amounts.currency, rateMillionths } }));
}

/** As `convert`, at any exact rate, which is not stated in the result. */
export function convertAt(amounts: Amounts, to: string, rate: Ratio): Result<Amounts> {
  const ratio = exact(rate);
  if (ratio === undefined) return fail("malformed", "a rate is a number", "rate");
  if (ratio.numerator <= 0n) return fail("out-of-range", "a rate is above zero", "rate");
  if (to === amounts.currency && ratio.numerator !== ratio.denominator) {
    return fail("out-of-range", `${to} is the currency that it is in already`, "currency");
  }
  const scaled = (value: number): number =>
    Number(least((BigInt(value) * ratio.numerator) / ratio.denominator));
  const additional = Object.entries(amounts.additional).map(([name, value]) => [
    name,
    scaled(value),
  ]);
  return checked({
    currency: to,
    base: scaled(amounts.base),
    additional: Object.fromEntries(additional),
  });
}

/** Anything beyond what is held exactly stays beyond it, and is refused where the amounts are made. */
function least(value: bigint): bigint {
  return value > SAFE_MAX ? SAFE_MAX + 1n : value;
}

function exact({
  numerator,
  denominator,
}: Ratio): { numerator: bigint; denominator: bigint } | undefined {
  const isWhole = (part: unknown): boolean =>
    typeof part === "bigint" || (typeof part === "number" && Number.isSafeInteger(part));
  if (!isWhole(numerator) || !isWhole(denominator) || denominator <= 0) return undefined;
  return { numerator: BigInt(numerator), denominator: BigInt(denominator) };
}

function twoCurrencies(a: Amounts, b: Amounts): Result<Amounts> {
  return fail("out-of-range", `${a.currency} and ${b.currency} cannot be summed`, "currency");
}

function checked(amounts: Amounts): Result<Amounts> {
  if (!isCurrency(amounts.currency)) {
    return fail("malformed", "a currency is three capital letters", "currency");
  }
  const parts = [["base", amounts.base] as const, ...Object.entries(amounts.additional)];
  let total = 0;
  for (const [index, [name, value]] of parts.entries()) {
    const at = index === 0 ? name : `additional.${name}`;
    if (index > 0 && !isIdentifier(name, IDENTIFIER_BYTES_MAX)) {
      return fail("malformed", `a name is 1 to ${IDENTIFIER_BYTES_MAX} bytes`, at);
    }
    if (!Number.isSafeInteger(value) || value < 0) {
      return fail("out-of-range", "an amount is a whole number of minor units, from 0", at);
    }
    total += value;
    if (total > Number.MAX_SAFE_INTEGER) return fail("out-of-range", "the sum is too large", at);
  }
  if (amounts.currency === NO_CURRENCY && total > 0) {
    return fail("out-of-range", "an amount above zero needs a currency", "currency");
  }
  return ok(frozen(amounts));
}

/** A copy that shares nothing with what it was made of. */
function frozen({ currency, base, additional, converted }: Amounts): Amounts {
  return Object.freeze({
    currency,
    base,
    additional: Object.freeze({ ...additional }),
    ...(converted && { converted: Object.freeze({ ...converted }) }),
  });
}
