// `sluice conform`, the operations `payword.verify` and `payword.claim`: a proof as a seller judges it, and what a claim is
// worth to a payment host.

import { fromHex, toHex } from "../firmware/bytes.ts";
import { judgeProof } from "../firmware/producer/stream-seller.ts";
import { CHAIN_UNITS_MAX } from "../firmware/protocol/messages.ts";
import type { Fault } from "../firmware/result.ts";
import { claimWorth } from "../firmware/token/claim.ts";
import { verifyCommitment } from "../firmware/token/commitment.ts";
import type { ChainLink } from "../firmware/token/hash-chain.ts";
import type { Crypto } from "../hal/crypto.ts";
import { type Answer, BadField } from "./conform-answer.ts";

export interface PaywordRequest {
  readonly hex?: unknown;
  readonly commitment?: unknown;
  readonly proof?: unknown;
  readonly from?: unknown;
  readonly step?: unknown;
  readonly window?: unknown;
}

/** Throws BadField for what is no request. */
export function paywordVerify(request: PaywordRequest, crypto: Crypto): Answer {
  const { step = CHAIN_UNITS_MAX, window = 0 } = request;
  const signed = bytesAt(request.commitment, "commitment");
  const proof = linkAt(request.proof, "proof");
  const from = request.from === undefined ? undefined : linkAt(request.from, "from");
  const commitment = verifyCommitment(signed, crypto);
  if (!commitment.ok) return refusal(commitment.fault);
  const { order, units, root } = commitment.value;
  const { units: proved, link } = from ?? { units: 0, link: root };
  const stream = {
    ...{ order, units, proved, link, ratio: { numerator: 1, denominator: 1 } },
    ...{ step: countAt(step, "step"), window: countAt(window, "window") },
  };
  const verdict = judgeProof(crypto, stream, proof.units, proof.link);
  return verdict === "good"
    ? { ok: true, units: proof.units - proved }
    : { ok: false, kind: verdict };
}

/** Throws BadField for what is no request. */
export function paywordClaim(request: PaywordRequest, crypto: Crypto): Answer {
  const worth = claimWorth(bytesAt(request.hex, "hex"), crypto);
  if (!worth.ok) return refusal(worth.fault);
  const { units, amountMinor, commitment } = worth.value;
  const { currency, order, device, offer, key, expiresS } = commitment;
  return {
    ...{ ok: true, units, amountMinor, currency, order },
    ...{ device: toHex(device), offer: toHex(offer), key: toHex(key), expiresS },
  };
}

function refusal({ kind, at }: Fault): Answer {
  return { ok: false, kind, ...(at !== undefined && { field: at }) };
}

function bytesAt(value: unknown, at: string): Uint8Array {
  const bytes = typeof value === "string" ? fromHex(value) : undefined;
  if (bytes === undefined) throw new BadField(at);
  return bytes;
}

function linkAt(value: unknown, at: string): ChainLink {
  if (typeof value !== "object" || value === null) throw new BadField(at);
  const { units, link } = value as { readonly units?: unknown; readonly link?: unknown };
  return { units: countAt(units, `${at}.units`), link: bytesAt(link, `${at}.link`) };
}

function countAt(value: unknown, at: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw new BadField(at);
  }
  return value;
}
