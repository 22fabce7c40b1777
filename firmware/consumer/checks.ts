// What a consumer checks before it believes a device: that an offer is what was selected, that a token is for
// the offer that was paid, that receipts are for the order and add up.

import type { Crypto } from "../../hal/crypto.ts";
import { equalBytes } from "../bytes.ts";
import { formatMinor } from "../money.ts";
import { fail, ok, type Result } from "../result.ts";
import type { DeliveryToken } from "../token/delivery-token.ts";
import type { Offer } from "../token/offer.ts";
import type { Receipt, SessionReceipt, SettlementReceipt } from "../token/receipt.ts";
import { shortDigest } from "../token/signed.ts";
import { grantPulses, milliUnits, type Ratio, valueOfPulses } from "../units.ts";

/** Stops after which the end reading may be of a meter that was reset or replaced; the receipt says so itself. */
const METER_TROUBLE: ReadonlySet<string> = new Set(["meter-implausible", "meter-lost"]);

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
 * Checks verified receipts of one order, in the order of their numbers, against its offer: each names it, sessions
 * are charged their value at its price and no more than their meter moved, and one settlement, after the last of
 * them, accounts for the whole of what was captured. Error: `offer-mismatch`.
 */
export function checkReceipts(
  receipts: readonly Receipt[],
  offer: Offer,
  signedOffer: Uint8Array,
  crypto: Crypto,
): Result<void> {
  const digest = shortDigest(crypto, signedOffer);
  const ratio = { numerator: offer.numerator, denominator: offer.denominator };
  let soFar: SoFar = { sessions: 0, pulses: 0, before: undefined };
  for (const [index, receipt] of receipts.entries()) {
    const wrong =
      receipt.order !== offer.id || !equalBytes(receipt.offer, digest)
        ? "the receipt is for another offer"
        : (placeWrong(receipt, soFar) ??
          (receipt.is === "session"
            ? sessionWrong(receipt, soFar, offer, ratio)
            : settlementWrong(receipt, soFar, offer, ratio)));
    if (wrong !== undefined) return fail("offer-mismatch", wrong, `receipts.${index}`);
    const { sessions, pulses } = soFar;
    soFar =
      receipt.is === "session"
        ? { sessions: sessions + 1, pulses: pulses + receipt.pulses, before: receipt }
        : { sessions, pulses, before: receipt };
  }
  if (soFar.pulses > grantPulses(offer.units, ratio)) {
    return fail("offer-mismatch", "more was charged than was bought", "receipts");
  }
  return ok(undefined);
}

/** What the receipts before one say together, and the one right before it. */
interface SoFar {
  sessions: number;
  pulses: number;
  before: Receipt | undefined;
}

function placeWrong(receipt: Receipt, { before }: SoFar): string | undefined {
  if (before === undefined) return undefined;
  if (before.is === "settlement") return `a ${receipt.is} receipt stands after the settlement`;
  if (receipt.number <= before.number) return `number ${receipt.number} follows ${before.number}`;
  // One order is paid once.
  if (receipt.payment !== before.payment) return "it names another payment than the one before it";
  return undefined;
}

function sessionWrong(
  receipt: SessionReceipt,
  { sessions, pulses: before }: SoFar,
  offer: Offer,
  ratio: Ratio,
): string | undefined {
  const { pulses, runOnPulses, startReading, endReading, amountMinor } = receipt;
  if (receipt.session !== sessions + 1) return "a session is missing";
  const amount = valueAt(before + pulses, offer, ratio) - valueAt(before, offer, ratio);
  if (amountMinor !== amount) return `charges ${amountMinor}, not ${amount}`;
  // More than was delivered is a meter that jumped, which costs nobody anything. One that fell back ended the session.
  const moved = endReading - startReading;
  if (moved < pulses + runOnPulses && !METER_TROUBLE.has(receipt.reason)) {
    return `the readings are ${moved} apart, for ${pulses} pulses and ${runOnPulses} more run on`;
  }
  return milliUnitsWrong(receipt, ratio);
}

function settlementWrong(
  receipt: SettlementReceipt,
  { sessions, pulses }: SoFar,
  offer: Offer,
  ratio: Ratio,
): string | undefined {
  const { amountMinor, capturedMinor, refundedMinor, forfeitedMinor, owedMinor } = receipt;
  const sum = amountMinor + refundedMinor + forfeitedMinor + owedMinor;
  const counted = receipt.pulses === pulses && receipt.sessions === sessions;
  if (!counted || amountMinor !== valueAt(pulses, offer, ratio) || sum !== capturedMinor) {
    return "the settlement does not add up";
  }
  // I2: nothing is taken beyond what was offered.
  if (capturedMinor > offer.totalMinor) {
    return `${capturedMinor} was captured of a total of ${offer.totalMinor}`;
  }
  if (forfeitedMinor > 0) {
    if (offer.undelivered !== "credit-forfeit") return "the offer forfeits nothing";
    if (receipt.reason !== "expired") return `forfeited by ${receipt.reason}, before it expired`;
  }
  return milliUnitsWrong(receipt, ratio);
}

function milliUnitsWrong(receipt: Receipt, ratio: Ratio): string | undefined {
  const thousandths = milliUnits(receipt.pulses, ratio);
  return receipt.milliUnits === thousandths
    ? undefined
    : `says ${receipt.milliUnits} thousandths of a unit, its pulses are ${thousandths}`;
}

function valueAt(pulses: number, { priceMinor, units }: Offer, ratio: Ratio): number {
  return valueOfPulses(pulses, priceMinor, units, ratio);
}
