// Division of amounts into whole minor units that sum up exactly: over tenders in proportion, over the parts of a
// request when less was authorised than was asked, and of an answer over the structure of its question.

import { fail, ok, type Result } from "../../result.ts";
import type { Amounts } from "./amounts.ts";
import { additionalOf, newAmounts, sameCurrency, totalOf } from "./amounts-arithmetic.ts";

/**
 * Divides `totalMinor` in proportion to the weights: each part is rounded down, and what is left over goes, a unit
 * each, to the largest remainders, the earlier one first where they are equal. No part is above its weight unless the
 * total is above their sum. `out-of-range` at `total` or `weights`: negative or broken numbers, or nothing to divide by.
 */
export function apportion(
  totalMinor: number,
  weights: readonly number[],
): Result<readonly number[]> {
  if (!isAmount(totalMinor)) return fail("out-of-range", "the total is no amount", "total");
  if (!weights.every(isAmount)) return fail("out-of-range", "a weight is no amount", "weights");
  const total = BigInt(totalMinor);
  const sum = weights.reduce((so, weight) => so + BigInt(weight), 0n);
  if (sum === 0n) {
    if (total > 0n) return fail("out-of-range", "there is nothing to divide by", "weights");
    return ok(Object.freeze(weights.map(() => 0)));
  }
  const parts = weights.map((weight) => Number((total * BigInt(weight)) / sum));
  const remainders = weights.map((weight) => (total * BigInt(weight)) % sum);
  const order = weights.map((_, index) => index);
  order.sort((a, b) => compare(remainders[b] ?? 0n, remainders[a] ?? 0n) || a - b);
  const left = totalMinor - parts.reduce((so, part) => so + part, 0);
  for (const index of order.slice(0, left)) parts[index] = (parts[index] ?? 0) + 1;
  return ok(Object.freeze(parts));
}

/**
 * What is paid of a request when a host authorises `authorisedMinor` of it: the base first, the rest over the
 * additional amounts in proportion, by largest remainder and then by name, so that the sum is exact. All of it: the
 * request's amounts as they are. `out-of-range` at `authorised`: negative, broken, or more than was requested.
 */
export function partialAuthorisation(requested: Amounts, authorisedMinor: number): Result<Amounts> {
  if (!isAmount(authorisedMinor)) return fail("out-of-range", "that is no amount", "authorised");
  if (authorisedMinor > totalOf(requested)) {
    return fail("out-of-range", "more is authorised than was requested", "authorised");
  }
  const base = Math.min(authorisedMinor, requested.base);
  const names = Object.keys(requested.additional).sort();
  const weights = names.map((name) => requested.additional[name] ?? 0);
  const parts = apportion(authorisedMinor - base, weights);
  if (!parts.ok) return parts;
  const share = new Map(names.map((name, index) => [name, parts.value[index] ?? 0]));
  return laid(requested, base, (name) => share.get(name) ?? 0);
}

/**
 * What an answer paid, laid onto the structure of what was requested: as it is where each part fits, else its total by
 * the rule of a partial authorisation. Undefined in another currency, or above the total requested.
 */
export function normalise(requested: Amounts, approved: Amounts): Amounts | undefined {
  if (!sameCurrency(requested, approved)) return undefined;
  const fits =
    approved.base <= requested.base &&
    Object.entries(approved.additional).every(
      ([name, value]) => value <= additionalOf(requested, name),
    );
  const made = fits
    ? laid(requested, approved.base, (name) => additionalOf(approved, name))
    : partialAuthorisation(requested, totalOf(approved));
  return made.ok ? made.value : undefined;
}

function laid(requested: Amounts, base: number, of: (name: string) => number): Result<Amounts> {
  const additional = Object.keys(requested.additional).map((name) => [name, of(name)] as const);
  const made = newAmounts(requested.currency, base, Object.fromEntries(additional));
  if (!made.ok || requested.converted === undefined) return made;
  return ok(Object.freeze({ ...made.value, converted: Object.freeze({ ...requested.converted }) }));
}

function isAmount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : Number(a > b);
}
