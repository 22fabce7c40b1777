// A prepaid token: the operator's signed word that so many units of a service of one device are paid. For the
// consumer whose key it names, or, marked as bearer, for whoever presents it first. Short enough for an NTAG213.

import type { Crypto, Signer } from "../../hal/crypto.ts";
import { assert } from "../assert.ts";
import { orderId, serviceId, units } from "../protocol/messages.ts";
import { bytes, field, flag, map, type Of, optional, tuple, uint } from "../protocol/schema.ts";
import { base64url } from "../protocol/topics.ts";
import { fail, ok, type Result } from "../result.ts";
import { deviceThumbprint } from "./certificate.ts";
import {
  CONFIRMATION,
  CONFIRMATION_KEY_ID,
  EXPIRES,
  OUR_CLAIMS,
  peek,
  type SignedSort,
  sign,
  TOKEN_ID,
  verify,
} from "./signed.ts";

const claims = map({
  expires: field(EXPIRES, uint(0xffff_ffff)),
  order: field(TOKEN_ID, orderId),
  /** Left out by a bearer token, and by no other. */
  consumer: optional(CONFIRMATION, map({ keyId: field(CONFIRMATION_KEY_ID, bytes(8)) })),
  prepaid: field(
    OUR_CLAIMS,
    tuple({
      /** Thumbprint of its signing key: the one device on which it is good. */
      device: bytes(8),
      service: serviceId,
      units,
      bearer: flag,
    }),
  ),
});

export const PREPAID: SignedSort<Of<typeof claims>> = { name: "prepaid", claims };

export interface PrepaidToken {
  /** 16 hexadecimal digits; becomes the order's id. */
  order: string;
  /** Id of the one device on which it is good. */
  device: string;
  service: number;
  units: number;
  /** Thumbprint of the key whose owner it is for; absent in a bearer token, which is for whoever has it. */
  consumer?: Uint8Array;
  /** Seconds since 1970. */
  expiresS: number;
}

export function signPrepaid(token: PrepaidToken, operator: Signer): Uint8Array {
  const { order, device: name, service, units: count, consumer, expiresS } = token;
  const device = deviceThumbprint(name);
  assert(device !== undefined, "a device is named by its thumbprint");
  const prepaid = { device, service, units: count, bearer: consumer === undefined };
  const plain = { expires: expiresS, order, prepaid };
  return sign(
    PREPAID,
    consumer === undefined ? plain : { ...plain, consumer: { keyId: consumer } },
    operator,
  );
}

function fromClaims({
  expires,
  order,
  consumer,
  prepaid,
}: Of<typeof claims>): Result<PrepaidToken> {
  const { device, service, units: count, bearer } = prepaid;
  if (bearer === (consumer !== undefined)) {
    return fail("malformed", "it names a key, or is a bearer token", "prepaid.consumer");
  }
  if (count === 0) return fail("malformed", "it is for no units", "prepaid.units");
  const plain = { order, device: base64url(device), service, units: count, expiresS: expires };
  return ok(consumer === undefined ? plain : { ...plain, consumer: consumer.keyId });
}

/** The token, unchecked: for showing what bytes say. Never acted upon. */
export function peekPrepaid(signed: Uint8Array): Result<PrepaidToken> {
  const read = peek(PREPAID, signed);
  return read.ok ? fromClaims(read.value) : read;
}

/** Errors: those of `verify`, and `malformed`. Device, consumer and expiry are the caller's. */
export function verifyPrepaid(
  signed: Uint8Array,
  operatorKey: Uint8Array,
  crypto: Crypto,
): Result<PrepaidToken> {
  const read = verify(PREPAID, signed, operatorKey, crypto);
  return read.ok ? fromClaims(read.value) : read;
}
