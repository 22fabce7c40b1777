// What a consumer checks before it believes a device: that an offer is what was selected, that a token is for
// the offer that was paid, that receipts are for the order and add up.

import type { Crypto } from "../../hal/crypto.ts";
import { equalBytes } from "../bytes.ts";
import { formatMinor } from "../money.ts";
import { fail, ok, type Result } from "../result.ts";
import {
  type Charge,
  chargeOf,
  type Extra,
  extrasMinor,
  moneyPart,
  settlementCharge,
} from "../token/charge.ts";
import type { Commitment } from "../token/commitment.ts";
import type { DeliveryToken } from "../token/delivery-token.ts";
import type { AmountLine, Offer } from "../token/offer.ts";
import type { Breakdown, Receipt, SessionReceipt, SettlementReceipt } from "../token/receipt.ts";
import { shortDigest } from "../token/signed.ts";
import { countText, grantPulses, milliUnits, type Ratio } from "../units.ts";
import type { PriceOnList } from "./price-list.ts";
import { nothingStreamed, streamedWith, streamedWrong } from "./stream-checks.ts";

/** Stops after which the end reading may be of a meter that was reset or replaced; the receipt says so itself. */
const METER_TROUBLE: ReadonlySet<string> = new Set(["meter-implausible", "meter-lost"]);

export interface Selection {
  service: number;
  price: number;
  units: number;
}

/**
 * Whether a verified offer is what was selected: at the price that was shown, where one was. Errors: `offer-mismatch`,
 * `wrong-consumer`, `over-limit`.
 */
export function checkOffer(
  offer: Offer,
  selection: Selection,
  thumbprint: Uint8Array,
  totalMinorMax: number | undefined,
  shown?: PriceOnList,
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
  const differs = shown && differsFrom(shown, offer);
  if (differs !== undefined) {
    return fail(
      "offer-mismatch",
      `the ${differs} is not what the price list said: ask for the prices again`,
      "offer",
    );
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

/** I4: what of an offer costs another amount than the price that was shown, if anything. */
function differsFrom(shown: PriceOnList, offer: Offer): string | undefined {
  const { taxBasisPoints, tiers = [], feeNames = [] } = offer.tariff ?? {};
  const fees = offer.lines.filter(({ kind }) => kind !== "units");
  const shownFees = shown.fees ?? [];
  const shownTiers = shown.tiers ?? [];
  if (offer.priceMinor !== shown.amountMinor) return "amount per unit";
  if (offer.currency !== shown.currency) return "currency";
  if (offer.unit !== shown.unit) return "unit";
  if (taxBasisPoints !== shown.taxBasisPoints) return "tax";
  const sameTiers =
    tiers.length === shownTiers.length &&
    tiers.every(({ fromUnits, amountMinor }, i) => {
      return fromUnits === shownTiers[i]?.fromUnits && amountMinor === shownTiers[i]?.amountMinor;
    });
  if (!sameTiers) return "price of further units";
  const sameFees =
    fees.length === shownFees.length &&
    shownFees.every(({ start, name, amountMinor }, i) => {
      const kind = start ? "start" : "fee";
      return fees[i]?.kind === kind && fees[i]?.amountMinor === amountMinor && feeNames[i] === name;
    });
  return sameFees ? undefined : "list of fees";
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
 * them, accounts for the whole of what was captured. Extras are those that the payer `confirmed`, and no others;
 * "any" for who was not there and takes them as they are named. With a checked commitment each session holds a proof of
 * its chain, and charges nothing beyond it. Error: `offer-mismatch`.
 */
export function checkReceipts(
  receipts: readonly Receipt[],
  offer: Offer,
  signedOffer: Uint8Array,
  crypto: Crypto,
  confirmed: readonly Extra[] | "any" = [],
  commitment?: Commitment,
): Result<void> {
  const digest = shortDigest(crypto, signedOffer);
  const ratio = { numerator: offer.numerator, denominator: offer.denominator };
  let soFar: SoFar = { sessions: 0, pulses: 0, before: undefined };
  let streamed = commitment && nothingStreamed(commitment);
  for (const [index, receipt] of receipts.entries()) {
    const wrong =
      receipt.order !== offer.id || !equalBytes(receipt.offer, digest)
        ? "the receipt is for another offer"
        : (placeWrong(receipt, soFar.before) ??
          (receipt.is === "session"
            ? (sessionWrong(receipt, soFar, offer, ratio) ??
              streamedWrong(receipt, streamed, soFar.pulses, ratio, crypto))
            : settlementWrong(receipt, soFar, offer, confirmed)));
    if (wrong !== undefined) return fail("offer-mismatch", wrong, `receipts.${index}`);
    if (receipt.is === "session") streamed = streamed && streamedWith(streamed, receipt);
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

/** What is wrong with where a receipt of an order stands, behind the one before it. */
export function placeWrong(receipt: Receipt, before: Receipt | undefined): string | undefined {
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
  const { pulses, amountMinor } = receipt;
  if (receipt.session !== sessions + 1) return "a session is missing";
  const charge = chargeOf(offer, before, pulses);
  if (amountMinor !== charge.amountMinor) {
    return `charges ${amountMinor}, not ${charge.amountMinor}`;
  }
  const odd = breakdownWrong(receipt, charge);
  if (odd !== undefined) return odd;
  return readingsWrong(receipt) ?? milliUnitsWrong(receipt, ratio);
}

/** More than was delivered is a meter that jumped, which costs nobody anything. One that fell back ended the session. */
export function readingsWrong(receipt: SessionReceipt): string | undefined {
  const { pulses, runOnPulses, startReading, endReading, reason } = receipt;
  const moved = endReading - startReading;
  // Charged here, delivered by a session before.
  const { caughtUpPulses = 0 } = receipt.breakdown?.streamed ?? {};
  const own = pulses - caughtUpPulses;
  if (moved >= own + runOnPulses || METER_TROUBLE.has(reason)) return undefined;
  return `the readings are ${moved} apart, for ${countText(pulses, "pulse")} and ${runOnPulses} more run on`;
}

function settlementWrong(
  receipt: SettlementReceipt,
  { sessions, pulses }: SoFar,
  offer: Offer,
  confirmed: readonly Extra[] | "any",
): string | undefined {
  const { amountMinor, capturedMinor, refundedMinor, forfeitedMinor, owedMinor } = receipt;
  const sum = amountMinor + refundedMinor + forfeitedMinor + owedMinor;
  const counted = receipt.pulses === pulses && receipt.sessions === sessions;
  const extras = namedExtras(receipt);
  const strange = strangeExtra(extras, confirmed);
  if (strange !== undefined) return strange;
  const charge = settlementCharge(offer, pulses, extras);
  // What was held and is not to be had any more is the seller's loss; nothing else is ever missing.
  const isLoss = refundedMinor + forfeitedMinor + owedMinor === 0 && capturedMinor < sum;
  if (!counted || amountMinor !== charge.amountMinor || (sum !== capturedMinor && !isLoss)) {
    return "the settlement does not add up";
  }
  const odd = breakdownWrong(receipt, charge);
  if (odd !== undefined) return odd;
  // I2: nothing is taken beyond what was offered, and accepted on top of it.
  const mostMinor =
    offer.totalMinor +
    (confirmed === "any"
      ? extrasMinor(extras) + refundedMinor + owedMinor
      : extrasMinor(confirmed));
  if (capturedMinor > mostMinor) {
    return `${capturedMinor} was captured of a total of ${mostMinor}`;
  }
  if (forfeitedMinor > 0) {
    if (offer.undelivered !== "credit-forfeit") return "the offer forfeits nothing";
    if (receipt.reason !== "expired") return `forfeited by ${receipt.reason}, before it expired`;
  }
  const { numerator, denominator } = offer;
  return milliUnitsWrong(receipt, { numerator, denominator });
}

function namedExtras({ breakdown }: Receipt): readonly Extra[] {
  const { lines = [], extraNames = [] } = breakdown ?? {};
  const extras = lines.filter(({ kind }) => kind === "extra");
  return extras.map(({ amountMinor }, i) => ({ name: extraNames[i] ?? "", amountMinor }));
}

/** I4: an extra that the payer did not accept, or not so, or that stands there twice. */
function strangeExtra(
  extras: readonly Extra[],
  confirmed: readonly Extra[] | "any",
): string | undefined {
  if (new Set(extras.map(({ name }) => name)).size < extras.length) return "an extra stands twice";
  if (confirmed === "any") return undefined;
  const strange = extras.find(
    ({ name, amountMinor }) =>
      !confirmed.some((one) => one.name === name && one.amountMinor === amountMinor),
  );
  return strange && `charges ${strange.amountMinor} for ${strange.name}, which was not accepted`;
}

function milliUnitsWrong(receipt: Receipt, ratio: Ratio): string | undefined {
  const thousandths = milliUnits(receipt.pulses, ratio);
  return receipt.milliUnits === thousandths
    ? undefined
    : `says ${receipt.milliUnits} thousandths of a unit, its pulses are ${thousandths}`;
}

/** I4: every line of the amount stands there as the offer has it, fees with the first delivered pulse alone. */
function breakdownWrong({ breakdown }: Receipt, charge: Charge): string | undefined {
  const due = charge.breakdown;
  if (breakdown === undefined || due === undefined) {
    return moneyPart(breakdown) === due ? undefined : "its lines do not go with the offer's price";
  }
  if (breakdown.prepaid !== undefined) return "says that a token paid for it";
  if (breakdown.taxMinor !== due.taxMinor) {
    return `says ${breakdown.taxMinor} of tax, the amount contains ${due.taxMinor}`;
  }
  const names = (one: Breakdown): string => (one.extraNames ?? []).join(", ");
  if (names(breakdown) !== names(due)) return "its extras and their names do not go together";
  const text = (lines: readonly AmountLine[]): string =>
    lines.map(({ kind, amountMinor }) => `${kind} ${amountMinor}`).join(", ") || "nothing";
  const [said, right] = [text(breakdown.lines), text(due.lines)];
  return said === right ? undefined : `its lines are ${said}; due is ${right}`;
}
