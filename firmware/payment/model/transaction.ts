// One transaction of a flow: what is asked of a service, what it answered, and all answers so far.

import { field, list, map, named, type Of, oneOf, optional, text } from "../../protocol/schema.ts";
import { amounts } from "./amounts.ts";
import { basket } from "./basket.ts";
import { card } from "./card.ts";
import { customer } from "./customer.ts";
import { data } from "./data.ts";
import { STAGES } from "./stages.ts";

export const identifier = text(48);
export const stageName = named("stage", oneOf(STAGES));
export const BASKETS_MAX = 4;
export const RESPONSES_MAX = 16;

const AUDIENCES = { merchant: 1, customer: 2 } as const;
export const OUTCOMES = { approved: 1, declined: 2 } as const;
export type Outcome = keyof typeof OUTCOMES;

const asked = {
  /** One for each call. */
  id: field(1, identifier),
  /** The same in every stage of a transaction. */
  transactionId: field(2, identifier),
  flowType: field(3, identifier),
  stage: field(4, stageName),
  /** What is left to pay when the service is called. */
  amounts: field(5, amounts),
  baskets: field(6, list(basket, BASKETS_MAX)),
  paymentMethod: optional(7, text(24)),
  customer: optional(8, customer),
  data: field(9, data),
  /** Empty until a card was read or a token given. */
  card: field(10, card),
  /** At an unattended device, the customer. */
  audience: field(11, named("audience", oneOf(AUDIENCES))),
};
export const transactionRequest = named("transaction-request", map(asked));
export type TransactionRequest = Readonly<Of<typeof transactionRequest>>;

export const transactionResponse = named(
  "transaction-response",
  map({
    /** Of the request that it answers. */
    id: field(1, identifier),
    outcome: field(2, named("transaction-outcome", oneOf(OUTCOMES))),
    outcomeMessage: optional(3, text(96)),
    /** What was processed; absent where nothing was charged. */
    amounts: optional(4, amounts),
    /** As the host says it, such as the two characters of ISO 8583. */
    responseCode: optional(5, text(16)),
    paymentMethod: field(6, text(24)),
    card: field(7, card),
    /** All that reversal or completion need later. */
    references: field(8, data),
    /** Set by the engine; absent where no service answered. */
    service: optional(9, text(32)),
    stage: optional(10, stageName),
  }),
);
export type TransactionResponse = Readonly<Of<typeof transactionResponse>>;

/** What a service changed, by the names of the closed list. */
export const AUGMENTED = {
  amounts: 1,
  basket: 2,
  customer: 3,
  currency: 4,
  additionalData: 5,
  payment: 6,
  cancelled: 7,
  references: 8,
} as const;
export type Augmented = keyof typeof AUGMENTED;

export const executed = named(
  "executed-service",
  map({
    service: field(1, text(32)),
    stage: field(2, stageName),
    augmented: field(3, list(named("augmented", oneOf(AUGMENTED)), 8)),
  }),
);
export type Executed = Readonly<Of<typeof executed>>;

const whole = {
  id: field(1, identifier),
  requested: field(2, amounts),
  baskets: field(3, list(basket, BASKETS_MAX)),
  customer: optional(4, customer),
  data: field(5, data),
  responses: field(6, list(transactionResponse, RESPONSES_MAX)),
  executed: field(7, list(executed, 32)),
  /** What services added after the outcome was known. */
  references: field(8, data),
};
export const transaction = named("transaction", map(whole));
export type Transaction = Readonly<Of<typeof transaction>>;

/** A transaction as services see it after its outcome. */
export const transactionSummary = named(
  "transaction-summary",
  map({
    ...whole,
    flowType: field(9, identifier),
    audience: field(10, named("audience", oneOf(AUDIENCES))),
    card: field(11, card),
  }),
);
export type TransactionSummary = Readonly<Of<typeof transactionSummary>>;
