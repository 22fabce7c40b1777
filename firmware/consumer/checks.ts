// What a consumer checks before it believes a device: that an offer is what was selected, that a token is for
// the offer that was paid, that receipts are for the order and add up.

import type { Crypto } from "../../hal/crypto.ts";
import { equalBytes } from "../bytes.ts";
import { formatMinor } from "../money.ts";
import { fail, ok, type Result } from "../result.ts";
import type { DeliveryToken } from "../token/delivery-token.ts";
import type { Offer } from "../token/offer.ts";
import type { Receipt } from "../token/receipt.ts";
import { shortDigest } from "../token/signed.ts";
import { grantPulses, valueOfPulses } from "../units.ts";

export interface Selection {
  service: number;
  price: number;
  units: number;
}

/** Errors: `offer-mismatch`, `wrong-consumer`, `over-limit`. */
export function checkOffer(
  offer: Offer,
  selection: Selection,
  thumbprint: Uint8Array,
  totalMinorMax: number | undefined,
): Result<void> {
  for (const name of ["service", "price", "units"] as const) {
    if (offer[name] !== selection[name]) {
      return fail(
        "offer-mismatch",
        `offered ${offer[name]}, asked ${selection[name]}`,
        `offer.${name}`,
      );
    }
  }
  if (!equalBytes(offer.consumer, thumbprint)) {
    return fail("wrong-consumer", "the offer is for another consumer", "offer.consumer");
  }
  // I4: all lines for units together, so that a second one adds nothing to the price.
  const unitLines = offer.lines.filter(({ kind }) => kind === "units");
  const unitsMinor = unitLines.reduce((sum, { amountMinor }) => sum + amountMinor, 0);
  if (unitsMinor !== offer.units * offer.priceMinor) {
    return fail("offer-mismatch", "the units are not at the price per unit", "offer.lines");
  }
  const money = (amountMinor: number): string => formatMinor(amountMinor, offer.currency);
  if (totalMinorMax !== undefined && offer.totalMinor > totalMinorMax) {
    return fail(
      "over-limit",
      `the total is ${money(offer.totalMinor)}, your limit ${money(totalMinorMax)}`,
      "offer.totalMinor",
    );
  }
  return ok(undefined);
}

/** Error: `token-invalid`. */
export function checkToken(token: DeliveryToken, offer: Offer): Result<void> {
  const same =
    token.order === offer.id &&
    token.service === offer.service &&
    token.price === offer.price &&
    token.units === offer.units &&
    equalBytes(token.consumer, offer.consumer);
  return same
    ? ok(undefined)
    : fail("token-invalid", "the token is not for what was paid", "token");
}

/**
 * Checks verified receipts of one order against its offer: each names it, sessions are charged their value at
 * its price, and a settlement accounts for the whole of what was captured. Error: `offer-mismatch`.
 */
export function checkReceipts(
  receipts: readonly Receipt[],
  offer: Offer,
  signedOffer: Uint8Array,
  crypto: Crypto,
): Result<void> {
  const digest = shortDigest(crypto, signedOffer);
  const ratio = { numerator: offer.numerator, denominator: offer.denominator };
  const value = (pulses: number): number =>
    valueOfPulses(pulses, offer.priceMinor, offer.units, ratio);
  let pulses = 0;
  let session = 0;
  for (const [index, receipt] of receipts.entries()) {
    const at = `receipts.${index}`;
    if (receipt.order !== offer.id || !equalBytes(receipt.offer, digest)) {
      return fail("offer-mismatch", "the receipt is for another offer", at);
    }
    if (receipt.is === "session") {
      const amount = value(pulses + receipt.pulses) - value(pulses);
      session += 1;
      pulses += receipt.pulses;
      if (receipt.session !== session) return fail("offer-mismatch", "a session is missing", at);
      if (receipt.amountMinor !== amount) {
        return fail("offer-mismatch", `charges ${receipt.amountMinor}, not ${amount}`, at);
      }
    } else {
      const { amountMinor, capturedMinor, refundedMinor, forfeitedMinor, owedMinor } = receipt;
      const sum = amountMinor + refundedMinor + forfeitedMinor + owedMinor;
      const counted = receipt.pulses === pulses && receipt.sessions === session;
      if (!counted || amountMinor !== value(pulses) || sum !== capturedMinor) {
        return fail("offer-mismatch", "the settlement does not add up", at);
      }
      if (forfeitedMinor > 0 && offer.undelivered !== "credit-forfeit") {
        return fail("offer-mismatch", "the offer forfeits nothing", at);
      }
    }
  }
  if (pulses > grantPulses(offer.units, ratio)) {
    return fail("offer-mismatch", "more was charged than was bought", "receipts");
  }
  return ok(undefined);
}
