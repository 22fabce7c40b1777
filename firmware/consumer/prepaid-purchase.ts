// Orders that a prepaid token brings, as whoever shows it keeps them: the token, which the operator signed, stands in
// the place of the offer, and no money with it.

import type { Clock } from "../../hal/clock.ts";
import type { Crypto } from "../../hal/crypto.ts";
import { equalBytes, toHex } from "../bytes.ts";
import { fail, ok, type Result } from "../result.ts";
import type { Announcement } from "../token/announcement.ts";
import { type Offer, peekOffer, verifyOffer } from "../token/offer.ts";
import { type PrepaidToken, peekPrepaid, verifyPrepaid } from "../token/prepaid-token.ts";
import type { Receipt } from "../token/receipt.ts";
import { thumbprint } from "../token/signed.ts";
import { checkReceipts } from "./checks.ts";
import type { PriceOnList } from "./price-list.ts";
import type { Purchase, Purchases } from "./purchase.ts";
import { checkCommitment } from "./stream-order.ts";
import { checkTokenReceipts } from "./token-checks.ts";

/**
 * The terms that an order's paper says, unchecked: those of its offer; or of its token, for which nothing is due. A
 * token does not say how many pulses a unit has: that is right only where `grantPulses`, all that the device counts for
 * it, is given.
 */
export function termsOf(
  { offer, prepaid }: Pick<Purchase, "offer" | "prepaid">,
  grantPulses?: number,
): Result<Offer> {
  if (prepaid === undefined) return peekOffer(offer);
  const read = peekPrepaid(offer);
  if (!read.ok) return read;
  const { order: id, service, units, expiresS, consumer = new Uint8Array(8) } = read.value;
  return ok({
    ...{ id, consumer, service, units, expiresS, ...prepaid },
    ...{ price: 0, priceMinor: 0, totalMinor: 0, lines: [{ kind: "units", amountMinor: 0 }] },
    ...{ numerator: grantPulses ?? units, denominator: units },
    undelivered: "credit-forfeit",
  });
}

/** Whether it is good for whoever has it. */
export function isBearers({ offer, prepaid }: Purchase): boolean {
  const read = peekPrepaid(offer);
  return prepaid !== undefined && read.ok && read.value.consumer === undefined;
}

/** Checks verified receipts against the paper of their order. Errors: those of verifying it, `offer-mismatch`. */
export function checkPurchase(
  { offer: paper, prepaid, operatorKey, extras, stream }: Purchase,
  receipts: readonly Receipt[],
  deviceKey: Uint8Array,
  crypto: Crypto,
): Result<void> {
  if (prepaid !== undefined) {
    const token = verifyPrepaid(paper, operatorKey, crypto);
    if (!token.ok) return token;
    return checkTokenReceipts(receipts, { token: token.value, signed: paper }, crypto);
  }
  const offer = verifyOffer(paper, deviceKey, crypto);
  if (!offer.ok) return offer;
  if (stream === undefined) return checkReceipts(receipts, offer.value, paper, crypto, extras);
  const signed = { signedOffer: paper, signKey: deviceKey };
  const commitment = checkCommitment(stream.commitment, offer.value, signed, crypto);
  if (!commitment.ok) return commitment;
  return checkReceipts(receipts, offer.value, paper, crypto, extras, commitment.value);
}

interface TokenPorts {
  clock: Clock;
  crypto: Crypto;
  purchases: Purchases;
  /** X25519 key of whoever shows it. */
  boxKey: Uint8Array;
  announcement: Announcement;
  operatorKey: Uint8Array;
  prices(service: number): Promise<Result<readonly PriceOnList[]>>;
}

/**
 * The journaled order of a token that is good at this device as far as we can tell: a new one, or the one that it
 * brought before. Errors: `token-invalid`, `wrong-device`, `wrong-consumer`, `not-ready`, the device's.
 */
export async function keepToken(signed: Uint8Array, ports: TokenPorts): Promise<Result<Purchase>> {
  const { purchases } = ports;
  const token = ourToken(signed, ports);
  if (!token.ok) return token;
  const { order: id, service } = token.value;
  const known = await purchases.get(id);
  if (known !== undefined) return sameToken(known, signed);
  const prices = await ports.prices(service);
  if (!prices.ok) return prices;
  const [price] = prices.value;
  if (price === undefined) {
    return fail("not-ready", "the service is not sold now", "token.service");
  }
  const { unit, currency } = price;
  const { verified, name, certificate } = ports.announcement;
  const purchase: Purchase = {
    ...{ id, state: "paid", device: verified.device, name, operatorKey: ports.operatorKey },
    ...{ certificate, offer: signed, receipts: [], sessions: 0, bench: verified.bench },
    madeMs: ports.clock.wallMs(),
    prepaid: { unit, currency },
  };
  if (await purchases.insert(purchase)) return ok(purchase);
  return sameToken((await purchases.get(id)) ?? purchase, signed);
}

function ourToken(
  signed: Uint8Array,
  { crypto, boxKey, announcement, operatorKey }: TokenPorts,
): Result<PrepaidToken> {
  const { name, verified } = announcement;
  const read = verifyPrepaid(signed, operatorKey, crypto);
  if (!read.ok) {
    const forged = read.fault.kind === "signature";
    const words = forged ? `the operator of ${name} did not sign it` : read.fault.message;
    return fail("token-invalid", words, "token");
  }
  const { device, consumer } = read.value;
  if (device !== verified.device) {
    return fail("wrong-device", `it is good on device ${device} only`, "token.device");
  }
  const own = thumbprint(crypto, boxKey);
  if (consumer === undefined || equalBytes(consumer, own)) return read;
  const words = `it is bound to consumer ${toHex(consumer)}, and you are ${toHex(own)}`;
  return fail(
    "wrong-consumer",
    `${words}: show it with the identity that it names`,
    "token.consumer",
  );
}

function sameToken(known: Purchase, signed: Uint8Array): Result<Purchase> {
  if (known.prepaid !== undefined && equalBytes(known.offer, signed)) return ok(known);
  return fail("token-invalid", `there is another order ${known.id} here already`, "token.order");
}
