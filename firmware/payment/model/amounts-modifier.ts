// How a service changes amounts, step by step, before it answers: nothing is applied until the whole is built, and a
// step that is refused leaves the draft as it was.

import { fail, ok, type Result } from "../../result.ts";
import type { Amounts } from "./amounts.ts";
import {
  additionalOf,
  convert,
  newAmounts,
  type Ratio,
  totalOf,
  withAdditional,
  withAdditionalFraction,
} from "./amounts-arithmetic.ts";

export interface AmountsDraft {
  readonly amounts: Amounts;
  /** Of the base, minor units that the draft's one additional basket added. */
  readonly basketMinor: number;
  /** Whether any step was taken; one that sets what was there before counts. */
  readonly modified: boolean;
}

export function draftOf(amounts: Amounts): AmountsDraft {
  return Object.freeze({ amounts, basketMinor: 0, modified: false });
}

/** Sets the base in minor units. `out-of-range` below zero. */
export function setBase(draft: AmountsDraft, baseMinor: number): Result<AmountsDraft> {
  return withBase(draft, baseMinor, 0);
}

/** Raises or lowers the base; `out-of-range` where it would come below zero. */
export function offsetBase(draft: AmountsDraft, byMinor: number): Result<AmountsDraft> {
  return withBase(draft, draft.amounts.base + byMinor, draft.basketMinor);
}

/** Adds a basket's total to the base, in place of that of a basket added before. */
export function setBasketTotal(draft: AmountsDraft, totalMinor: number): Result<AmountsDraft> {
  if (!Number.isSafeInteger(totalMinor) || totalMinor < 0) {
    return fail("out-of-range", "the total of a basket is not below zero", "basket");
  }
  return withBase(draft, draft.amounts.base - draft.basketMinor + totalMinor, totalMinor);
}

/** Sets an additional amount. `out-of-range` below zero, and below what it is unless `mayReduce`. */
export function setAdditional(
  draft: AmountsDraft,
  name: string,
  valueMinor: number,
  mayReduce = false,
): Result<AmountsDraft> {
  if (!mayReduce && valueMinor < additionalOf(draft.amounts, name)) {
    return fail("out-of-range", "an additional amount is not reduced", `additional.${name}`);
  }
  return stepped(withAdditional(draft.amounts, name, valueMinor), draft.basketMinor);
}

/** Sets an additional amount to a fraction, from 0 to 1, of the base as it is at this step. */
export function setAdditionalFraction(
  draft: AmountsDraft,
  name: string,
  fraction: Ratio,
  mayReduce = false,
): Result<AmountsDraft> {
  const made = withAdditionalFraction(draft.amounts, name, fraction);
  if (!made.ok) return made;
  return setAdditional(draft, name, additionalOf(made.value, name), mayReduce);
}

/** Converts all of it at so many millionths of the new currency for one of the old; dropping parts of a minor unit. */
export function changeCurrency(
  draft: AmountsDraft,
  to: string,
  rateMillionths: number,
): Result<AmountsDraft> {
  const basket = newAmounts(draft.amounts.currency, draft.basketMinor);
  const converted = basket.ok ? convert(basket.value, to, rateMillionths) : basket;
  if (!converted.ok) return converted;
  return stepped(convert(draft.amounts, to, rateMillionths), totalOf(converted.value));
}

function withBase(
  draft: AmountsDraft,
  baseMinor: number,
  basketMinor: number,
): Result<AmountsDraft> {
  const { currency, additional, converted } = draft.amounts;
  const made = newAmounts(currency, baseMinor, additional);
  const whole = made.ok && converted ? ok(Object.freeze({ ...made.value, converted })) : made;
  return stepped(whole, basketMinor);
}

function stepped(amounts: Result<Amounts>, basketMinor: number): Result<AmountsDraft> {
  if (!amounts.ok) return amounts;
  return ok(Object.freeze({ amounts: amounts.value, basketMinor, modified: true }));
}
