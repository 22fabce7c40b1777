// What is signed: CWT claims (RFC 8392) in a COSE_Sign1 with EdDSA (RFC 9052), one sort of object each.
// The external data of the signature names the sort, so that no signature over one sort is ever good for
// another. Signatures are checked over the bytes that were received.

import type { Crypto, Signer } from "../../hal/crypto.ts";
import { utf8 } from "../bytes.ts";
import { type CborValue, decodeCbor, encodeCbor } from "../protocol/cbor.ts";
import { SIGNED_BYTES_MAX } from "../protocol/messages.ts";
import { readCbor, type Type } from "../protocol/schema.ts";
import { ok, type Result } from "../result.ts";
import { decodeSign1, encodeSign1, verifySign1 } from "./sign1.ts";

export interface SignedSort<T> {
  /** Stands in the external data of the signature as `sluice/1 NAME`. */
  name:
    | "certificate"
    | "key-request"
    | "announcement"
    | "offer"
    | "token"
    | "receipt"
    | "command"
    | "revocations"
    | "flow-grant"
    | "prepaid"
    | "commitment";
  claims: Type<T>;
  /** Of the whole signed object, where it may be larger than SIGNED_BYTES_MAX. */
  bytesMax?: number;
}

/** Private claim: all of ours in one array (RFC 8392 section 9.1.1 leaves keys below -65536 free). */
export const OUR_CLAIMS = -65_537;
/** Private claim: what only some objects of a sort have to say, in one map; left out by all others. */
export const OUR_DETAILS = -65_538;
/** Registered claims (RFC 8392 section 4, RFC 8747 section 3.1). */
export const EXPIRES = 4;
export const ISSUED_AT = 6;
export const TOKEN_ID = 7;
export const CONFIRMATION = 8;
export const CONFIRMATION_KEY_ID = 3;

function externalData(sort: SignedSort<unknown>): Uint8Array {
  return utf8(`sluice/1 ${sort.name}`);
}

function bytesMaxOf(sort: SignedSort<unknown>): number {
  return sort.bytesMax ?? SIGNED_BYTES_MAX;
}

export function sign<T>(
  sort: SignedSort<T>,
  claims: T,
  signer: Signer,
  unprotected?: ReadonlyMap<number, CborValue>,
): Uint8Array {
  return encodeSign1({
    payload: encodeCbor(sort.claims.toCbor(claims)),
    sign: (message) => signer.sign(message),
    externalAad: externalData(sort),
    ...(unprotected === undefined ? {} : { unprotected }),
  });
}

/** Claims read without checking the signature: to find out whose key to check it with. Never acted upon. */
export function peek<T>(sort: SignedSort<T>, signed: Uint8Array): Result<T> {
  const sign1 = decodeSign1(signed, bytesMaxOf(sort));
  if (!sign1.ok) return sign1;
  return readClaims(sort, sign1.value.payload);
}

/** Errors: `malformed`, `too-large`, `signature`. */
export function verify<T>(
  sort: SignedSort<T>,
  signed: Uint8Array,
  publicKey: Uint8Array,
  crypto: Crypto,
): Result<T> {
  const sign1 = decodeSign1(signed, bytesMaxOf(sort));
  if (!sign1.ok) return sign1;
  const payload = verifySign1(crypto, sign1.value, publicKey, externalData(sort));
  if (!payload.ok) return payload;
  return readClaims(sort, payload.value);
}

function readClaims<T>(sort: SignedSort<T>, payload: Uint8Array): Result<T> {
  const decoded = decodeCbor(payload, bytesMaxOf(sort));
  if (!decoded.ok) return decoded;
  const claims = readCbor(sort.claims, decoded.value, sort.name);
  return claims.ok ? ok(claims.value) : claims;
}

/** First 16 bytes of SHA-512: how one object names another. */
export function shortDigest(crypto: Crypto, bytes: Uint8Array): Uint8Array {
  return crypto.digest(bytes).slice(0, 16);
}

/** First 8 bytes of SHA-512 of a public key: a device's, a consumer's or an operator's name in short. */
export function thumbprint(crypto: Crypto, publicKey: Uint8Array): Uint8Array {
  return crypto.digest(publicKey).slice(0, 8);
}
