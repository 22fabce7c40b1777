// The messages of a terminal, element by element: authorise 0100, completion 0220, refund 0200, reversal 0400, and
// the end of a batch 0500. All but the first carry no card; the three after it name the message they refer to.

import { calendar } from "./calendar.ts";
import { batchText, type Closing, sumFields } from "./iso8583-batch.ts";
import type { SentMessage } from "./iso8583-books.ts";
import { currencyNumber } from "./iso8583-currency.ts";
import { DE } from "./iso8583-fields.ts";

const PURCHASE = "000000";
const REFUND = "200000";
/** How the card came, and that the terminal cannot take a secret code. */
export const ENTRY_MODES = { manual: "012", insert: "052", tap: "072" } as const;

export interface Merchant {
  /** At most 8 characters. */
  terminalId: string;
  /** At most 15 characters. */
  merchantId: string;
  /** At most 40 characters, printable ASCII. */
  merchantName: string;
}

type Elements = readonly (readonly [number, string])[];

const TYPES = { authorise: "0100", capture: "0220", refund: "0200" } as const;

export interface Wanted {
  action: keyof typeof TYPES;
  trace: number;
  nowMs: number;
  amountMinor: number;
  currency: string;
  merchant: Merchant;
  /** Of the card, also where the message does not name it. */
  entryMode: string;
  /** What it refers to: its reference, its element 90, its approval. */
  of?: { reference: string; original: string; authCode?: string };
  /** Hexadecimal. */
  evidence?: string;
  /** In which it counts, where it moves money. */
  batch?: number;
}

/** All elements but those of the card. The currency has a number: asked before. */
export function requestOf(wanted: Wanted): SentMessage {
  const { action, trace, nowMs, amountMinor, currency, merchant, entryMode } = wanted;
  const { of, evidence, batch } = wanted;
  // A refund is a transaction of its own; a completion is the end of the one that was authorised.
  const reference =
    action === "capture" && of !== undefined ? of.reference : referenceOf(trace, nowMs);
  const fields: (readonly [number, string])[] = [
    [DE.processingCode, action === "refund" ? REFUND : PURCHASE],
    [DE.amount, String(amountMinor)],
    ...timeFields(nowMs),
    [DE.trace, String(trace)],
    [DE.entryMode, entryMode],
    [DE.reference, reference],
    ...merchantFields(merchant),
    [DE.currency, currencyNumber(currency) ?? ""],
  ];
  if (of?.authCode !== undefined) fields.push([DE.authCode, of.authCode]);
  if (of !== undefined) fields.push([DE.original, of.original]);
  if (evidence !== undefined) fields.push([DE.evidence, evidence]);
  if (batch !== undefined) fields.push([DE.batch, batchText(batch)]);
  return { type: TYPES[action], trace, fields };
}

/** Undoes what `sent` did or may have done. */
export function reversalOf(
  sent: SentMessage,
  trace: number,
  nowMs: number,
  merchant: Merchant,
  batch: number,
  authCode: string | undefined,
): SentMessage {
  const kept = [DE.processingCode, DE.amount, DE.entryMode, DE.reference, DE.currency] as const;
  const fields: (readonly [number, string])[] = [
    ...kept.map((number) => [number, elementOf(sent, number)] as const),
    ...timeFields(nowMs),
    [DE.trace, String(trace)],
    ...merchantFields(merchant),
    [DE.batch, batchText(batch)],
    [DE.original, originalOf(sent)],
  ];
  if (authCode !== undefined) fields.push([DE.authCode, authCode]);
  return { type: "0400", trace, fields };
}

/** Ends a batch of one currency. */
export function closingOf(
  { batch, currency, sums }: Closing,
  trace: number,
  nowMs: number,
  merchant: Merchant,
): SentMessage {
  const fields: (readonly [number, string])[] = [
    ...timeFields(nowMs),
    [DE.trace, String(trace)],
    [DE.reference, referenceOf(trace, nowMs)],
    ...merchantFields(merchant),
    [DE.batch, batchText(batch)],
    ...sumFields(currency, sums),
  ];
  return { type: "0500", trace, fields };
}

/** Element 90 of a message that refers to this one. */
export function originalOf(sent: SentMessage): string {
  const trace = String(sent.trace).padStart(6, "0");
  return `${sent.type}${trace}${elementOf(sent, DE.transmitted)}`.padEnd(42, "0");
}

export function elementOf(sent: SentMessage, wanted: number): string {
  return sent.fields.find(([number]) => number === wanted)?.[1] ?? "";
}

function merchantFields({ terminalId, merchantId, merchantName }: Merchant): Elements {
  return [
    [DE.terminal, terminalId],
    [DE.merchant, merchantId],
    [DE.merchantName, merchantName],
  ];
}

/** Elements 7, 12 and 13: a terminal here keeps universal time. */
export function timeFields(nowMs: number): Elements {
  const { month, day, time } = calendar(nowMs);
  return [
    [DE.transmitted, `${month}${day}${time}`],
    [DE.localTime, time],
    [DE.localDate, `${month}${day}`],
  ];
}

/** Last digit of the year, day of the year, hour, trace number: twelve digits. */
function referenceOf(trace: number, nowMs: number): string {
  const { year, dayOfYear, time } = calendar(nowMs);
  const day = String(dayOfYear).padStart(3, "0");
  return `${year % 10}${day}${time.slice(0, 2)}${String(trace).padStart(6, "0")}`;
}
