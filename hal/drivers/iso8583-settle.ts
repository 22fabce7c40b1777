// What an answer changes in the books: the attempt's outcome, the charge, and what is left of a credential.

import type { HostAnswer, HostRecord } from "../payment-host.ts";
import type { StoreWrite } from "../store.ts";
import { afterClosing, itemWrite } from "./iso8583-batch.ts";
import {
  type AttemptRecord,
  type ChargeRecord,
  type Iso8583Books,
  REVERSED,
  type SentMessage,
  written,
} from "./iso8583-books.ts";
import { currencyCode } from "./iso8583-currency.ts";
import { isAnswer } from "./iso8583-exchange.ts";
import { DE } from "./iso8583-fields.ts";
import type { Iso8583Message } from "./iso8583-message.ts";
import { elementOf, type Merchant, originalOf } from "./iso8583-request.ts";
import { verdictOf } from "./iso8583-response.ts";

/** Element 54 of an approval in part: the amount that was asked for. */
const ORIGINAL_AMOUNT = "57";
/** Element 66. */
const IN_BALANCE = "1";
/** Element 39 of acquirers that say it there. */
const OUT_OF_BALANCE = "95";
const ADDITIONAL_AMOUNT = /(?<account>..)(?<type>..)(?<currency>\d{3})[CD](?<amount>\d{12})/y;

/** Nothing is written for an answer that decides nothing, came again, or is not the attempt's. */
export async function settle(
  attempt: string,
  heard: Iso8583Message,
  books: Iso8583Books,
  merchant: Merchant,
): Promise<readonly StoreWrite[] | "undecided" | "duplicate" | "unmatched"> {
  const record = await books.read("iso-attempt", attempt);
  const asked = record?.message;
  if (record === undefined || asked === undefined || record.action === "tokenise") {
    return "unmatched";
  }
  const reference = elementOf(asked, DE.reference);
  const { type, trace } = asked;
  if (!isAnswer(heard, { type, trace, reference }, merchant.terminalId)) return "unmatched";
  if (record.state !== "sent") return "duplicate";
  const responseCode = heard.fields.get(DE.responseCode) ?? "";
  if (record.action === "close") return settleClosing(attempt, record, heard, books);
  const verdict = verdictOf(record.action, responseCode);
  if (verdict.kind === "undecided") return "undecided";
  if (verdict.kind === "declined" && (await mustBeGranted(record, books))) return "undecided";
  let answer: HostAnswer;
  if (verdict.kind === "declined") {
    answer = { ...verdict, responseCode };
  } else {
    const amountMinor = approvedMinor(record, heard, verdict.inPart);
    if (amountMinor === undefined) return "undecided";
    answer = {
      ...{ kind: "approved", reference, amountMinor },
      ...(record.card !== undefined && { card: record.card }),
      record: hostRecord(record, heard, responseCode, merchant),
    };
  }
  const decided = { ...record, state: "decided" as const, answer };
  return [
    written("iso-attempt", attempt, decided),
    ...(await consequences(attempt, decided, books)),
  ];
}

/** Only of a refund the acquirer may refuse the reversal; any other is sent until it is acknowledged. */
async function mustBeGranted(
  { action, target = "" }: AttemptRecord,
  books: Iso8583Books,
): Promise<boolean> {
  if (action !== "reverse") return false;
  return (await books.read("iso-attempt", target))?.action !== "refund";
}

/** The acquirer closes the batch whether it has the same sums or not; one that refuses it has not the same. */
async function settleClosing(
  attempt: string,
  record: AttemptRecord,
  { fields }: Iso8583Message,
  books: Iso8583Books,
): Promise<readonly StoreWrite[] | "undecided"> {
  const code = fields.get(DE.responseCode) ?? "";
  const kind = code === OUT_OF_BALANCE ? "declined" : verdictOf("close", code).kind;
  if (kind === "undecided" || record.message === undefined) return "undecided";
  const inBalance = kind === "approved" && fields.get(DE.settlementCode) === IN_BALANCE;
  const reference = elementOf(record.message, DE.batch);
  const answer: HostAnswer = { kind: "approved", reference, amountMinor: 0 };
  return [
    written("iso-attempt", attempt, { ...record, state: "decided", answer }),
    ...(await afterClosing(record.message, inBalance, books)),
  ];
}

/** Undefined where the answer is for more than was asked, in other money, or in part without saying how much. */
function approvedMinor(
  { action, message }: AttemptRecord,
  { fields }: Iso8583Message,
  inPart: boolean,
): number | undefined {
  if (action === "reverse") return 0;
  const asked = message === undefined ? "" : elementOf(message, DE.amount);
  const currency = message === undefined ? "" : elementOf(message, DE.currency);
  if ((fields.get(DE.currency) ?? currency) !== currency) return undefined;
  const said = fields.get(DE.amount) ?? (inPart ? partOf(fields, currency) : asked);
  if (said === undefined) return undefined;
  const amountMinor = Number(said);
  const isPart = amountMinor > 0 && amountMinor < Number(asked);
  return isPart || (!inPart && amountMinor === Number(asked)) ? amountMinor : undefined;
}

/** For an acquirer that names the approved amount only beside the original one. */
function partOf(fields: ReadonlyMap<number, string>, currency: string): string | undefined {
  const pattern = new RegExp(ADDITIONAL_AMOUNT);
  const text = fields.get(DE.additionalAmounts) ?? "";
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const { type, currency: theirs, amount } = match.groups ?? {};
    if (type !== ORIGINAL_AMOUNT && theirs === currency) return amount;
  }
  return undefined;
}

function hostRecord(
  { atMs, message }: AttemptRecord,
  { fields }: Iso8583Message,
  responseCode: string,
  { merchantId, terminalId, merchantName }: Merchant,
): HostRecord {
  const authCode = fields.get(DE.authCode);
  return {
    ...{ merchantId, terminalId, merchantName, timeMs: atMs, responseCode },
    ...(authCode !== undefined && authCode !== "" && { authCode }),
    references: { trace: String(message?.trace ?? 0).padStart(6, "0") },
  };
}

async function consequences(
  attempt: string,
  record: AttemptRecord,
  books: Iso8583Books,
): Promise<readonly StoreWrite[]> {
  switch (record.action) {
    case "authorise":
      return afterAuthorisation(attempt, record, books);
    case "capture":
    case "refund":
      return afterChange(attempt, record, books);
    case "reverse":
      return afterReversal(record, books);
    case "close":
    case "tokenise":
      return [];
  }
}

async function afterAuthorisation(
  attempt: string,
  { answer, message, credential = "" }: AttemptRecord,
  books: Iso8583Books,
): Promise<readonly StoreWrite[]> {
  const amountMinor = answer?.kind === "approved" ? answer.amountMinor : 0;
  const writes = await used(attempt, credential, amountMinor, books);
  if (answer?.kind !== "approved" || message === undefined) return writes;
  const authCode = answer.record?.authCode;
  const charge = written("iso-charge", answer.reference, {
    ...{ attempt, original: originalOf(message), authorisedMinor: amountMinor },
    ...(authCode !== undefined && { authCode }),
    currency: currencyCode(elementOf(message, DE.currency)) ?? "",
    ...{ capturedMinor: 0, refundedMinor: 0, reversed: false },
  });
  return [...writes, charge];
}

async function afterChange(
  attempt: string,
  { action, answer, charge: reference = "", message }: AttemptRecord,
  books: Iso8583Books,
): Promise<readonly StoreWrite[]> {
  const charge = await books.read("iso-charge", reference);
  if (charge === undefined) return [];
  const isDone = answer?.kind === "approved";
  const amountMinor = isDone ? answer.amountMinor : 0;
  const what = action === "refund" ? "refund" : "capture";
  const items = isDone ? [itemWrite(attempt, { what, charge: reference, amountMinor })] : [];
  if (action === "refund") {
    const askedMinor = message === undefined ? 0 : minorOf(message);
    const refundedMinor = charge.refundedMinor - askedMinor + amountMinor;
    return [written("iso-charge", reference, { ...charge, refundedMinor }), ...items];
  }
  const { capture, ...rest } = charge;
  const next = isDone ? { ...charge, capturedMinor: amountMinor } : rest;
  return [written("iso-charge", reference, next), ...items];
}

async function afterReversal(
  { answer, target = "" }: AttemptRecord,
  books: Iso8583Books,
): Promise<readonly StoreWrite[]> {
  const undone = await books.read("iso-attempt", target);
  if (answer?.kind !== "approved" || undone === undefined) return [];
  const { action, credential, message } = undone;
  const reference = undone.charge ?? (message && elementOf(message, DE.reference)) ?? "";
  const charge = await books.read("iso-charge", reference);
  if (action === "refund") return charge === undefined ? [] : unrefunded(target, undone, charge);
  const writes =
    action === "authorise" && credential !== undefined
      ? [...(await used(target, credential, 0, books))]
      : [];
  if (charge !== undefined && charge.capturedMinor > 0 && charge.returned === undefined) {
    writes.push(
      written("iso-charge", reference, { ...charge, returned: true }),
      itemWrite(target, { what: "return", charge: reference, amountMinor: 0 }),
    );
  }
  return writes;
}

function unrefunded(
  target: string,
  undone: AttemptRecord,
  charge: ChargeRecord,
): readonly StoreWrite[] {
  const { charge: reference = "", message, answer } = undone;
  // A decline that came meanwhile has made room already.
  const tookMinor = message === undefined || answer?.kind === "declined" ? 0 : minorOf(message);
  const refundedMinor = charge.refundedMinor - tookMinor;
  return [
    written("iso-charge", reference, { ...charge, refundedMinor }),
    written("iso-attempt", target, { ...undone, state: "void", answer: REVERSED }),
    { kind: "iso-item", id: target, body: null },
  ];
}

function minorOf(message: SentMessage): number {
  return Number(elementOf(message, DE.amount));
}

/** What an attempt took of its credential in the end. */
async function used(
  attempt: string,
  credential: string,
  amountMinor: number,
  books: Iso8583Books,
): Promise<readonly StoreWrite[]> {
  const spent = await books.read("iso-credential", credential);
  if (spent === undefined) return [];
  const uses = { ...spent.uses, [attempt]: amountMinor };
  return [written("iso-credential", credential, { ...spent, uses })];
}
