// A signed offer: so many units of a service at a price, with every line of the amount, for one consumer,
// until it expires. It says that the device was ready when it was made, and reserves nothing.

import type { Crypto, Signer } from "../../hal/crypto.ts";
import {
  amountMinor,
  currency,
  orderId,
  PULSES_MAX,
  priceId,
  pulses,
  serviceId,
  units,
} from "../protocol/messages.ts";
import {
  bytes,
  field,
  list,
  map,
  named,
  type Of,
  oneOf,
  text,
  tuple,
  uint,
} from "../protocol/schema.ts";
import { fail, ok, type Result } from "../result.ts";
import { grantPulses } from "../units.ts";
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

/** What becomes of units that were paid and not delivered. */
export const UNDELIVERED = {
  refund: 1, // refunded when the consumer or a fault ends delivery, and at the latest at expiry
  "credit-refund": 2, // kept as credit until expiry, then refunded
  "credit-forfeit": 3, // kept as credit until expiry, then forfeited
} as const;
export type Undelivered = keyof typeof UNDELIVERED;

/** What a line of the amount is for. */
const LINE_KINDS = { units: 1, fee: 2, tax: 3 } as const;

/** A pulse is never more than so many units. */
const UNITS_PER_PULSE_MAX = 1000;

const offerLine = named(
  "offer-line",
  tuple({ kind: named("line-kind", oneOf(LINE_KINDS)), amountMinor }),
);

/** What is offered; the same shape stands in the order's record. */
export const offerTerms = tuple({
  service: serviceId,
  price: priceId,
  units,
  unit: text(8),
  /** Per unit. */
  priceMinor: amountMinor,
  currency,
  /** Pulses per unit, a fraction. */
  numerator: pulses,
  denominator: pulses,
  lines: list(offerLine, 4),
  totalMinor: amountMinor,
  undelivered: named("undelivered", oneOf(UNDELIVERED)),
});
export type OfferTerms = Of<typeof offerTerms>;

const claims = map({
  expires: field(EXPIRES, uint(0xffff_ffff)),
  id: field(TOKEN_ID, orderId),
  consumer: field(CONFIRMATION, map({ keyId: field(CONFIRMATION_KEY_ID, bytes(8)) })),
  terms: field(OUR_CLAIMS, offerTerms),
});

export const OFFER: SignedSort<Of<typeof claims>> = { name: "offer", claims };

export interface Offer extends Readonly<OfferTerms> {
  /** 16 hexadecimal digits; becomes the order's id when it is paid. */
  id: string;
  /** Thumbprint of the consumer's key. */
  consumer: Uint8Array;
  expiresS: number;
}

export function signOffer(offer: Offer, device: Signer): Uint8Array {
  const { id, consumer, expiresS, ...terms } = offer;
  return sign(OFFER, { expires: expiresS, id, consumer: { keyId: consumer }, terms }, device);
}

function fromClaims({ expires, id, consumer, terms }: Of<typeof claims>): Offer {
  return { ...terms, id, consumer: consumer.keyId, expiresS: expires };
}

/** The offer, unchecked: for showing what bytes say. Never acted upon. */
export function peekOffer(signed: Uint8Array): Result<Offer> {
  const read = peek(OFFER, signed);
  return read.ok ? ok(fromClaims(read.value)) : read;
}

/** Errors: those of `verify`, and `offer-mismatch` when its lines do not add up or its pulses are out of bounds. */
export function verifyOffer(
  signed: Uint8Array,
  deviceKey: Uint8Array,
  crypto: Crypto,
): Result<Offer> {
  const read = verify(OFFER, signed, deviceKey, crypto);
  if (!read.ok) return read;
  const { terms } = read.value;
  const sum = terms.lines.reduce((total, line) => total + line.amountMinor, 0);
  if (sum !== terms.totalMinor) {
    return fail(
      "offer-mismatch",
      `lines add up to ${sum}, not ${terms.totalMinor}`,
      "offer.totalMinor",
    );
  }
  const { numerator, denominator } = terms;
  if (denominator === 0 || numerator === 0) {
    return fail("offer-mismatch", "pulses per unit must be a positive fraction", "offer.numerator");
  }
  // Beyond these bounds the counts and thousandths made of it would not be safe integers.
  if (
    denominator > UNITS_PER_PULSE_MAX * numerator ||
    grantPulses(terms.units, terms) > PULSES_MAX
  ) {
    return fail("offer-mismatch", "pulses per unit are out of bounds", "offer.numerator");
  }
  return ok(fromClaims(read.value));
}
