// What items and baskets come to: exact in millionths of millionths of a minor unit, rounded once, on the total.

import { unreachable } from "../../assert.ts";
import { fail, ok, type Result } from "../../result.ts";
import type { Basket, BasketItem, Modifier, Rounding } from "./basket.ts";

/** Of a minor unit: a rate in millionths of an amount in millionths is whole in this. */
const PARTS = 1_000_000_000_000n;
const MILLION = 1_000_000n;

type Priced = Pick<BasketItem, "amountMinor" | "baseMillionths" | "quantity" | "modifiers">;

/** Minor units, rounded as the basket says. `out-of-range` at `items` for what cannot be held exactly. */
export function basketTotal({
  items,
  rounding,
}: Pick<Basket, "items" | "rounding">): Result<number> {
  const parts = items.reduce((sum, item) => sum + itemParts(item), 0n);
  return safe(rounded(parts, rounding));
}

/** Minor units of one item with its modifiers, half a unit rounded up: what an item states as its amount. */
export function itemAmount(baseMillionths: number, modifiers: readonly Modifier[]): Result<number> {
  return safe(rounded(modifiedParts(baseMillionths, modifiers), "nearest"));
}

/** Minor units of all of them, by the amount that the item states. */
export function itemTotal({ amountMinor, quantity }: Priced): Result<number> {
  return safe(BigInt(amountMinor) * BigInt(quantity));
}

/** Millionths of all of them without modifiers. */
export function itemBaseTotal({ baseMillionths, quantity }: Priced): Result<number> {
  return safe(BigInt(baseMillionths) * BigInt(quantity));
}

/** An item without modifiers counts as it states; one with them by its base and each of them. */
function itemParts({ amountMinor, baseMillionths, quantity, modifiers = [] }: Priced): bigint {
  const one =
    modifiers.length === 0 ? BigInt(amountMinor) * PARTS : modifiedParts(baseMillionths, modifiers);
  return one * BigInt(quantity);
}

/** An amount that is there and not zero wins over a rate; rates are of the base, not of each other. */
function modifiedParts(baseMillionths: number, modifiers: readonly Modifier[]): bigint {
  const base = BigInt(baseMillionths);
  return modifiers.reduce(
    (sum, { amountMillionths = 0, rateMillionths = 0 }) =>
      sum +
      (amountMillionths === 0 ? base * BigInt(rateMillionths) : BigInt(amountMillionths) * MILLION),
    base * MILLION,
  );
}

function rounded(parts: bigint, rounding: Rounding): bigint {
  switch (rounding) {
    case "nearest":
      return floored(2n * parts + PARTS, 2n * PARTS);
    case "up":
      return -floored(-parts, PARTS);
    case "down":
      return parts / PARTS;
    default:
      return unreachable(rounding);
  }
}

function floored(value: bigint, by: bigint): bigint {
  const whole = value / by;
  return value < 0n && whole * by !== value ? whole - 1n : whole;
}

function safe(value: bigint): Result<number> {
  const number = Number(value);
  return Number.isSafeInteger(number)
    ? ok(number)
    : fail("out-of-range", "the total is too large", "items");
}
