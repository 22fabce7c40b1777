// A device certificate: the operator's word on a device's keys, and on the payment host that it sells
// through. The device's id is the thumbprint of its signing key, so it is in no claim.

import type { Crypto, Signer } from "../../hal/crypto.ts";
import { equalBytes } from "../bytes.ts";
import { SIGNED_BYTES_MAX } from "../protocol/messages.ts";
import { bytes, field, flag, map, type Of, tuple, uint } from "../protocol/schema.ts";
import { base64url, fromBase64url } from "../protocol/topics.ts";
import { fail, ok, type Result } from "../result.ts";
import { decodeSign1 } from "./sign1.ts";
import { EXPIRES, OUR_CLAIMS, peek, type SignedSort, sign, thumbprint, verify } from "./signed.ts";

/** COSE header parameter `kid` (RFC 9052 section 3.1). */
const KEY_ID = 4;

const claims = map({
  /** Seconds since 1970. */
  expires: field(EXPIRES, uint(0xffff_ffff)),
  device: field(
    OUR_CLAIMS,
    tuple({
      signKey: bytes(32),
      boxKey: bytes(32),
      /** X25519 key of the payment host, to which payers seal their credentials. */
      hostKey: bytes(32),
      serial: uint(0xffff_ffff),
      /** Made for a bench: good only together with a simulated payment host. */
      bench: flag,
    }),
  ),
});

export const CERTIFICATE: SignedSort<Of<typeof claims>> = { name: "certificate", claims };

export interface Certificate {
  /** 11 characters: base64url of the thumbprint of the signing key. */
  device: string;
  signKey: Uint8Array;
  boxKey: Uint8Array;
  hostKey: Uint8Array;
  serial: number;
  bench: boolean;
  expiresS: number;
}

export function deviceName(crypto: Crypto, signKey: Uint8Array): string {
  return base64url(thumbprint(crypto, signKey));
}

/** The thumbprint that a device's name is written from, or undefined. */
export function deviceThumbprint(name: string): Uint8Array | undefined {
  const bytes = fromBase64url(name);
  return bytes?.length === 8 ? bytes : undefined;
}

export function issueCertificate(
  certificate: Omit<Certificate, "device">,
  operator: Signer,
  crypto: Crypto,
): Uint8Array {
  const { signKey, boxKey, hostKey, serial, bench, expiresS } = certificate;
  const keyId = new Map([[KEY_ID, thumbprint(crypto, operator.publicKey)]]);
  const device = { signKey, boxKey, hostKey, serial, bench };
  return sign(CERTIFICATE, { expires: expiresS, device }, operator, keyId);
}

/** Thumbprint of the operator key that signed it, as the certificate says: only a hint of which key to try. */
export function certificateOperator(signed: Uint8Array): Uint8Array | undefined {
  const sign1 = decodeSign1(signed, SIGNED_BYTES_MAX);
  const keyId = sign1.ok ? sign1.value.unprotected.get(KEY_ID) : undefined;
  return keyId instanceof Uint8Array && keyId.length === 8 ? keyId : undefined;
}

function fromClaims(read: Of<typeof claims>, crypto: Crypto): Certificate {
  const { device, expires } = read;
  return { ...device, device: deviceName(crypto, device.signKey), expiresS: expires };
}

/** The certificate, unchecked: to reach a device that nobody vouches for yet. Never trusted with anything. */
export function peekCertificate(signed: Uint8Array, crypto: Crypto): Result<Certificate> {
  const read = peek(CERTIFICATE, signed);
  return read.ok ? ok(fromClaims(read.value, crypto)) : read;
}

/** Errors: those of `verify`, and `untrusted` when the certificate names another operator. Expiry is the caller's. */
export function verifyCertificate(
  signed: Uint8Array,
  operatorKey: Uint8Array,
  crypto: Crypto,
): Result<Certificate> {
  const named = certificateOperator(signed);
  if (named !== undefined && !equalBytes(named, thumbprint(crypto, operatorKey))) {
    return fail("untrusted", "the certificate was made by another operator", "certificate");
  }
  const read = verify(CERTIFICATE, signed, operatorKey, crypto);
  return read.ok ? ok(fromClaims(read.value, crypto)) : read;
}
