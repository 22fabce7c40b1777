// What delivered pulses of an offer cost: the one sum that the seller charges by and the payer checks by.

import { containedTax } from "../money.ts";
import { valueOfPulses } from "../units.ts";
import type { AmountLine, Priced } from "./offer.ts";
import type { Breakdown } from "./receipt.ts";

export interface Charge {
  amountMinor: number;
  /** Where the offer has a tariff. */
  breakdown?: Breakdown;
}

/** The offer's lines for its first pulses: fees are due in full with the first of them, units as they come. */
function linesUpTo(offer: Priced, pulses: number): readonly AmountLine[] {
  const { units, priceMinor, tariff } = offer;
  const price = { priceMinor, tiers: tariff?.tiers };
  return offer.lines.map(({ kind, amountMinor }) => {
    if (kind === "units") return { kind, amountMinor: valueOfPulses(pulses, units, price, offer) };
    return { kind, amountMinor: pulses > 0 ? amountMinor : 0 };
  });
}

function sumOf(lines: readonly AmountLine[]): number {
  return lines.reduce((sum, { amountMinor }) => sum + amountMinor, 0);
}

/** Value of the first pulses of an order. */
export function valueUpTo(offer: Priced, pulses: number): number {
  return sumOf(linesUpTo(offer, pulses));
}

/**
 * What pulses are charged that came when `before` of the order had been: the difference of two values, so that
 * all sessions of an order together are charged exactly the value of what they delivered.
 */
export function chargeOf(offer: Priced, before: number, pulses: number): Charge {
  const earlier = linesUpTo(offer, before);
  const lines = linesUpTo(offer, before + pulses)
    .map(({ kind, amountMinor }, i) => {
      return { kind, amountMinor: amountMinor - (earlier[i]?.amountMinor ?? 0) };
    })
    .filter(({ amountMinor }) => amountMinor > 0);
  const amountMinor = sumOf(lines);
  if (offer.tariff === undefined) return { amountMinor };
  const { taxBasisPoints } = offer.tariff;
  if (taxBasisPoints === undefined) return { amountMinor, breakdown: { lines } };
  return { amountMinor, breakdown: { taxMinor: containedTax(amountMinor, taxBasisPoints), lines } };
}
