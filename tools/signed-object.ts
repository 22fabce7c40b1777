// One signed object on its own: finds out which sort it is and checks it by the key of its certificate, or a
// certificate by its operator's.

import { fail, ok, type Result } from "../firmware/result.ts";
import { type Certificate, verifyCertificate } from "../firmware/token/certificate.ts";
import { type DeliveryToken, verifyToken } from "../firmware/token/delivery-token.ts";
import { type Offer, verifyOffer } from "../firmware/token/offer.ts";
import { type PrepaidToken, peekPrepaid, verifyPrepaid } from "../firmware/token/prepaid-token.ts";
import { type Receipt, verifyReceipt } from "../firmware/token/receipt.ts";
import type { Crypto } from "../hal/crypto.ts";

export type SignedObject =
  | { is: "certificate"; value: Certificate }
  | { is: "offer"; value: Offer }
  | { is: "token"; value: DeliveryToken }
  | { is: "receipt"; value: Receipt }
  | { is: "prepaid"; value: PrepaidToken };

/**
 * What the device signed, or a prepaid token of one of the operators. Errors: `signature` when it is nothing of theirs,
 * else those of the sort that it is.
 */
export function verifySignedObject(
  signed: Uint8Array,
  deviceKey: Uint8Array,
  crypto: Crypto,
  operators: readonly Uint8Array[] = [],
): Result<SignedObject> {
  if (peekPrepaid(signed).ok) return verifyPrepaidBy(signed, operators, crypto);
  const receipt = verifyReceipt(signed, deviceKey, crypto);
  if (receipt.ok) return ok({ is: "receipt", value: receipt.value });
  const offer = verifyOffer(signed, deviceKey, crypto);
  if (offer.ok) return ok({ is: "offer", value: offer.value });
  const token = verifyToken(signed, deviceKey, crypto);
  if (token.ok) return ok({ is: "token", value: token.value });
  // Each sort is signed under its own name: a wrong name and a wrong key look alike.
  for (const { fault } of [offer, receipt, token]) {
    if (fault.kind !== "signature" && fault.kind !== "malformed") return { ok: false, fault };
  }
  if (receipt.fault.kind === "malformed") return receipt;
  return fail("signature", "it is no offer, token or receipt that this device signed");
}

function verifyPrepaidBy(
  signed: Uint8Array,
  operators: readonly Uint8Array[],
  crypto: Crypto,
): Result<SignedObject> {
  let last: Result<PrepaidToken> = fail(
    "untrusted",
    "a prepaid token is checked by the key of its operator: --operator HEX|FILE",
  );
  for (const key of operators) {
    last = verifyPrepaid(signed, key, crypto);
    if (last.ok) return ok({ is: "prepaid", value: last.value });
  }
  return last;
}

/** The certificate by whichever of the operator keys made it. Errors: `untrusted`, those of verifyCertificate. */
export function verifyCertificateBy(
  signed: Uint8Array,
  operators: readonly Uint8Array[],
  crypto: Crypto,
): Result<Certificate> {
  let last: Result<Certificate> = fail(
    "untrusted",
    "no operator key was given: --operator HEX|FILE",
  );
  for (const key of operators) {
    last = verifyCertificate(signed, key, crypto);
    if (last.ok) return last;
  }
  return last;
}
