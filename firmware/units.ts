// Units and pulses. What is priced and ordered is units; the ledger counts pulses only. Pulses per unit is an
// exact fraction. All arithmetic is on integers; the products need more than 53 bits, so they are taken in
// BigInt. Every rounding of units and pulses is here.

import type { Ratio } from "../hal/board.ts";
import { assert } from "./assert.ts";

export type { Ratio };

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

/** Thousandths of a unit that so many pulses are, rounded down. */
export function milliUnits(pulses: number, ratio: Ratio): number {
  checkRatio(ratio);
  return divide(1000n * BigInt(pulses) * BigInt(ratio.denominator), BigInt(ratio.numerator), false);
}

/**
 * Value of delivered pulses at a price per unit, in minor units: rounded down, so in the payer's favour, and
 * never above the price of the units ordered, which the last pulse completes.
 */
export function valueOfPulses(
  pulses: number,
  priceMinor: number,
  units: number,
  ratio: Ratio,
): number {
  checkRatio(ratio);
  if (pulses >= grantPulses(units, ratio)) return priceMinor * units;
  const exact = BigInt(pulses) * BigInt(priceMinor) * BigInt(ratio.denominator);
  return divide(exact, BigInt(ratio.numerator), false);
}
