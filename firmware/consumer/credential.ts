// The payer's card, sealed so that only the payment host can read it, and bound to one offer, or to one commitment,
// amount and currency. The plain text has a fixed layout, big-endian: digest 16, amount 4, currency 3, expiry year
// and month 1 each (128 more where the digest is a commitment's), card number 12 to 19 ASCII digits.

import type { Crypto } from "../../hal/crypto.ts";
import type { Entropy } from "../../hal/entropy.ts";
import { utf8 } from "../bytes.ts";
import { credentialNonce } from "../protocol/credential.ts";
import { fail, ok, type Result } from "../result.ts";
import type { Offer } from "../token/offer.ts";

export interface Card {
  /** 12 to 19 digits. */
  number: string;
  /** Two digits each. */
  expiryYear: number;
  expiryMonth: number;
}

export interface SealedCredential {
  /** 8 bytes, single use. */
  nonce: Uint8Array;
  box: Uint8Array;
}

/** Added to the month where the digest is a commitment's. */
const STREAM_MONTH = 128;

/** What a card is sealed for: the digest of the signed offer, or of the payer's commitment in its place. */
export type SealedFor = Uint8Array | { commitment: Uint8Array };

/**
 * Bound to the offer's total, or to `maximumMinor` where the payer allows more. Errors: `credential-invalid` for what
 * is no card, `untrusted` for a host key that is no key.
 */
export function sealCard(
  card: Card,
  offer: Offer,
  digest: SealedFor,
  hostKey: Uint8Array,
  boxSecret: Uint8Array,
  ports: { crypto: Crypto; entropy: Entropy },
  maximumMinor = offer.totalMinor,
): Result<SealedCredential> {
  if (!/^\d{12,19}$/.test(card.number)) {
    return fail("credential-invalid", "a card number has 12 to 19 digits", "card.number");
  }
  const shared = ports.crypto.boxShared(hostKey, boxSecret);
  if (shared === undefined) return fail("untrusted", "the payment host's key is of small order");
  const plain = new Uint8Array(25 + card.number.length);
  const isStream = !(digest instanceof Uint8Array);
  plain.set(isStream ? digest.commitment : digest, 0);
  new DataView(plain.buffer).setUint32(16, maximumMinor);
  plain.set(utf8(offer.currency), 20);
  plain[23] = card.expiryYear % 100;
  plain[24] = card.expiryMonth + (isStream ? STREAM_MONTH : 0);
  plain.set(utf8(card.number), 25);
  const nonce = ports.entropy.bytes(8);
  return ok({ nonce, box: ports.crypto.seal(plain, credentialNonce(offer.id, nonce), shared) });
}
