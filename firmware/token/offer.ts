// A signed offer: so many units of a service at a price, with every line of the amount, for one consumer,
// until it expires. It says that the device was ready when it was made, and reserves nothing.

import type { Crypto, Signer } from "../../hal/crypto.ts";
import {
  amountMinor,
  basisPoints,
  currency,
  FEES_MAX,
  orderId,
  PULSES_MAX,
  priceId,
  pulses,
  serviceId,
  TIERS_MAX,
  tier,
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
  optional,
  text,
  tuple,
  uint,
} from "../protocol/schema.ts";
import { fail, ok, type Result } from "../result.ts";
import { grantPulses, priceOfUnits } from "../units.ts";
import {
  CONFIRMATION,
  CONFIRMATION_KEY_ID,
  EXPIRES,
  OUR_CLAIMS,
  OUR_DETAILS,
  peek,
  type SignedSort,
  sign,
  TOKEN_ID,
  verify,
} from "./signed.ts";
import { undelivered } from "./undelivered.ts";

/**
 * What a line of the amount is for. Tax has no line of its own: every amount contains it. An extra, which the payer
 * accepted on top of the offer, stands on receipts only.
 */
const LINE_KINDS = { units: 1, fee: 2, tax: 3, start: 4, extra: 5 } as const;

/** A pulse is never more than so many units. */
const UNITS_PER_PULSE_MAX = 1000;

export const amountLine = named(
  "offer-line",
  tuple({ kind: named("line-kind", oneOf(LINE_KINDS)), amountMinor }),
);
export type AmountLine = Of<typeof amountLine>;
/** The units, and a line for each fee. */
export const LINES_MAX = 1 + FEES_MAX;

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
  /** The units first, then the fees. */
  lines: list(amountLine, LINES_MAX),
  totalMinor: amountMinor,
  undelivered,
});
export type OfferTerms = Of<typeof offerTerms>;

/** What a price is more than an amount per unit; left out where it is no more. */
export const tariff = map({
  /** Tax that every amount contains, in hundredths of a percent. */
  taxBasisPoints: optional(1, basisPoints),
  tiers: optional(2, list(tier, TIERS_MAX)),
  /** Of the lines that are no units, in their order. */
  feeNames: optional(3, list(text(24), FEES_MAX)),
});
export type Tariff = Of<typeof tariff>;

/** What says how every delivered pulse is priced: an offer, or the order made of it. */
export type Priced = Readonly<OfferTerms> & { readonly tariff?: Tariff | undefined };

const claims = map({
  expires: field(EXPIRES, uint(0xffff_ffff)),
  id: field(TOKEN_ID, orderId),
  consumer: field(CONFIRMATION, map({ keyId: field(CONFIRMATION_KEY_ID, bytes(8)) })),
  terms: field(OUR_CLAIMS, offerTerms),
  tariff: optional(OUR_DETAILS, tariff),
});

export const OFFER: SignedSort<Of<typeof claims>> = { name: "offer", claims };

export interface Offer extends Readonly<OfferTerms> {
  /** 16 hexadecimal digits; becomes the order's id when it is paid. */
  id: string;
  /** Thumbprint of the consumer's key. */
  consumer: Uint8Array;
  expiresS: number;
  tariff?: Tariff;
}

export function signOffer(offer: Offer, device: Signer): Uint8Array {
  const { id, consumer, expiresS, tariff: detail, ...terms } = offer;
  const plain = { expires: expiresS, id, consumer: { keyId: consumer }, terms };
  return sign(OFFER, detail === undefined ? plain : { ...plain, tariff: detail }, device);
}

function fromClaims({ expires, id, consumer, terms, tariff: detail }: Of<typeof claims>): Offer {
  const plain = { ...terms, id, consumer: consumer.keyId, expiresS: expires };
  return detail === undefined ? plain : { ...plain, tariff: detail };
}

/** The offer, unchecked: for showing what bytes say. Never acted upon. */
export function peekOffer(signed: Uint8Array): Result<Offer> {
  const read = peek(OFFER, signed);
  return read.ok ? ok(fromClaims(read.value)) : read;
}

/**
 * Errors: those of `verify`, and `offer-mismatch` when its lines are not what its price and fees come to, or its
 * pulses are out of bounds.
 */
export function verifyOffer(
  signed: Uint8Array,
  deviceKey: Uint8Array,
  crypto: Crypto,
): Result<Offer> {
  const read = verify(OFFER, signed, deviceKey, crypto);
  if (!read.ok) return read;
  const offer = fromClaims(read.value);
  const wrong = linesWrong(offer);
  if (wrong !== undefined) return fail("offer-mismatch", wrong, "offer.lines");
  const sum = offer.lines.reduce((total, line) => total + line.amountMinor, 0);
  if (sum !== offer.totalMinor) {
    return fail(
      "offer-mismatch",
      `lines add up to ${sum}, not ${offer.totalMinor}`,
      "offer.totalMinor",
    );
  }
  const { numerator, denominator } = offer;
  if (denominator === 0 || numerator === 0) {
    return fail("offer-mismatch", "pulses per unit must be a positive fraction", "offer.numerator");
  }
  // Beyond these bounds the counts and thousandths made of it would not be safe integers.
  if (
    denominator > UNITS_PER_PULSE_MAX * numerator ||
    grantPulses(offer.units, offer) > PULSES_MAX
  ) {
    return fail("offer-mismatch", "pulses per unit are out of bounds", "offer.numerator");
  }
  return ok(offer);
}

/** I4: one line for the units, at the price of their tiers, then one for each named fee, and nothing else. */
function linesWrong(offer: Offer): string | undefined {
  const { tiers = [], feeNames = [] } = offer.tariff ?? {};
  const starts = [1, ...tiers.map(({ fromUnits }) => fromUnits)];
  if (starts.some((from, i) => i > 0 && from <= (starts[i - 1] ?? 0))) return "tiers do not rise";
  const [first, ...fees] = offer.lines;
  const price = priceOfUnits(offer.units, { priceMinor: offer.priceMinor, tiers });
  if (first?.kind !== "units" || first.amountMinor !== price) {
    return `the units come to ${price} at their price, which the first line does not say`;
  }
  if (fees.length !== feeNames.length) return "not every fee has its name and its line";
  const odd = fees.find(({ kind }) => kind !== "fee" && kind !== "start");
  return odd && `a line for ${odd.kind} stands among the fees`;
}
