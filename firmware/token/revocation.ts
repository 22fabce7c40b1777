// An operator's list of certificates that it takes back: the next list holds all that the one before held, so
// the latest alone counts, and any road may bring it: a file, or a device of that operator.

import type { Crypto, Signer } from "../../hal/crypto.ts";
import { assert } from "../assert.ts";
import { equalBytes } from "../bytes.ts";
import { COMMAND_BYTES_MAX } from "../protocol/messages.ts";
import { bytes, field, list, map, type Of, tuple, uint } from "../protocol/schema.ts";
import { base64url } from "../protocol/topics.ts";
import { fail, ok, type Result } from "../result.ts";
import { type Certificate, deviceThumbprint } from "./certificate.ts";
import {
  ISSUED_AT,
  OUR_CLAIMS,
  peek,
  type SignedSort,
  sign,
  thumbprint,
  verify,
} from "./signed.ts";

/** Of one list; a device stands in it once. */
export const REVOKED_MAX = 90;
/** In the place of a serial: whatever certificate the device has, and will have. */
export const EVERY_SERIAL = 0xffff_ffff;

const claims = map({
  /** Seconds since 1970. */
  issuedAt: field(ISSUED_AT, uint(0xffff_ffff)),
  list: field(
    OUR_CLAIMS,
    tuple({
      /** Thumbprint of the operator's key. */
      operator: bytes(8),
      /** One more for each list. */
      number: uint(0xffff_ffff),
      /** Certificates of a device up to and with a serial. */
      revoked: list(tuple({ device: bytes(8), serial: uint(EVERY_SERIAL) }), REVOKED_MAX),
    }),
  ),
});

export const REVOCATIONS: SignedSort<Of<typeof claims>> = {
  name: "revocations",
  claims,
  bytesMax: COMMAND_BYTES_MAX,
};

export interface Revoked {
  /** As in a certificate. */
  device: string;
  /** This one and those before it. */
  serial: number;
}

export interface Revocations {
  number: number;
  issuedS: number;
  revoked: readonly Revoked[];
}

export function signRevocations(given: Revocations, operator: Signer, crypto: Crypto): Uint8Array {
  const { number, issuedS, revoked } = given;
  const entries = revoked.map(({ device, serial }) => {
    const named = deviceThumbprint(device);
    assert(named !== undefined, "a device is named by its thumbprint");
    return { device: named, serial };
  });
  const operatorId = thumbprint(crypto, operator.publicKey);
  const made = { operator: operatorId, number, revoked: entries };
  return sign(REVOCATIONS, { issuedAt: issuedS, list: made }, operator);
}

/** Thumbprint of the operator that the list names: only a hint of which key to try. */
export function revocationsOperator(signed: Uint8Array): Result<Uint8Array> {
  const read = peek(REVOCATIONS, signed);
  return read.ok ? ok(read.value.list.operator) : read;
}

/** Errors: those of `verify`, and `untrusted` when the list names another operator. */
export function verifyRevocations(
  signed: Uint8Array,
  operatorKey: Uint8Array,
  crypto: Crypto,
): Result<Revocations> {
  const read = verify(REVOCATIONS, signed, operatorKey, crypto);
  if (!read.ok) return read;
  const { operator, number, revoked } = read.value.list;
  if (!equalBytes(operator, thumbprint(crypto, operatorKey))) {
    return fail("untrusted", "the list was made by another operator", "revocations.list.operator");
  }
  const entries = revoked.map(({ device, serial }) => ({ device: base64url(device), serial }));
  return ok({ number, issuedS: read.value.issuedAt, revoked: entries });
}

export function isRevoked(
  { revoked }: Pick<Revocations, "revoked">,
  { device, serial }: Pick<Certificate, "device" | "serial">,
): boolean {
  return revoked.some((one) => one.device === device && serial <= one.serial);
}
