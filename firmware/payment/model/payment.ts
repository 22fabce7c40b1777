// What a flow is started with, and what comes of it.

import {
  field,
  flag,
  list,
  map,
  named,
  type Of,
  oneOf,
  optional,
  text,
  uint,
} from "../../protocol/schema.ts";
import { amounts } from "./amounts.ts";
import { basket } from "./basket.ts";
import { customer, token } from "./customer.ts";
import { data } from "./data.ts";
import { executed, identifier, transaction } from "./transaction.ts";

export const TRANSACTIONS_MAX = 16;

export const payment = named(
  "payment",
  map({
    id: field(1, identifier),
    flowType: field(2, identifier),
    /** Names one of several flows of the type. */
    flowName: optional(3, identifier),
    amounts: field(4, amounts),
    basket: optional(5, basket),
    customer: optional(6, customer),
    /** Filters payment applications; others ignore it. */
    paymentMethod: optional(7, text(24)),
    splitEnabled: field(8, flag),
    cardToken: optional(9, token),
    data: field(10, data),
    /** Who starts it: the sale, the operator, or an application. */
    source: field(11, identifier),
  }),
);
export type Payment = Readonly<Of<typeof payment>>;

export const PAYMENT_OUTCOMES = { fulfilled: 1, "partially-fulfilled": 2, failed: 3 } as const;
export type PaymentOutcome = keyof typeof PAYMENT_OUTCOMES;
export const FAILURE_REASONS = {
  none: 0,
  cancelled: 1,
  rejected: 2,
  declined: 3,
  timeout: 4,
  error: 5,
} as const;
export type FailureReason = keyof typeof FAILURE_REASONS;

export const paymentResponse = named(
  "payment-response",
  map({
    id: field(1, identifier),
    payment: field(2, payment),
    outcome: field(3, named("payment-outcome", oneOf(PAYMENT_OUTCOMES))),
    failureReason: field(4, named("failure-reason", oneOf(FAILURE_REASONS))),
    failureMessage: optional(5, text(96)),
    allTransactionsApproved: field(6, flag),
    /** What was asked for in all, with what services added; never below the payment's own. */
    requested: field(7, amounts),
    processed: field(8, amounts),
    transactions: field(9, list(transaction, TRANSACTIONS_MAX)),
    createdMs: field(10, uint(Number.MAX_SAFE_INTEGER)),
    preFlow: optional(11, executed),
    postFlow: field(12, list(executed, 16)),
  }),
);
export type PaymentResponse = Readonly<Of<typeof paymentResponse>>;

export const splitRequest = named(
  "split-request",
  map({
    /** Of the transaction that the share becomes: what is paid in SPLIT is paid for it. */
    id: field(1, identifier),
    payment: field(2, payment),
    /** Grows as services add amounts; additions of a declined round do not count. */
    requested: field(3, amounts),
    transactions: field(4, list(transaction, TRANSACTIONS_MAX)),
  }),
);
export type SplitRequest = Readonly<Of<typeof splitRequest>>;
