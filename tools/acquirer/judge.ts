// What the acquirer decides of one message: the entry for its journal, from the message, its books and its rules.

import { type BatchSums, sumFields } from "../../hal/drivers/iso8583-batch.ts";
import { currencyCode } from "../../hal/drivers/iso8583-currency.ts";
import { DE } from "../../hal/drivers/iso8583-fields.ts";
import type { Iso8583Message } from "../../hal/drivers/iso8583-message.ts";
import { type Account, masked } from "./accounts.ts";
import type { AcquirerBooks, Payment } from "./books.ts";
import { type GenuineChip, genuineChip } from "./chip.ts";
import type { Entry } from "./entry.ts";
import type { AcquirerAction, Applied } from "./rules.ts";

const REFUND = "20";
/** Element 22: chip, and chip in the field. */
const AT_A_READER = /^0[57]/;
const WRONG_CRYPTOGRAM = "82";
const NEEDED = [DE.processingCode, DE.amount, DE.transmitted, DE.trace, DE.reference] as const;

/** A message that can be decided, read. */
export interface Asked {
  action: AcquirerAction;
  key: string;
  same: string;
  /** Key of the message that it refers to; empty for one that begins a payment. */
  target: string;
  reference: string;
  terminal: string;
  merchant: string;
  number: string;
  expiry: string;
  currency: string;
  amountMinor: number;
  /** Elements 23 and 55, where the card was at a reader. */
  chip?: { sequence: string; element: string };
  evidence?: string;
  batch?: string;
  /** Of a 0500: what the terminal has in its batch, by element. */
  totals?: ReadonlyMap<number, string>;
}

const ACTIONS: Readonly<Record<string, AcquirerAction>> = {
  "0100": "authorise",
  "0200": "sale",
  "0220": "capture",
  "0400": "reverse",
  "0420": "reverse",
  "0500": "close",
};

const TOTALS = [
  ...[DE.credits, DE.debits, DE.debitReversals, DE.creditsAmount, DE.debitsAmount],
  ...[DE.debitReversalsAmount, DE.net],
] as const;

/** The type without its mark of a repeat. */
export function baseType(type: string): string {
  return `${type.slice(0, 3)}0`;
}

/** Undefined for a type that is not worked on here; "format" where something is missing. */
export function readAsked({ type, fields }: Iso8583Message): Asked | "format" | undefined {
  const base = baseType(type);
  const kind = ACTIONS[base];
  if (kind === undefined || !/[01]$/.test(type)) return undefined;
  if (kind === "close") return readClosing(fields);
  const text = (number: number): string => fields.get(number) ?? "";
  const terminal = text(DE.terminal);
  const currency = currencyCode(text(DE.currency));
  const isRefund = base === "0200" && text(DE.processingCode).startsWith(REFUND);
  const action = isRefund ? "refund" : kind;
  const number = text(DE.pan);
  const begins = action === "authorise" || action === "sale";
  const original = /^(\d{4})(\d{6})(\d{10})/.exec(text(DE.original));
  const complete = NEEDED.every((element) => text(element) !== "");
  const isWhole = complete && terminal !== "" && currency !== undefined;
  if (!isWhole || (begins ? number === "" : original === null)) return "format";
  const [, originalType = "", originalTrace = "", originalDate = ""] = original ?? [];
  const trace = text(DE.trace);
  const evidence = fields.get(DE.evidence);
  const element = begins ? fields.get(DE.chip) : undefined;
  if (begins && AT_A_READER.test(text(DE.entryMode)) && element === undefined) return "format";
  return {
    ...{ action, terminal, number, currency, merchant: text(DE.merchant) },
    key: `${terminal}/${text(DE.transmitted)}/${trace}/${base}`,
    same: [
      text(DE.processingCode),
      text(DE.amount),
      text(DE.reference),
      masked(number),
      text(DE.original),
    ].join(" "),
    target: begins ? "" : `${terminal}/${originalDate}/${originalTrace}/${originalType}`,
    reference: text(DE.reference),
    expiry: text(DE.expiry),
    amountMinor: Number(text(DE.amount)),
    ...(element !== undefined && { chip: { sequence: text(DE.sequence), element } }),
    ...(evidence !== undefined && { evidence }),
    ...(fields.has(DE.batch) && { batch: text(DE.batch) }),
  };
}

function readClosing(fields: ReadonlyMap<number, string>): Asked | "format" {
  const text = (number: number): string => fields.get(number) ?? "";
  const [terminal, batch, trace, at] = [DE.terminal, DE.batch, DE.trace, DE.transmitted].map(text);
  const needed = [terminal, batch, trace, at, text(DE.reference), ...TOTALS.map(text)];
  const currency = fields.has(DE.currency) ? currencyCode(text(DE.currency)) : "";
  if (needed.some((one) => !one) || currency === undefined) return "format";
  const totals = new Map(TOTALS.map((number) => [number, text(number)]));
  return {
    ...{ action: "close", terminal: terminal ?? "", currency, merchant: text(DE.merchant) },
    key: `${terminal}/${at}/${trace}/0500`,
    same: [batch, text(DE.currency), ...totals.values()].join(" "),
    ...{ target: "", reference: text(DE.reference), number: "", expiry: "", amountMinor: 0 },
    ...{ batch: batch ?? "", totals },
  };
}

interface Outcome {
  code: string;
  movedMinor?: number;
  chip?: GenuineChip;
}

export function judge(
  asked: Asked,
  books: AcquirerBooks,
  rule: Applied | undefined,
  nowMs: number,
  holdMs: number,
): Entry {
  const { action, key, same, target, reference, terminal, merchant } = asked;
  const { number, currency, amountMinor, evidence, batch } = asked;
  const begins = action === "authorise" || action === "sale";
  const outcome = outcomeOf(asked, books, rule, nowMs);
  const { code, movedMinor = 0, chip } = outcome;
  const isGranted = code === "00" || code === "10";
  const payment = books.payment(target);
  const account = begins ? books.accountOf(number)?.name : payment?.account;
  const card = begins ? masked(number) : payment?.card;
  const authCode = begins ? String(books.entryCount() + 1).padStart(6, "0") : payment?.authCode;
  return {
    ...{ atMs: nowMs, action, key, same, target, reference, terminal, merchant },
    ...(account !== undefined && { account }),
    ...(card !== undefined && { card }),
    ...{ currency, askedMinor: amountMinor, movedMinor, code },
    ...(isGranted && authCode !== undefined && { authCode }),
    ...(evidence !== undefined && { evidence }),
    ...(isGranted && begins && { heldUntilMs: nowMs + holdMs }),
    ...(chip !== undefined && { counter: chip.counter, cryptogram: chip.cryptogram }),
    ...(chip !== undefined && { issuerAnswer: chip.answer(code) }),
    ...(batch !== undefined && { batch }),
    ...(isGranted && action === "close" && { closed: reconciled(asked, books) }),
  };
}

function outcomeOf(
  asked: Asked,
  books: AcquirerBooks,
  rule: Applied | undefined,
  nowMs: number,
): Outcome {
  if (rule?.effect === "decline") return { code: rule.code };
  // It was undone before it came.
  if (books.isUndone(asked.key)) return { code: "12" };
  const payment = books.payment(asked.target);
  switch (asked.action) {
    case "authorise":
    case "sale":
      return begun(asked, books, rule, nowMs);
    case "capture":
      return captured(asked, payment, nowMs);
    case "refund":
      return refunded(asked, payment);
    case "reverse":
      return reversed(asked, books);
    case "close":
      return { code: "00" };
  }
}

function reconciled(
  { terminal, batch = "", currency, totals }: Asked,
  books: AcquirerBooks,
): { sums: BatchSums; inBalance: boolean } {
  const sums = books.batchSums(terminal, batch, currency);
  const isSame = ([number, value]: readonly [number, string]): boolean => {
    const theirs = totals?.get(number) ?? "";
    return number === DE.net ? theirs === value : Number(theirs) === Number(value);
  };
  return { sums, inBalance: sumFields("", sums).every(isSame) };
}

function begun(
  asked: Asked,
  books: AcquirerBooks,
  rule: Applied | undefined,
  nowMs: number,
): Outcome {
  const { number, expiry, currency, amountMinor } = asked;
  if (amountMinor === 0) return { code: "13" };
  const account = books.accountOf(number);
  if (account === undefined) return { code: "14" };
  if (account.expiry !== undefined && account.expiry !== expiry) return { code: "54" };
  if (account.currency !== undefined && account.currency !== currency) return { code: "57" };
  const chip = chipOf(asked, account, books);
  if (chip === "wrong") return { code: WRONG_CRYPTOGRAM };
  const withChip = chip === undefined ? {} : { chip };
  const available = books.availableMinor(account, nowMs);
  if (rule?.effect === "partial") {
    const partMinor = Math.min(Math.floor((amountMinor * rule.percent) / 100), available);
    return partMinor > 0
      ? { code: "10", movedMinor: partMinor, ...withChip }
      : { code: "51", ...withChip };
  }
  return amountMinor <= available
    ? { code: "00", movedMinor: amountMinor, ...withChip }
    : { code: "51", ...withChip };
}

/** A cryptogram is good for the amount it was made for, in one currency and at one terminal: for more it is a replay. */
function chipOf(
  { number, currency, amountMinor, terminal, chip: said }: Asked,
  account: Account,
  books: AcquirerBooks,
): GenuineChip | "wrong" | undefined {
  if (said === undefined) return undefined;
  const chip = genuineChip(number, said.sequence, said.element);
  if (chip === undefined || currencyCode(chip.currencyDigits) !== currency) return "wrong";
  const { counter, cryptogram } = chip;
  const earlier = books.paymentsUnder(account.name, masked(number), counter);
  const isOther = earlier.some((one) => one.cryptogram !== cryptogram || one.terminal !== terminal);
  const heldMinor = earlier.reduce((sum, one) => sum + (one.reversed ? 0 : one.authorisedMinor), 0);
  return isOther || heldMinor + amountMinor > chip.amountMinor ? "wrong" : chip;
}

function captured({ amountMinor, currency }: Asked, payment: Payment | undefined, nowMs: number) {
  if (payment === undefined || nowMs >= payment.heldUntilMs) return { code: "25" };
  const isFree = !payment.reversed && !payment.isCaptured;
  const fits = amountMinor > 0 && amountMinor <= payment.authorisedMinor;
  if (!isFree) return { code: "12" };
  return fits && currency === payment.currency
    ? { code: "00", movedMinor: amountMinor }
    : { code: "13" };
}

function refunded({ amountMinor, currency }: Asked, payment: Payment | undefined): Outcome {
  if (payment === undefined) return { code: "25" };
  if (payment.reversed) return { code: "12" };
  const leftMinor = payment.capturedMinor - payment.refundedMinor;
  const fits = amountMinor > 0 && amountMinor <= leftMinor && currency === payment.currency;
  return fits ? { code: "00", movedMinor: amountMinor } : { code: "13" };
}

/** Granted also for what never came, and then it never will; a refund that was made stays. */
function reversed({ target }: Asked, books: AcquirerBooks): Outcome {
  const undone = books.entry(target);
  const isMade = undone?.action === "refund" && undone.code === "00";
  return isMade ? { code: "12" } : { code: "00" };
}
