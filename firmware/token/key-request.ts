// A device asks its operator for a certificate: the public halves of the keys that it made, signed by its own, so that nobody
// can have a certificate made for a key that he has not.

import type { Crypto, Signer } from "../../hal/crypto.ts";
import { bytes, field, map, type Of, tuple } from "../protocol/schema.ts";
import { ok, type Result } from "../result.ts";
import { OUR_CLAIMS, peek, type SignedSort, sign, verify } from "./signed.ts";

const claims = map({
  keys: field(OUR_CLAIMS, tuple({ signKey: bytes(32), boxKey: bytes(32), hostKey: bytes(32) })),
});

const KEY_REQUEST: SignedSort<Of<typeof claims>> = { name: "key-request", claims };

/** Keys as they stand in a certificate. */
export type RequestedKeys = Of<typeof claims>["keys"];

export function signKeyRequest(
  boxKey: Uint8Array,
  hostKey: Uint8Array,
  device: Signer,
): Uint8Array {
  return sign(KEY_REQUEST, { keys: { signKey: device.publicKey, boxKey, hostKey } }, device);
}

/** Errors: those of `verify`; `signature` where it is not signed by the key that it asks for. */
export function verifyKeyRequest(signed: Uint8Array, crypto: Crypto): Result<RequestedKeys> {
  const asked = peek(KEY_REQUEST, signed);
  if (!asked.ok) return asked;
  const read = verify(KEY_REQUEST, signed, asked.value.keys.signKey, crypto);
  return read.ok ? ok(read.value.keys) : read;
}
