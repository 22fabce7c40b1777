// COSE_Sign1 (RFC 9052 4.2) as we use it: EdDSA alone, no outer tag, the protected header always exactly
// {1: -8}. What is signed is the payload bytes as they stand and, through the external data, what sort of
// object they are: the caller gives one external text per sort, so that no signature of one sort serves
// as another's. The signature is checked over the bytes received, never over a re-encoding.

import type { Crypto } from "../../hal/crypto.ts";
import { assert } from "../assert.ts";
import { equalBytes } from "../bytes.ts";
import { type CborValue, decodeCbor, encodeCbor } from "../protocol/cbor.ts";
import { fail, ok, type Result } from "../result.ts";

/** {1: -8}: alg EdDSA (RFC 9053 2.2). */
export const PROTECTED_EDDSA = Uint8Array.of(0xa1, 0x01, 0x27);
const SIGNATURE_BYTES = 64;

export interface Sign1 {
  /** The bytes received, unread. */
  protectedHeader: Uint8Array;
  /** Not covered by the signature: a hint at most. */
  unprotected: ReadonlyMap<number, CborValue>;
  payload: Uint8Array;
  signature: Uint8Array;
}

export interface Sign1Contents {
  payload: Uint8Array;
  /** Ed25519 over the given bytes. */
  sign: (message: Uint8Array) => Uint8Array;
  externalAad: Uint8Array;
  unprotected?: ReadonlyMap<number, CborValue>;
}

export function encodeSign1(contents: Sign1Contents): Uint8Array {
  const { payload, externalAad } = contents;
  const signature = contents.sign(toBeSigned(PROTECTED_EDDSA, externalAad, payload));
  assert(signature.length === SIGNATURE_BYTES, "an Ed25519 signature has 64 bytes");
  return encodeCbor([PROTECTED_EDDSA, contents.unprotected ?? new Map(), payload, signature]);
}

/** Errors: `malformed` and `too-large`. Nothing in the answer is to be believed before verifySign1. */
export function decodeSign1(bytes: Uint8Array, bytesMax: number): Result<Sign1> {
  const decoded = decodeCbor(bytes, bytesMax);
  if (!decoded.ok) return decoded;
  if (!Array.isArray(decoded.value) || decoded.value.length !== 4) {
    return fail("malformed", "a signed object is an array of four");
  }
  const [protectedHeader, unprotected, payload, signature] = decoded.value;
  if (!(protectedHeader instanceof Uint8Array) || !equalBytes(protectedHeader, PROTECTED_EDDSA)) {
    return fail("malformed", "a signed object is protected as {1: -8} (EdDSA)", "protected");
  }
  if (!isHeader(unprotected)) {
    return fail("malformed", "header parameters have integer keys", "unprotected");
  }
  if (!(payload instanceof Uint8Array)) {
    return fail("malformed", "the payload is a byte string", "payload");
  }
  if (!(signature instanceof Uint8Array) || signature.length !== SIGNATURE_BYTES) {
    return fail("malformed", "an Ed25519 signature has 64 bytes", "signature");
  }
  return ok({ protectedHeader, unprotected, payload, signature });
}

/** The payload, or `signature`. */
export function verifySign1(
  crypto: Crypto,
  sign1: Sign1,
  publicKey: Uint8Array,
  externalAad: Uint8Array,
): Result<Uint8Array> {
  const message = toBeSigned(sign1.protectedHeader, externalAad, sign1.payload);
  if (!crypto.verify(publicKey, message, sign1.signature)) {
    return fail("signature", "the signature was not made by this key over this object");
  }
  return ok(sign1.payload);
}

/** The Sig_structure of RFC 9052 4.4, of the bytes as given. */
export function toBeSigned(
  protectedHeader: Uint8Array,
  externalAad: Uint8Array,
  payload: Uint8Array,
): Uint8Array {
  return encodeCbor(["Signature1", protectedHeader, externalAad, payload]);
}

function isHeader(value: CborValue | undefined): value is ReadonlyMap<number, CborValue> {
  return value instanceof Map && [...value.keys()].every((key) => typeof key === "number");
}
