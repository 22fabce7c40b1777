// What a person at the board reads: pages of a display, and the lines of a printed receipt. Pure.

import type { DisplayPage } from "../../hal/display.ts";
import type { StopCause, StopReason } from "../../hal/loop-host.ts";
import type { PrintedReceipt } from "../../hal/printer.ts";
import type { FaultKind } from "../fault.ts";
import { formatMinor } from "../money.ts";
import { qrRows, receiptCode } from "../payment/services/receipt-code.ts";
import { utcText } from "../payment/services/receipt-text.ts";
import type { Receipt } from "../token/receipt.ts";
import { countText, milliUnits } from "../units.ts";
import { type Awaited, awaitedText } from "./awaited-contact.ts";
import type { Price, Service } from "./catalogue.ts";
import { capturedMinor, type Order, ratioOf, remainingPulses, sessionCharge } from "./order.ts";

/** As the smallest displays have them. */
const ROW_CHARACTERS = 20;
/** Two more of the page are ours. */
const ROWS_MAX = 6;

/** Each fits a row. */
const STOPS: Readonly<Record<StopReason | "expired", string>> = {
  exhausted: "All is delivered",
  "consumer-end": "Stopped",
  "customer-button": "Stopped by button",
  "operator-stop": "Stopped by operator",
  "time-limit": "Time is up",
  "money-limit": "Money is used up",
  "payment-lost": "Payment was lost",
  "proof-late": "Stopped",
  "consumer-lost": "Stopped",
  "meter-stuck": "Meter out of order",
  "meter-lost": "Meter out of order",
  "meter-implausible": "Meter out of order",
  leak: "Leak: out of order",
  weld: "Switch out of order",
  "not-closed": "Switch out of order",
  "emergency-stop": "Emergency stop",
  interlock: "Stopped for safety",
  "sensor-stale": "Sensor out of order",
  "power-loss": "Power has failed",
  restart: "Stopped by restart",
  update: "Stopped by update",
  fault: "Out of order",
  expired: "Time is up",
};

const DECLINES: Partial<Readonly<Record<FaultKind, string>>> = {
  "credential-invalid": "Card not accepted",
  "payment-cancelled": "Cancelled",
  "payment-lost": "Payment not possible",
  "payment-rejected": "Payment not possible",
  "payment-timeout": "No card in time",
  "too-many": "Please try later",
  expired: "Out of order",
  busy: "In use: please wait",
  "not-ready": "Out of order",
};

/** Why nothing is sold now, in one row. */
export function troubleText(why: FaultKind, awaited: Awaited | undefined): string {
  return why === "not-ready" && awaited !== undefined ? awaitedText(awaited) : declineText(why);
}

/** Rows come in the order of what matters most: a display may have four. */
export function idlePage(
  name: string,
  { name: service }: Service,
  price: Price,
  unit: string,
  invitation: string,
): DisplayPage {
  const { amountMinor, currency, tiers = [], fees = [] } = price;
  const each = formatMinor(amountMinor, currency);
  // What units cost beyond the first ones depends on how many are taken.
  const perUnit = `${tiers.length > 0 ? `first ${each}` : each} per ${unit}`;
  if (fees.length === 0) return { lines: [name, service, perUnit, invitation] };
  const feesMinor = fees.reduce((sum, fee) => sum + fee.amountMinor, 0);
  const [{ name: only } = { name: "" }, second] = fees;
  const fee = `+ ${formatMinor(feesMinor, currency)} ${second === undefined ? only : "fees"}`;
  return { lines: [service, perUnit, fee, invitation, name] };
}

export function payingPage(service: string, heldMinor: number, currency: string): DisplayPage {
  return { lines: [service, `Up to ${formatMinor(heldMinor, currency)}`, "One moment"] };
}

/** `hasStop`: there is a button that ends it. */
export function progressPage(
  service: string,
  order: Order,
  pulses: number,
  hasStop: boolean,
): DisplayPage {
  const { unit } = order.terms;
  const { amountMinor } = sessionCharge(order, pulses);
  return {
    lines: [
      service,
      `${unitsText(milliUnits(pulses, ratioOf(order)))} ${unit}`,
      paidText(order, amountMinor),
      ...(hasStop ? ["End: press stop"] : []),
    ],
  };
}

export function wordsPage(...lines: readonly string[]): DisplayPage {
  return { lines };
}

/** `words`: the reason that the payment gave, where it gave one. */
export function declinedPage(why: FaultKind, words: readonly string[] = []): DisplayPage {
  return wordsPage(declineText(why), "Nothing is charged", ...words);
}

/** What somebody else says in a sentence, in rows: the first few of them. */
export function rowsOf(text: string): string[] {
  const rows: string[] = [];
  for (const part of text.split(": ")) {
    let row = "";
    for (const word of part.split(" ")) {
      if (row !== "" && row.length + word.length >= ROW_CHARACTERS) {
        rows.push(row);
        row = "";
      }
      row = row === "" ? word : `${row} ${word}`;
    }
    rows.push(row);
  }
  return rows.slice(0, ROWS_MAX);
}

export function declineText(why: FaultKind): string {
  return DECLINES[why] ?? "Declined";
}

/** Of an order whose money is being settled. */
export function endingPage(service: string, order: Order): DisplayPage {
  const dueMinor = order.settlement?.amountMinor ?? 0;
  return {
    lines: [service, ...deliveredLines(order), paidText(order, dueMinor), "One moment"],
  };
}

/** Of a closed order: what it took, what it cost, and the signed receipt as a code. */
export function donePage(
  service: string,
  order: Order,
  signed: Uint8Array | undefined,
): DisplayPage {
  const code = signed && qrRows(signed);
  const charged = formatMinor(capturedMinor(order), order.terms.currency);
  const paid = order.prepaid === undefined ? `Charged ${charged}` : `Left ${leftText(order)}`;
  return {
    lines: [service, ...deliveredLines(order), paid, "Thank you"],
    ...(code !== undefined && { code }),
  };
}

export function printedReceipt(
  name: string,
  service: string,
  order: Order,
  receipt: Receipt | undefined,
  signed: Uint8Array | undefined,
): PrintedReceipt {
  const { currency, unit, priceMinor } = order.terms;
  const money = (amountMinor: number): string => formatMinor(amountMinor, currency);
  const { lines = [], taxMinor } = receipt?.breakdown ?? {};
  const feeNames = [...(order.tariff?.feeNames ?? [])];
  const fees = lines.flatMap(({ kind, amountMinor }) => {
    return kind === "units" ? [] : [`${feeNames.shift() ?? kind}\t${money(amountMinor)}`];
  });
  const isPrepaid = order.prepaid !== undefined;
  const isFlat = order.tariff?.tiers === undefined && !isPrepaid;
  return {
    lines: [
      name,
      ...(receipt === undefined ? [] : [utcText(receipt.atS * 1000)]),
      "",
      `${service}\t${unitsText(milliUnits(order.pulses, ratioOf(order)))} ${unit}`,
      ...(isFlat ? [`at ${money(priceMinor)} per ${unit}`] : []),
      ...fees,
      isPrepaid ? `Prepaid, left\t${leftText(order)}` : `Charged\t${money(capturedMinor(order))}`,
      ...(taxMinor === undefined ? [] : [`of it tax\t${money(taxMinor)}`]),
      "",
      `Order\t${order.id}`,
      ...(receipt === undefined ? [] : [`Receipt\t${receipt.number}`]),
      ...(order.reference === undefined ? [] : [`Payment\t${order.reference}`]),
      stopText(order),
    ],
    ...(signed !== undefined && { code: receiptCode(signed) }),
  };
}

function deliveredLines(order: Order): string[] {
  const units = unitsText(milliUnits(order.pulses, ratioOf(order)));
  return [stopText(order), `${units} ${order.terms.unit}`];
}

/** Of a prepaid token nothing is charged here. */
function paidText({ prepaid, terms }: Order, amountMinor: number): string {
  return prepaid === undefined ? formatMinor(amountMinor, terms.currency) : "Prepaid";
}

function leftText(order: Order): string {
  return `${unitsText(milliUnits(remainingPulses(order), ratioOf(order)))} ${order.terms.unit}`;
}

/** With the reading that brought it about, where the row has room for it. */
function stopText({ settlement }: Order): string {
  const reason = settlement?.reason as StopReason;
  const words = settlement?.cause && causeText(reason, settlement.cause);
  return words !== undefined && words.length <= ROW_CHARACTERS ? words : (STOPS[reason] ?? "Done");
}

/** For whoever stands there: what he can mend himself, and what he may tell the operator. */
function causeText(reason: StopReason, { of, value, unit }: StopCause): string | undefined {
  const seconds = `${Math.round(value / 1000)} s`;
  switch (reason) {
    case "interlock":
      return unit === "state" ? `Stopped: ${of} open` : `${of}: ${value}`;
    case "meter-stuck":
      return `Meter still ${seconds}`;
    case "meter-lost":
      return `Meter lost at ${value}`;
    case "meter-implausible":
      return `Meter wrong: ${value}`;
    case "leak":
      return `Leak: ${countText(value, "pulse")}`;
    case "sensor-stale":
      return unit === "ms" ? `Sensor silent ${seconds}` : undefined;
    case "weld":
      return `Switch stuck ${value} ms`;
    case "time-limit":
      return `Nothing in ${seconds}`;
    default:
      return undefined;
  }
}

/** Two decimals, rounded down: nobody is shown more than he got. */
function unitsText(milli: number): string {
  const hundredths = String(Math.floor(milli / 10)).padStart(3, "0");
  return `${hundredths.slice(0, -2)}.${hundredths.slice(-2)}`;
}
