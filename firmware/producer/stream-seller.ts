// What the seller knows of a streamed order, and what follows from it: how far it may deliver, what it may charge, and
// whether a proof is one. Pure. Units are those of the whole order; pulses count over all its sessions.

import type { Crypto } from "../../hal/crypto.ts";
import { STEP_UNITS_MAX, WINDOW_UNITS_MAX } from "../protocol/messages.ts";
import { provesFrom } from "../token/hash-chain.ts";
import { coveredPulses, grantPulses, type Ratio } from "../units.ts";

export interface SellerStream {
  /** 16 hexadecimal digits: goes into every link. */
  order: string;
  /** Units of the order, which is the length of its chain. */
  units: number;
  ratio: Ratio;
  /** Units that one proof pays for, and how many may be delivered ahead of proof: as the payer chose at begin. */
  step: number;
  window: number;
  /** Units of which there is proof, and the link that proves them; the chain's root for none. */
  proved: number;
  link: Uint8Array;
}

export type ProofVerdict =
  /** It says nothing new: repeated, late, or overtaken by a later one. */
  | "old"
  /** Further ahead than a payer who keeps to step and window ever is: not looked into. */
  | "too-far"
  /** It is no link of this chain. */
  | "wrong"
  | "good";

/** Units by which a whole pulse may be more than was asked for: none, where a unit is a pulse at least. */
function unitsOver({ numerator, denominator }: Ratio): number {
  return Math.floor((denominator - 1) / numerator);
}

/** Costs at most step + window hashes, whatever the bytes are; more where one pulse is several units. */
export function judgeProof(
  crypto: Crypto,
  stream: SellerStream,
  units: number,
  preimage: Uint8Array,
): ProofVerdict {
  const { order, ratio, proved, link, step, window } = stream;
  if (units <= proved) return "old";
  const reach = step + window + unitsOver(ratio);
  if (units > stream.units || units - proved > reach) return "too-far";
  return provesFrom(crypto, order, { units: proved, link }, { units, link: preimage })
    ? "good"
    : "wrong";
}

/**
 * Of the proof that comes with a request to begin: it may have been let go for another step and window than the session's,
 * and for one that was refused. Costs at most STEP_UNITS_MAX + WINDOW_UNITS_MAX hashes.
 */
export function judgeFirstProof(
  crypto: Crypto,
  stream: SellerStream,
  units: number,
  preimage: Uint8Array,
): ProofVerdict {
  const reach = { ...stream, step: STEP_UNITS_MAX, window: WINDOW_UNITS_MAX };
  return judgeProof(crypto, reach, units, preimage);
}

export function withProof(stream: SellerStream, units: number, preimage: Uint8Array): SellerStream {
  return { ...stream, proved: units, link: preimage };
}

/** So many pulses of the order may be delivered by now. */
export function limitPulses({ units, ratio, proved, window }: SellerStream): number {
  return grantPulses(Math.min(proved + window, units), ratio);
}

/** So many of the delivered pulses are paid for. */
export function chargedPulses({ units, ratio, proved }: SellerStream, delivered: number): number {
  return Math.min(delivered, coveredPulses(proved, units, ratio));
}

/** Delivered on credit: what the seller loses if no further proof comes. */
export function unpaidPulses(stream: SellerStream, delivered: number): number {
  return delivered - chargedPulses(stream, delivered);
}
