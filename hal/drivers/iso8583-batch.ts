// The batch of a terminal: what was taken and given back since the last one was closed, one record for each beside
// the attempt that did it, and the sums of each currency by which terminal and acquirer see that they agree.

import type { HostBatch } from "../payment-host.ts";
import type { StoreWrite } from "../store.ts";
import { type Iso8583Books, type SentMessage, written } from "./iso8583-books.ts";
import { currencyNumber } from "./iso8583-currency.ts";
import { DE } from "./iso8583-fields.ts";

const NUMBER_MAX = 999_999;

/** Returns are captures that a reversal gave back. */
export interface BatchSums {
  captures: number;
  capturedMinor: number;
  refunds: number;
  refundedMinor: number;
  returns: number;
  returnedMinor: number;
}

/** What an attempt did; amounts of a return are in the books of its charge. */
export interface BatchItem {
  what: "capture" | "refund" | "return";
  charge: string;
  amountMinor: number;
}

/** A batch that is being closed: its sums stay as they were sent until all of them are answered. */
export interface Closing {
  batch: number;
  /** Empty for a batch of nothing, which is closed too. */
  currency: string;
  sums: BatchSums;
  /** Absent until the acquirer has answered. */
  inBalance?: boolean;
}

export interface OpenBatch {
  number: number;
  closing?: readonly Closing[];
}

export function emptySums(): BatchSums {
  return {
    captures: 0,
    capturedMinor: 0,
    refunds: 0,
    refundedMinor: 0,
    returns: 0,
    returnedMinor: 0,
  };
}

/** Element 60. */
export function batchText(batch: number): string {
  return String(batch).padStart(6, "0");
}

/** The record of what an attempt did; a charge is returned once. */
export function itemWrite(attempt: string, item: BatchItem): StoreWrite {
  return written("iso-item", item.what === "return" ? item.charge : attempt, item);
}

export async function openBatch(books: Iso8583Books): Promise<OpenBatch> {
  return (await books.read("iso-batch", "open")) ?? { number: 1 };
}

/**
 * The batch that is being closed from now on, or has been for a while. Undefined while it is not known what became of
 * something that may belong to it.
 */
export async function beginClosing(books: Iso8583Books): Promise<readonly Closing[] | undefined> {
  const { number, closing } = await openBatch(books);
  if (closing !== undefined) return closing;
  for (const attempt of books.undecided()) {
    const action = (await books.read("iso-attempt", attempt))?.action;
    if (action === "capture" || action === "refund" || action === "reverse") return undefined;
  }
  const items = await books.items();
  const sums = await summed(
    books,
    items.map(({ item }) => item),
  );
  if (sums.size === 0) sums.set("", emptySums());
  const begun = [...sums].map(([currency, sum]) => ({ batch: number, currency, sums: sum }));
  const next = number >= NUMBER_MAX ? 1 : number + 1;
  await books.commit([
    written("iso-batch", "open", { number: next, closing: begun }),
    ...items.map(({ id }) => ({ kind: "iso-item", id, body: null })),
  ]);
  return begun;
}

async function summed(
  books: Iso8583Books,
  items: readonly BatchItem[],
): Promise<Map<string, BatchSums>> {
  const taken = new Set(items.flatMap(({ what, charge }) => (what === "capture" ? [charge] : [])));
  const returned = new Set(
    items.flatMap(({ what, charge }) => (what === "return" ? [charge] : [])),
  );
  const all = new Map<string, BatchSums>();
  for (const { what, charge, amountMinor } of items) {
    const known = await books.read("iso-charge", charge);
    // Forgotten for its age.
    if (known === undefined) continue;
    const { currency, capturedMinor, refundedMinor } = known;
    // What was taken and given back whole within one batch is none of it.
    if (taken.has(charge) && returned.has(charge) && refundedMinor === 0) continue;
    const sums = all.get(currency) ?? emptySums();
    all.set(currency, sums);
    if (what === "capture") {
      sums.captures++;
      sums.capturedMinor += amountMinor;
    } else if (what === "refund") {
      sums.refunds++;
      sums.refundedMinor += amountMinor;
    } else if (capturedMinor > refundedMinor) {
      sums.returns++;
      sums.returnedMinor += capturedMinor - refundedMinor;
    }
  }
  return all;
}

/** The elements of a 0500 that say what is in the batch, and of its answer that say what the acquirer has. */
export function sumFields(
  currency: string,
  sums: BatchSums,
): readonly (readonly [number, string])[] {
  const { captures, capturedMinor, refunds, refundedMinor, returns, returnedMinor } = sums;
  const netMinor = capturedMinor - refundedMinor - returnedMinor;
  const net = String(Math.abs(netMinor)).padStart(16, "0");
  return [
    ...(currency === "" ? [] : [[DE.currency, currencyNumber(currency) ?? ""] as const]),
    [DE.credits, String(refunds)],
    [DE.debits, String(captures)],
    [DE.debitReversals, String(returns)],
    [DE.creditsAmount, String(refundedMinor)],
    [DE.debitsAmount, String(capturedMinor)],
    [DE.debitReversalsAmount, String(returnedMinor)],
    [DE.net, `${netMinor < 0 ? "C" : "D"}${net}`],
  ];
}

/** What the acquirer says to the batch that `asked` closes: it is closed, whether they agree or not. */
export async function afterClosing(
  { fields }: SentMessage,
  inBalance: boolean,
  books: Iso8583Books,
): Promise<readonly StoreWrite[]> {
  const { number, closing } = await openBatch(books);
  const elements = new Map(fields);
  const isIt = ({ batch, currency }: Closing): boolean =>
    batchText(batch) === elements.get(DE.batch) &&
    (currencyNumber(currency) ?? "") === (elements.get(DE.currency) ?? "");
  if (closing === undefined) return [];
  const next = closing.map((one) => (isIt(one) ? { ...one, inBalance } : one));
  return [written("iso-batch", "open", { number, closing: next })];
}

/** Undefined while one of its currencies was not answered. Counts and sums are of all currencies. */
function closedBatch(closing: readonly Closing[]): HostBatch | undefined {
  if (closing.some(({ inBalance }) => inBalance === undefined)) return undefined;
  const closed: HostBatch = {
    ...{ kind: "closed", batch: batchText(closing[0]?.batch ?? 0), captures: 0, capturedMinor: 0 },
    ...{ refunds: 0, refundedMinor: 0 },
    inBalance: closing.every(({ inBalance }) => inBalance),
  };
  for (const { sums } of closing) {
    closed.captures += sums.captures;
    closed.capturedMinor += sums.capturedMinor;
    closed.refunds += sums.refunds + sums.returns;
    closed.refundedMinor += sums.refundedMinor + sums.returnedMinor;
  }
  return closed;
}

/** What the call to close came to, once the acquirer has answered for every currency. */
export async function endClosing(
  books: Iso8583Books,
  attempt: string,
  nowMs: number,
): Promise<HostBatch | { kind: "no-answer" }> {
  const { number, closing } = await openBatch(books);
  const closed = closing && closedBatch(closing);
  if (closing === undefined || closed === undefined) {
    // Another call was quicker.
    return (await books.read("iso-attempt", attempt))?.closed ?? { kind: "no-answer" };
  }
  await books.commit([
    written("iso-batch", "open", { number }),
    written("iso-attempt", attempt, { action: "close", atMs: nowMs, state: "decided", closed }),
    ...closing.map((one) => ({ kind: "iso-attempt", id: closingName(one), body: null })),
  ]);
  return closed;
}

/** Under which the message is kept that closes it. */
export function closingName({ batch, currency }: Closing): string {
  return `batch-${batch}/${currency}`;
}
