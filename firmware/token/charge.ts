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

/** An additional amount that the payer accepted, such as a tip. */
export interface Extra {
  name: string;
  amountMinor: number;
}

export function extrasMinor(extras: readonly Extra[]): number {
  return extras.reduce((sum, { amountMinor }) => sum + amountMinor, 0);
}

/** Extras go with a delivery: they are due with its first pulse, as fees are. */
export function dueExtras(pulses: number, extras: readonly Extra[] = []): readonly Extra[] {
  return pulses > 0 ? extras : [];
}

/** What all sessions of an order are charged, with the extras, each named. */
export function settlementCharge(
  offer: Priced,
  pulses: number,
  extras: readonly Extra[] = [],
): Charge {
  const charge = chargeOf(offer, 0, pulses);
  const due = dueExtras(pulses, extras);
  if (due.length === 0) return charge;
  const delivered = linesUpTo(offer, pulses).filter(({ amountMinor }) => amountMinor > 0);
  const lines = due.map(({ amountMinor }) => ({ kind: "extra" as const, amountMinor }));
  return {
    amountMinor: charge.amountMinor + extrasMinor(due),
    breakdown: {
      ...charge.breakdown,
      lines: [...delivered, ...lines],
      extraNames: due.map(({ name }) => name),
    },
  };
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

/** What a receipt says beside its amount. */
export type Details = Pick<Breakdown, "streamed" | "cause">;

/** The same charge, and on its receipt what else there is to say. */
export function withDetails(charge: Charge, details: Details | undefined): Charge {
  if (details === undefined || Object.keys(details).length === 0) return charge;
  return { ...charge, breakdown: { lines: [], ...charge.breakdown, ...details } };
}

/** Of a receipt's breakdown what is about money: none where it stands there for its details alone. */
export function moneyPart(breakdown: Breakdown | undefined): Breakdown | undefined {
  if (breakdown === undefined) return undefined;
  const { streamed, cause, ...money } = breakdown;
  const hasDetails = streamed !== undefined || cause !== undefined;
  const isEmpty = Object.keys(money).length === 1 && money.lines.length === 0;
  return hasDetails && isEmpty ? undefined : money;
}
