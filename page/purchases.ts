// What the page has bought: its purchases as they are shown, and which of them is to be taken up.

import type { Purchase } from "../firmware/consumer/purchase.ts";
import { type Offer, peekOffer } from "../firmware/token/offer.ts";
import { peekReceipt, type Receipt } from "../firmware/token/receipt.ts";

export interface Bought {
  order: string;
  state: Purchase["state"];
  device: string;
  offer: Offer;
  /** Verified before they were kept. */
  receipts: readonly Receipt[];
}

/** Newest first; an offer alone is nothing that was bought. */
export function boughtOf(purchases: readonly Purchase[]): readonly Bought[] {
  return newestFirst(purchases).flatMap((one): Bought[] => {
    const { id: order, state, name: device } = one;
    const offer = peekOffer(one.offer);
    if (!offer.ok || state === "quoted") return [];
    return [{ order, state, device, offer: offer.value, receipts: receiptsOf(one) }];
  });
}

/** The consumer keeps none that it has not verified. */
export function receiptsOf({ receipts }: Purchase): readonly Receipt[] {
  const read = receipts.map((signed) => peekReceipt(signed));
  return read.flatMap((one) => (one.ok ? [one.value] : []));
}

/** By its receipts, or by what was proved of a session that has none yet. */
export function pulsesSoFar(
  receipts: readonly Pick<Receipt, "is" | "pulses">[],
  provedUnits: number,
  { numerator, denominator }: Pick<Offer, "numerator" | "denominator">,
): number {
  const settlement = receipts.find(({ is }) => is === "settlement");
  if (settlement !== undefined) return settlement.pulses;
  const signed = receipts.reduce((sum, { pulses }) => sum + pulses, 0);
  return Math.max(signed, Math.floor((provedUnits * numerator) / denominator));
}

/** The one that is named, or the latest for which money has moved; else for which it may have; else what was offered last. */
export function unfinished(purchases: readonly Purchase[], order?: string): Purchase | undefined {
  const newest = newestFirst(purchases).filter(({ id }) => order === undefined || id === order);
  const [last] = newest;
  return (
    newest.find(({ state }) => state === "paid") ??
    newest.find(({ state }) => state === "paying") ??
    (last?.state === "quoted" ? last : undefined)
  );
}

function newestFirst(purchases: readonly Purchase[]): readonly Purchase[] {
  return [...purchases].sort((one, other) => (other.madeMs ?? 0) - (one.madeMs ?? 0));
}
