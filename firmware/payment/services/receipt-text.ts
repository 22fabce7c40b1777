// A transaction as text for people, in lines of a given width: what was sold, what was paid and how, and what an
// acquirer wants to see on a receipt. Nothing of a card but what a card model may hold.

import { utf8 } from "../../bytes.ts";
import { containedTax, formatMinor } from "../../money.ts";
import type { Amounts } from "../model/amounts.ts";
import { totalOf } from "../model/amounts-arithmetic.ts";
import { type Basket, type BasketItem, MILLIONTHS } from "../model/basket.ts";
import { itemTotal } from "../model/basket-total.ts";
import { formatExpiry } from "../model/card-mask.ts";
import { type Data, NO_DATA } from "../model/data.ts";
import { dataOf, integerOf, textOf } from "../model/data-access.ts";
import type { Transaction, TransactionResponse } from "../model/transaction.ts";
import { transactionTimeMs } from "../model/transaction-response.ts";
import { isFulfilled, processedOf, tenders } from "../model/transaction-sums.ts";

export interface ReceiptStyle {
  /** Characters in a line. */
  width: number;
  header: string;
  footer: string;
  /** Contained in the base, where nothing else says so. */
  taxBasisPoints: number;
}

/** What a receipt may be made from when there was no card payment. */
export interface PlainReceipt {
  amounts: Amounts;
  method: string;
  isApproved: boolean;
  basket: Basket | undefined;
}

/** A receipt has room for it (model/flow-event). */
const TEXT_BYTES_MAX = 2048;

/** `timeMs` stands on it where no payment says when it was made. */
export function transactionReceipt(
  transaction: Transaction,
  style: ReceiptStyle,
  timeMs: number,
): string {
  const { baskets, responses, requested, references, data } = transaction;
  const paid = tenders(transaction);
  const times = paid.map(transactionTimeMs).filter((time) => time !== undefined);
  const lines = new Lines(style.width);
  head(lines, style, times[0] ?? timeMs, paid.at(-1)?.references ?? NO_DATA);
  for (const basket of baskets) basketLines(lines, basket, requested.currency);
  totals(lines, requested, style, data);
  for (const response of paid) tenderLines(lines, response);
  for (const { outcomeMessage } of responses.filter(({ outcome }) => outcome === "declined")) {
    lines.add(`declined: ${outcomeMessage ?? ""}`);
  }
  const isWhole = isFulfilled(transaction) && paid.length > 0;
  lines.pair(isWhole ? "APPROVED" : "NOT PAID", sum(processedOf(transaction)));
  pointLines(lines, references);
  return lines.end(style.footer);
}

export function plainReceipt(plain: PlainReceipt, style: ReceiptStyle, timeMs: number): string {
  const { amounts, basket, isApproved, method } = plain;
  const lines = new Lines(style.width);
  head(lines, style, timeMs, NO_DATA);
  if (basket) basketLines(lines, basket, amounts.currency);
  totals(lines, amounts, style, NO_DATA);
  lines.pair(method, sum(amounts));
  lines.add(isApproved ? "APPROVED" : "DECLINED");
  return lines.end(style.footer);
}

/** UTC, to the minute: "2026-01-31 12:05 UTC". */
export function utcText(timeMs: number): string {
  const minutes = Math.floor(timeMs / 60_000);
  const two = (value: number): string => String(value).padStart(2, "0");
  const clock = `${two(Math.floor(minutes / 60) % 24)}:${two(minutes % 60)}`;
  return `${dayText(Math.floor(minutes / 1_440))} ${clock} UTC`;
}

/** Of days since 1970: the Gregorian calendar, by eras of 400 years that begin in March. */
function dayText(days: number): string {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const day = shifted - era * 146_097;
  const leaps = Math.floor(day / 1_460) - Math.floor(day / 36_524) + Math.floor(day / 146_096);
  const year = Math.floor((day - leaps) / 365);
  const ofYear = day - (365 * year + Math.floor(year / 4) - Math.floor(year / 100));
  const month = Math.floor((5 * ofYear + 2) / 153);
  const ofMonth = ofYear - Math.floor((153 * month + 2) / 5) + 1;
  const inYear = month < 10 ? month + 3 : month - 9;
  const whole = era * 400 + year + (inYear <= 2 ? 1 : 0);
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${String(whole).padStart(4, "0")}-${two(inYear)}-${two(ofMonth)}`;
}

function head(lines: Lines, { header }: ReceiptStyle, timeMs: number, references: Data): void {
  for (const line of header.split("\n")) if (line !== "") lines.add(line);
  const named = [
    ["", "merchantName"],
    ["Merchant ", "merchantId"],
    ["Terminal ", "terminalId"],
  ] as const;
  for (const [label, key] of named) {
    const said = textOf(references, key);
    if (said !== undefined) lines.add(`${label}${said}`);
  }
  lines.add(utcText(timeMs));
  lines.rule();
}

function basketLines(lines: Lines, { items }: Basket, currency: string): void {
  for (const item of items) {
    const total = itemTotal(item);
    lines.pair(item.label, total.ok ? formatMinor(total.value, currency) : "");
    const detail = quantityText(item, currency);
    if (detail !== undefined) lines.add(`  ${detail}`);
  }
}

function quantityText(
  { quantity, measurement, data = NO_DATA, amountMinor }: BasketItem,
  currency: string,
): string | undefined {
  if (measurement !== undefined) {
    const price = integerOf(data, "pricePerUnit");
    const each = price === undefined ? "" : ` at ${formatMinor(price, currency)}`;
    return `${measurement.valueMillionths / MILLIONTHS} ${measurement.unit}${each}`;
  }
  return quantity === 1 ? undefined : `${quantity} at ${formatMinor(amountMinor, currency)}`;
}

function totals(lines: Lines, amounts: Amounts, style: ReceiptStyle, data: Data): void {
  const { currency, additional, base } = amounts;
  lines.rule();
  for (const [name, minor] of Object.entries(additional)) {
    if (minor > 0) lines.pair(name, formatMinor(minor, currency));
  }
  lines.pair("TOTAL", sum(amounts));
  const stated = dataOf(data, "taxInfo", "tax-info")?.taxMinor;
  const taxMinor =
    stated ?? (style.taxBasisPoints > 0 ? containedTax(base, style.taxBasisPoints) : undefined);
  if (taxMinor !== undefined) lines.pair("of which tax", formatMinor(taxMinor, currency));
  lines.rule();
}

function tenderLines(
  lines: Lines,
  { paymentMethod, amounts, card, references }: TransactionResponse,
): void {
  lines.pair(paymentMethod, amounts ? sum(amounts) : "");
  const expiry = formatExpiry(card);
  const ofCard = [
    card.maskedPan,
    textOf(card.data, "network"),
    textOf(card.data, "entryMethod"),
    expiry && `to ${expiry}`,
  ].filter((part) => part !== undefined);
  if (ofCard.length > 0) lines.add(`  ${ofCard.join(" ")}`);
  const named = [
    ["Authorisation", "authCode"],
    ["Response", "acquirerResponseCode"],
    ["Trace", "stan"],
    ["Reference", "hostReference"],
    ["Transaction", "transactionId"],
  ] as const;
  for (const [label, key] of named) {
    const said = textOf(references, key);
    if (said !== undefined) lines.pair(`  ${label}`, said);
  }
}

function pointLines(lines: Lines, references: Data): void {
  const total = integerOf(references, "totalPoints");
  if (total === undefined) return;
  const scheme = textOf(references, "schemeName") ?? "Points";
  lines.pair(`${scheme} earned`, String(integerOf(references, "earnPoints") ?? 0));
  lines.pair(`${scheme} in all`, String(total));
}

function sum(amounts: Amounts): string {
  return formatMinor(totalOf(amounts), amounts.currency);
}

class Lines {
  readonly #width: number;
  readonly #lines: string[] = [];

  constructor(width: number) {
    this.#width = width;
  }

  /** Wrapped at the width; what is said by others has no control characters in it. */
  add(text: string): void {
    const characters = [...text.replace(/[\p{Cc}\p{Cf}\p{Cs}]/gu, " ")];
    for (let at = 0; at === 0 || at < characters.length; at += this.#width) {
      this.#lines.push(
        characters
          .slice(at, at + this.#width)
          .join("")
          .trimEnd(),
      );
    }
  }

  /** Left and right on one line where there is room. */
  pair(left: string, right: string): void {
    const room = this.#width - [...left].length - [...right].length;
    if (room >= 1) {
      this.add(left + " ".repeat(room) + right);
      return;
    }
    this.add(left);
    this.add(right.padStart(this.#width));
  }

  rule(): void {
    this.#lines.push("-".repeat(this.#width));
  }

  end(footer: string): string {
    for (const line of footer.split("\n")) if (line !== "") this.add(line);
    let text = this.#lines.join("\n");
    // What does not fit is left out from the middle: how it was paid matters more than a long list.
    while (utf8(text).length > TEXT_BYTES_MAX) {
      this.#lines.splice(Math.floor(this.#lines.length / 3), 1);
      text = this.#lines.join("\n");
    }
    return text;
  }
}
