// A commitment: the payer's signed word that whoever shows link i of his hash chain has delivered i units of an order and
// is owed their price. He signs it once, with a key that stands in it; the payment host gets its digest from him, sealed.

import type { Crypto, Signer } from "../../hal/crypto.ts";
import { concatBytes, equalBytes, utf8 } from "../bytes.ts";
import {
  amountMinor,
  CHAIN_UNITS_MAX,
  currency,
  LINK_BYTES,
  orderId,
} from "../protocol/messages.ts";
import { bytes, field, map, type Of, tuple, uint } from "../protocol/schema.ts";
import { fail, ok, type Result } from "../result.ts";
import { EXPIRES, OUR_CLAIMS, peek, type SignedSort, sign, TOKEN_ID, verify } from "./signed.ts";

const claims = map({
  expires: field(EXPIRES, uint(0xffff_ffff)),
  order: field(TOKEN_ID, orderId),
  commits: field(
    OUR_CLAIMS,
    tuple({
      /** The Ed25519 key that signs it. */
      key: bytes(32),
      /** Thumbprint of the device's signing key. */
      device: bytes(8),
      /** Short digest of the signed offer. */
      offer: bytes(16),
      /** Link 0. */
      root: bytes(LINK_BYTES),
      units: uint(CHAIN_UNITS_MAX),
      /** Price of one unit. */
      unitMinor: amountMinor,
      currency,
    }),
  ),
});

export const COMMITMENT: SignedSort<Of<typeof claims>> = { name: "commitment", claims };

export interface Commitment extends Omit<Of<typeof claims>["commits"], "key"> {
  order: string;
  expiresS: number;
}

/** The payer's key for commitments: made from the secret that he has. */
export function commitmentSigner(crypto: Crypto, boxSecret: Uint8Array): Signer {
  const seed = crypto.digest(concatBytes(utf8("sluice/1 commitment"), boxSecret)).slice(0, 32);
  return crypto.signer(seed);
}

export function signCommitment(commitment: Commitment, payer: Signer): Uint8Array {
  const { order, expiresS, ...rest } = commitment;
  const commits = { key: payer.publicKey, ...rest };
  return sign(COMMITMENT, { expires: expiresS, order, commits }, payer);
}

/**
 * Errors: those of `verify`, and `malformed` also for what says more than a commitment does: seller and payment host both
 * read it, so that it has one form only. Device, offer, price and expiry are the caller's.
 */
export function verifyCommitment(
  signed: Uint8Array,
  crypto: Crypto,
): Result<Commitment & { key: Uint8Array }> {
  const claimed = peek(COMMITMENT, signed);
  if (!claimed.ok) return claimed;
  const read = verify(COMMITMENT, signed, claimed.value.commits.key, crypto);
  if (!read.ok) return read;
  const { order, expires, commits } = read.value;
  const again = { publicKey: commits.key, sign: () => signed.slice(-64) };
  if (!equalBytes(sign(COMMITMENT, read.value, again), signed)) {
    return fail("malformed", "it says more than a commitment does", "commitment");
  }
  if (!/^[A-Z]{3}$/.test(commits.currency)) {
    return fail("malformed", "a currency is three capitals", "commitment.currency");
  }
  if (commits.units === 0) return fail("malformed", "it is for no units", "commitment.units");
  return ok({ ...commits, order, expiresS: expires });
}
