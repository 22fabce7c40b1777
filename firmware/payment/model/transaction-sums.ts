// What of a transaction was paid and what is left. A response may state its amounts in another structure than it was
// asked for; it is laid onto what was left when it came, so that 1200 of 1200 is always all of it.

import { assert } from "../../assert.ts";
import type { Amounts } from "./amounts.ts";
import {
  amountsLess,
  amountsPlus,
  isZero,
  sameCurrency,
  totalOf,
  zeroAmounts,
} from "./amounts-arithmetic.ts";
import { normalise } from "./apportion.ts";
import { EMPTY_CARD } from "./card-mask.ts";
import type { Transaction, TransactionResponse, TransactionSummary } from "./transaction.ts";

/** An approved response that says what it took: money that moved, and can be given back. */
export type Tender = TransactionResponse & { readonly amounts: Amounts };

type Paid = Pick<Transaction, "requested" | "responses">;

interface Sums {
  processed: Amounts;
  remaining: Amounts;
}

/** All that was paid, in the order in which it was. */
export function tenders(transaction: Pick<Transaction, "responses">): readonly Tender[] {
  return transaction.responses.filter(
    (response): response is Tender =>
      response.outcome === "approved" && response.amounts !== undefined,
  );
}

/** What is left to pay; additional amounts that are paid are no longer named in it. */
export function remainingOf(transaction: Paid): Amounts {
  return sumsOf(transaction).remaining;
}

/** The sum of what was paid, in the requested currency. Above the request only where a response was kept as evidence. */
export function processedOf(transaction: Paid): Amounts {
  return sumsOf(transaction).processed;
}

/** Whether nothing is left to pay: also for a transaction of zero. */
export function isFulfilled(transaction: Paid): boolean {
  return isZero(remainingOf(transaction));
}

export function hasDeclined(transaction: Pick<Transaction, "responses">): boolean {
  return transaction.responses.some(({ outcome }) => outcome === "declined");
}

export function lastResponse(
  transaction: Pick<Transaction, "responses">,
): TransactionResponse | undefined {
  return transaction.responses.at(-1);
}

/**
 * The answer of the payment application: the first that took money, else the first that approved, else the first. An
 * early decline never hides the approval that a reversal needs.
 */
export function paymentAppResponse(
  transaction: Pick<Transaction, "responses">,
): TransactionResponse | undefined {
  const ofApp = transaction.responses.filter(
    ({ stage }) => stage === "PAYMENT_CARD_READING" || stage === "TRANSACTION_PROCESSING",
  );
  const approved = ofApp.filter(({ outcome }) => outcome === "approved");
  return approved.find(({ amounts }) => amounts !== undefined) ?? approved[0] ?? ofApp[0];
}

/** The transaction as services see it after its outcome, with the card of its last response. */
export function summaryOf(
  transaction: Transaction,
  flowType: string,
  audience: TransactionSummary["audience"],
): TransactionSummary {
  const card = lastResponse(transaction)?.card ?? EMPTY_CARD;
  return Object.freeze({ ...transaction, flowType, audience, card });
}

function sumsOf({ requested, responses }: Paid): Sums {
  const nothing = zeroAmounts(requested.currency);
  const all = amountsLess(requested, nothing);
  assert(all.ok, "a request and nothing are in one currency");
  const { converted } = all.value;
  const start: Sums = {
    processed: converted ? Object.freeze({ ...nothing, converted }) : nothing,
    remaining: all.value,
  };
  return tenders({ responses }).reduce(withTender, start);
}

function withTender({ processed, remaining }: Sums, { amounts }: Tender): Sums {
  // Another currency cannot be summed: such a response is refused before it gets here, or kept as evidence alone.
  if (!sameCurrency(remaining, amounts)) return { processed, remaining };
  const paid = normalise(remaining, amounts) ?? amounts;
  const isOver = totalOf(amounts) > totalOf(remaining);
  const left = amountsLess(remaining, isOver ? remaining : paid);
  const sum = amountsPlus(processed, paid);
  assert(left.ok && sum.ok, "amounts of one transaction can be summed");
  return { processed: sum.value, remaining: left.value };
}
