// What came of a payment flow, as who started it is told.

import type { Amounts } from "../model/amounts.ts";
import { deepFreeze } from "../model/freeze.ts";
import type { FailureReason, Payment, PaymentResponse } from "../model/payment.ts";
import { allApproved, outcomeOf } from "../model/payment-outcome.ts";
import { splitProcessed } from "../model/split-sums.ts";
import type { Executed, Transaction } from "../model/transaction.ts";
import { cutText } from "../record/flow-audit.ts";

const MESSAGE_BYTES_MAX = 96;

export interface PaymentEnd {
  payment: Payment;
  requested: Amounts;
  transactions: readonly Transaction[];
  /** Why the flow ended before its end, or was not paid. */
  why?: { reason: FailureReason; message: string } | undefined;
  createdMs: number;
  preFlow?: Executed | undefined;
}

export function concluded(end: PaymentEnd): PaymentResponse {
  const { payment, requested, transactions, why, createdMs, preFlow } = end;
  const isNothing = transactions.every(({ responses }) => responses.length === 0);
  const reason = why?.reason ?? (isNothing ? "rejected" : "none");
  // A request of nothing, of which nothing went wrong, is fulfilled without anybody having paid.
  const isZero =
    requested.base === 0 && Object.values(requested.additional).every((part) => part === 0);
  const conclusion = outcomeOf(requested, transactions, isZero && !why ? "none" : reason);
  const isFailed = conclusion.failureReason !== "none";
  const message = cutText(why?.message ?? "nobody paid", MESSAGE_BYTES_MAX);
  return deepFreeze({
    id: payment.id,
    payment,
    ...conclusion,
    ...(isFailed && { failureMessage: message }),
    allTransactionsApproved: allApproved(transactions),
    requested,
    processed: splitProcessed({ requested, transactions }),
    transactions: [...transactions],
    createdMs: Math.max(0, createdMs),
    ...(preFlow && { preFlow }),
    postFlow: [],
  });
}
