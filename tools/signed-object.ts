// One signed object on its own: finds out which sort it is and checks it by the key of its certificate, or a
// certificate by its operator's.

import { fail, ok, type Result } from "../firmware/result.ts";
import { type Certificate, verifyCertificate } from "../firmware/token/certificate.ts";
import { type DeliveryToken, verifyToken } from "../firmware/token/delivery-token.ts";
import { type Offer, verifyOffer } from "../firmware/token/offer.ts";
import { type Receipt, verifyReceipt } from "../firmware/token/receipt.ts";
import type { Crypto } from "../hal/crypto.ts";

export type SignedObject =
  | { is: "certificate"; value: Certificate }
  | { is: "offer"; value: Offer }
  | { is: "token"; value: DeliveryToken }
  | { is: "receipt"; value: Receipt };

/** Errors: `signature` when it is nothing that this key signed, else those of the sort that it is. */
export function verifySignedObject(
  signed: Uint8Array,
  deviceKey: Uint8Array,
  crypto: Crypto,
): Result<SignedObject> {
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
