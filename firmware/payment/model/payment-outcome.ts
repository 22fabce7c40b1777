// How a payment flow came out, from what was asked for and what was paid.

import type { Amounts } from "./amounts.ts";
import { totalOf } from "./amounts-arithmetic.ts";
import type { FailureReason, PaymentOutcome, PaymentResponse } from "./payment.ts";
import { splitProcessed } from "./split-sums.ts";
import type { Transaction } from "./transaction.ts";
import { hasDeclined, isFulfilled } from "./transaction-sums.ts";

export interface Conclusion {
  readonly outcome: PaymentOutcome;
  readonly failureReason: FailureReason;
}

/**
 * Fulfilled: as much was paid as was asked for, whatever failed on the way. Failed: nothing was paid, never without a
 * reason. In between partially fulfilled, where no reason is an authorisation of a part. `why` is what ended the flow,
 * where something did; it counts for a request of nothing too, where it is the only thing that can fail.
 */
export function outcomeOf(
  requested: Amounts,
  transactions: readonly Transaction[],
  why: FailureReason = "none",
): Conclusion {
  const paidMinor = totalOf(splitProcessed({ requested, transactions }));
  const askedMinor = totalOf(requested);
  if (paidMinor >= askedMinor && (askedMinor > 0 || why === "none")) {
    return { outcome: "fulfilled", failureReason: "none" };
  }
  const last = transactions.at(-1);
  const wasDeclined = last !== undefined && hasDeclined(last) && !isFulfilled(last);
  const reason = why === "none" && wasDeclined ? "declined" : why;
  if (paidMinor > 0) return { outcome: "partially-fulfilled", failureReason: reason };
  return { outcome: "failed", failureReason: reason === "none" ? "error" : reason };
}

/** Every transaction was paid in full without a decline, and there is one. */
export function allApproved(transactions: readonly Transaction[]): boolean {
  return (
    transactions.length > 0 &&
    transactions.every((transaction) => isFulfilled(transaction) && !hasDeclined(transaction))
  );
}

export function isSplit({ transactions }: Pick<PaymentResponse, "transactions">): boolean {
  return transactions.length > 1;
}
