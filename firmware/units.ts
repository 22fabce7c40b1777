// Units and pulses. What is priced and ordered is units; the ledger counts pulses only. Pulses per unit is an
// exact fraction. All arithmetic is on integers; the products need more than 53 bits, so they are taken in
// BigInt. Every rounding of units and pulses is here.

import type { Ratio } from "../hal/board.ts";
import { assert } from "./assert.ts";

export type { Ratio };

/** "1 receipt", "3 receipts". */
export function countText(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** "3 items", "1 item", "3 kWh": of the units, "item" alone is a word and no symbol. */
export function countedUnits(count: number, unit: string): string {
  return `${count} ${unit === "item" && count !== 1 ? "items" : unit}`;
}

function divide(value: bigint, by: bigint, up: boolean): number {
  const quotient = up ? (value + by - 1n) / by : value / by;
  assert(quotient <= BigInt(Number.MAX_SAFE_INTEGER), "a count stays a safe integer");
  return Number(quotient);
}

function checkRatio(ratio: Ratio): void {
  assert(ratio.numerator > 0 && ratio.denominator > 0, "pulses per unit is a positive fraction");
}

/** Pulses that make up so many units: rounded up, so that a paid unit is always whole. */
export function grantPulses(units: number, ratio: Ratio): number {
  checkRatio(ratio);
  return divide(BigInt(units) * BigInt(ratio.numerator), BigInt(ratio.denominator), true);
}

/**
 * Pulses of an order of so many units that its first `paid` units cover: rounded down, so that they are never worth more
 * than was paid; once all are paid, every pulse that it grants.
 */
export function coveredPulses(paid: number, units: number, ratio: Ratio): number {
  if (paid >= units) return grantPulses(units, ratio);
  checkRatio(ratio);
  return divide(BigInt(paid) * BigInt(ratio.numerator), BigInt(ratio.denominator), false);
}

/** Units that cover so many pulses: a unit that was begun is counted whole. */
export function coveringUnits(pulses: number, ratio: Ratio): number {
  checkRatio(ratio);
  return divide(BigInt(pulses) * BigInt(ratio.denominator), BigInt(ratio.numerator), true);
}

/** Thousandths of a unit that so many pulses are, rounded down. */
export function milliUnits(pulses: number, ratio: Ratio): number {
  checkRatio(ratio);
  return divide(1000n * BigInt(pulses) * BigInt(ratio.denominator), BigInt(ratio.numerator), false);
}

/** Further units: the one named and all after it cost another price each. */
export interface Tier {
  /** From 2; the first unit costs the price itself. */
  fromUnits: number;
  amountMinor: number;
}

/** What units cost: the price each, and from every tier's first unit on the tier's. */
export interface UnitPrice {
  priceMinor: number;
  /** In rising order of `fromUnits`. */
  tiers?: readonly Tier[] | undefined;
}

export interface Run {
  units: number;
  priceMinor: number;
}

/** So many units, from the first on, in runs of one price. */
export function runsOf(units: number, { priceMinor, tiers = [] }: UnitPrice): readonly Run[] {
  const runs: Run[] = [];
  let from = 1;
  let each = priceMinor;
  for (const tier of [...tiers, { fromUnits: units + 1, amountMinor: 0 }]) {
    const until = Math.min(tier.fromUnits, units + 1);
    if (until > from) runs.push({ units: until - from, priceMinor: each });
    from = Math.max(from, until);
    each = tier.amountMinor;
  }
  return runs;
}

/** Exact: tiers are graduated, so that more units never cost less, nor the same units more. */
export function priceOfUnits(units: number, price: UnitPrice): number {
  return runsOf(units, price).reduce((sum, run) => sum + run.units * run.priceMinor, 0);
}

/**
 * Value of delivered pulses of so many ordered units, in minor units: exact over all tiers and rounded down once,
 * so in the payer's favour, and never above the price of the units ordered, which the last pulse completes.
 */
export function valueOfPulses(
  pulses: number,
  units: number,
  price: UnitPrice,
  ratio: Ratio,
): number {
  checkRatio(ratio);
  if (pulses >= grantPulses(units, ratio)) return priceOfUnits(units, price);
  const perUnit = BigInt(ratio.numerator);
  let left = BigInt(pulses) * BigInt(ratio.denominator);
  let exact = 0n;
  for (const run of runsOf(units, price)) {
    const width = BigInt(run.units) * perUnit;
    const part = left < width ? left : width;
    exact += part * BigInt(run.priceMinor);
    left -= part;
  }
  return divide(exact, perUnit, false);
}
