// What the payer of a streamed order releases, and when. Pure. A proof is good for all units up to its own, over all
// sessions of the order, so that only the last one matters and any before it may be lost.

import { coveringUnits, milliUnits, type Ratio } from "../units.ts";

export interface PayerStream {
  /** Units of the order, which is the length of its chain. */
  units: number;
  ratio: Ratio;
  /** Units between two proofs, and how many the seller delivers ahead of proof. */
  step: number;
  window: number;
  /** Units of which a proof was let go. */
  released: number;
}

/** So many units are paid before they are delivered: none, where the seller delivers a whole step ahead. */
export function unitsAhead({ step, window }: Pick<PayerStream, "step" | "window">): number {
  return Math.max(0, step - window);
}

/**
 * Up to which unit proof is due, when so many pulses of the order are known to be delivered. At the end of a session the
 * unit that was begun is proved too: it is charged by the pulse. Never less than what was released.
 */
export function unitsDue(stream: PayerStream, deliveredPulses: number, isEnded: boolean): number {
  const { units, ratio, step, released } = stream;
  const milli = milliUnits(deliveredPulses, ratio);
  const whole = Math.floor(milli / 1000) + (isEnded ? 0 : unitsAhead(stream));
  const due = isEnded ? coveringUnits(deliveredPulses, ratio) : whole - (whole % step);
  const atEnd = whole >= units ? units : due;
  return Math.max(released, Math.min(atEnd, units));
}

/**
 * Nothing beyond so many units is paid, where the payer's own meter says `own`, of what is no count none: one pulse of the
 * seller's meter may be many units.
 */
export function unitsOwned(stream: PayerStream, own: number, isEnded: boolean): number {
  const counted = own > 0 && own < Number.MAX_SAFE_INTEGER ? Math.ceil(own) : 0;
  return counted + (isEnded ? 0 : unitsAhead(stream));
}

/** Pulses that so many units are by the payer's own meter, which may say fractions; of what is no count, none. */
export function ownPulses(units: number, { numerator, denominator }: Ratio): number {
  const thousandths = units > 0 && units < Number.MAX_SAFE_INTEGER / 1000 ? units * 1000 : 0;
  const exact = BigInt(Math.floor(thousandths)) * BigInt(numerator);
  const by = 1000n * BigInt(denominator);
  return Number((exact + by - 1n) / by);
}
