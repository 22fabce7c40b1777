// An order that is paid while it is delivered, on the payer's side: the commitment that he signs for it, the chain behind
// it, which his secret makes again at any time, and what his receipts say of it so far.

import type { Crypto } from "../../hal/crypto.ts";
import { concatBytes, equalBytes } from "../bytes.ts";
import { formatMinor } from "../money.ts";
import { CHAIN_UNITS_MAX } from "../protocol/messages.ts";
import { fail, ok, type Result } from "../result.ts";
import {
  type Commitment,
  commitmentSigner,
  signCommitment,
  verifyCommitment,
} from "../token/commitment.ts";
import { lastLink } from "../token/hash-chain.ts";
import type { Offer } from "../token/offer.ts";
import { PebbledChain } from "../token/pebbled-chain.ts";
import type { Receipt } from "../token/receipt.ts";
import { shortDigest, thumbprint } from "../token/signed.ts";
import { grantPulses } from "../units.ts";

/** No device lets an order live longer after its offer: the commitment outlives it. */
const COMMITMENT_LIFE_S = 366 * 24 * 3600;
/** The last moment that it can say. */
const EXPIRES_S_MAX = 0xffff_ffff;

interface Payer {
  crypto: Crypto;
  boxSecret: Uint8Array;
}

/**
 * Its links in rising order, from the one that was released last; costs a hash for each that is left. They are of this very
 * offer: a device may give the number of an order that we have forgotten to another one, and knows links of that.
 */
export function chainOf(
  { id, units, signedOffer }: Pick<Offer, "id" | "units"> & Pick<PaperOf, "signedOffer">,
  released: number,
  { crypto, boxSecret }: Payer,
): PebbledChain {
  const secret = concatBytes(boxSecret, shortDigest(crypto, signedOffer));
  return new PebbledChain(crypto, id, units, lastLink(crypto, secret, id), released);
}

/** A signed offer, and the key of the device that signed it. */
interface PaperOf {
  signedOffer: Uint8Array;
  signKey: Uint8Array;
}

/** The same however often it is called. Error: `not-streamed` for what cannot be paid by the unit. */
export function commitTo(
  offer: Offer,
  { signedOffer, signKey }: PaperOf,
  payer: Payer,
): Result<Uint8Array> {
  const { id: order, units, priceMinor: unitMinor, currency, totalMinor, expiresS } = offer;
  if (units > CHAIN_UNITS_MAX) {
    return fail(
      "not-streamed",
      `at most ${CHAIN_UNITS_MAX} units are paid while delivered`,
      "units",
    );
  }
  if (totalMinor !== units * unitMinor) {
    const [total, each] = [totalMinor, unitMinor].map((minor) => formatMinor(minor, currency));
    const words = `${units} units come to ${total}, and not to ${each} each`;
    return fail("not-streamed", `${words}: tiers and fees cannot be paid by the unit`, "offer");
  }
  const { crypto, boxSecret } = payer;
  const commitment: Commitment = {
    ...{ order, units, unitMinor, currency },
    expiresS: Math.min(expiresS + COMMITMENT_LIFE_S, EXPIRES_S_MAX),
    device: thumbprint(crypto, signKey),
    offer: shortDigest(crypto, signedOffer),
    root: chainOf({ ...offer, signedOffer }, 0, payer).current.link,
  };
  return ok(signCommitment(commitment, commitmentSigner(crypto, boxSecret)));
}

/** Whether a commitment is for an offer. Errors: those of verifying it, `commitment-invalid`. */
export function checkCommitment(
  signed: Uint8Array,
  offer: Offer,
  { signedOffer, signKey }: PaperOf,
  crypto: Crypto,
): Result<Commitment> {
  const read = verifyCommitment(signed, crypto);
  if (!read.ok) return read;
  const commitment = read.value;
  const isFor =
    commitment.order === offer.id &&
    commitment.units === offer.units &&
    commitment.unitMinor === offer.priceMinor &&
    commitment.currency === offer.currency &&
    equalBytes(commitment.device, thumbprint(crypto, signKey)) &&
    equalBytes(commitment.offer, shortDigest(crypto, signedOffer));
  return isFor ? read : fail("commitment-invalid", "it is for another offer", "commitment");
}

/** Pulses of the order that ended sessions delivered, paid or not. */
export function deliveredPulses(receipts: readonly Receipt[]): number {
  return receipts.reduce((sum, receipt) => {
    if (receipt.is !== "session") return sum;
    const { unpaidPulses = 0, caughtUpPulses = 0 } = receipt.breakdown?.streamed ?? {};
    return sum + receipt.pulses + unpaidPulses - caughtUpPulses;
  }, 0);
}

/** What the payer let go of in earlier sessions, as far as the device has shown that it has it. */
export function provedUnits(receipts: readonly Receipt[]): number {
  return receipts.reduce((most, receipt) => {
    return Math.max(most, receipt.breakdown?.streamed?.proof.units ?? 0);
  }, 0);
}

/** Pulses that a session for so many units, or for all that are left, may deliver. */
export function sessionPulses(offer: Offer, beforePulses: number, units?: number): number {
  const left = Math.max(0, grantPulses(offer.units, offer) - beforePulses);
  return units === undefined ? left : Math.min(left, grantPulses(units, offer));
}
