// A delivery token: the device's signed word that an order is paid. Bound to the order, service, price, units
// and the consumer's key; to the device by the key that signed it.

import type { Crypto, Signer } from "../../hal/crypto.ts";
import { orderId, priceId, serviceId, units } from "../protocol/messages.ts";
import { bytes, field, map, type Of, tuple, uint } from "../protocol/schema.ts";
import { ok, type Result } from "../result.ts";
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
  consumer: field(CONFIRMATION, map({ keyId: field(CONFIRMATION_KEY_ID, bytes(8)) })),
  bought: field(OUR_CLAIMS, tuple({ service: serviceId, price: priceId, units })),
});

export const TOKEN: SignedSort<Of<typeof claims>> = { name: "token", claims };

export interface DeliveryToken {
  order: string;
  /** Thumbprint of the consumer's key. */
  consumer: Uint8Array;
  service: number;
  price: number;
  units: number;
  expiresS: number;
}

export function signToken(token: DeliveryToken, device: Signer): Uint8Array {
  const { order, consumer, service, price, units: count, expiresS } = token;
  const bought = { service, price, units: count };
  return sign(TOKEN, { expires: expiresS, order, consumer: { keyId: consumer }, bought }, device);
}

function fromClaims({ expires, order, consumer, bought }: Of<typeof claims>): DeliveryToken {
  return { ...bought, order, consumer: consumer.keyId, expiresS: expires };
}

/** The token, unchecked: for showing what bytes say. Never acted upon. */
export function peekToken(signed: Uint8Array): Result<DeliveryToken> {
  const read = peek(TOKEN, signed);
  return read.ok ? ok(fromClaims(read.value)) : read;
}

export function verifyToken(
  signed: Uint8Array,
  deviceKey: Uint8Array,
  crypto: Crypto,
): Result<DeliveryToken> {
  const read = verify(TOKEN, signed, deviceKey, crypto);
  return read.ok ? ok(fromClaims(read.value)) : read;
}
