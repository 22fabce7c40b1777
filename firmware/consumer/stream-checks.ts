// What a payer checks of the receipts of an order that he paid while it was delivered: each holds a proof that he let
// go, charges nothing beyond it, and accounts for what was delivered without one.

import type { Crypto } from "../../hal/crypto.ts";
import type { Commitment } from "../token/commitment.ts";
import { type ChainLink, provesFrom } from "../token/hash-chain.ts";
import type { SessionReceipt } from "../token/receipt.ts";
import { countText, coveredPulses, grantPulses, type Ratio } from "../units.ts";

/** What the receipts before one say together. */
export interface StreamedSoFar {
  order: string;
  /** Of the order. */
  units: number;
  proof: ChainLink;
  /** Delivered, and not paid. */
  unpaidPulses: number;
}

export function nothingStreamed({ order, units, root }: Commitment): StreamedSoFar {
  return { order, units, proof: { units: 0, link: root }, unpaidPulses: 0 };
}

export function streamedWith(before: StreamedSoFar, { breakdown }: SessionReceipt): StreamedSoFar {
  const { streamed } = breakdown ?? {};
  if (streamed === undefined) return before;
  const { proof, unpaidPulses, caughtUpPulses } = streamed;
  return { ...before, proof, unpaidPulses: before.unpaidPulses + unpaidPulses - caughtUpPulses };
}

/**
 * I4: what is wrong with a session's receipt, where `chargedBefore` pulses were charged by those before it; nothing may
 * be streamed where `before` is undefined. A link that leads back to the root can only have come from the payer.
 */
export function streamedWrong(
  { pulses, runOnPulses, breakdown }: SessionReceipt,
  before: StreamedSoFar | undefined,
  chargedBefore: number,
  ratio: Ratio,
  crypto: Crypto,
): string | undefined {
  const { streamed } = breakdown ?? {};
  if (before === undefined) {
    return streamed && "says that it was paid by the unit, and nobody committed to that";
  }
  if (streamed === undefined) return "holds no proof of ours, and was paid by the unit";
  const { proof, unpaidPulses, caughtUpPulses } = streamed;
  if (proof.units < before.proof.units) return "holds an older proof than the receipt before it";
  if (!provesFrom(crypto, before.order, before.proof, proof)) {
    return `holds a proof of ${countText(proof.units, "unit")} that we never gave`;
  }
  const charged = chargedBefore + pulses;
  if (charged > coveredPulses(proof.units, before.units, ratio)) {
    return `charges ${countText(charged, "pulse")} in all, and has proof of ${countText(proof.units, "unit")}`;
  }
  if (unpaidPulses > runOnPulses) return "counts more as not paid than as given";
  if (caughtUpPulses > Math.min(pulses, before.unpaidPulses)) {
    return `charges ${countText(caughtUpPulses, "pulse")} of earlier sessions, of ${before.unpaidPulses} open`;
  }
  const given = charged + before.unpaidPulses + unpaidPulses - caughtUpPulses;
  if (given > grantPulses(before.units, ratio))
    return `counts ${countText(given, "pulse")}, more than was bought`;
  return undefined;
}
