// How a payer's credential is sealed to the payment host (messages.ts, `pay`): consumer and device must agree on
// the nonce, of which only eight bytes travel.

import { concatBytes, fromHex, utf8 } from "../bytes.ts";

/** Nonce of the box: a letter, the offer's id, the 8 bytes that travel with it, zeros up to 24. */
export function credentialNonce(offerId: string, nonce: Uint8Array): Uint8Array {
  const whole = new Uint8Array(24);
  whole.set(concatBytes(utf8("c"), fromHex(offerId) ?? new Uint8Array(8), nonce.subarray(0, 8)));
  return whole;
}
