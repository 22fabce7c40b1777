// The flow types that every device knows: what they are for, which stages a flow of the type has, and what a request
// of the type must hold. Types are open: a device may have others, and services may bring their own.

import type { Stage } from "../model/stages.ts";

/** Derived from the stages of a flow, never said by a type alone. */
export type RequestClass = "payment" | "generic" | "status";

export interface FlowType {
  readonly requestClass: RequestClass;
  readonly meaning: string;
  /** Of the flow that a device has of this type when nothing is configured. */
  readonly stages: readonly Stage[];
  /** Keys that the request's data must hold: all of one of these lists. Empty: none in particular. */
  readonly requires: readonly (readonly string[])[];
  /** What else the request holds, for people. */
  readonly holds: string;
}

const PAYMENT_STAGES: readonly Stage[] = [
  "PRE_FLOW",
  "SPLIT",
  "PRE_TRANSACTION",
  "PAYMENT_CARD_READING",
  "POST_CARD_READING",
  "FULFILLED_CHECK",
  "TRANSACTION_PROCESSING",
  "POST_TRANSACTION",
  "POST_FLOW",
];
const SHORT: readonly Stage[] = ["PRE_FLOW", "TRANSACTION_PROCESSING", "POST_FLOW"];
const GENERIC: readonly Stage[] = ["GENERIC", "POST_GENERIC"];
const STATUS: readonly Stage[] = ["STATUS_UPDATE"];

const AMOUNTS = "amounts; may hold a basket, a customer, a payment method, a card token and data";

export const FLOW_TYPES = {
  sale: {
    requestClass: "payment",
    meaning: "charges the payer",
    stages: PAYMENT_STAGES,
    requires: [],
    holds: AMOUNTS,
  },
  refund: {
    requestClass: "payment",
    meaning: "gives money back",
    stages: SHORT,
    requires: [],
    holds: `${AMOUNTS}; references of what is given back`,
  },
  motoSale: {
    requestClass: "payment",
    meaning: "charges a payer who is not present",
    stages: PAYMENT_STAGES,
    requires: [],
    holds: AMOUNTS,
  },
  motoRefund: {
    requestClass: "payment",
    meaning: "gives money back to a payer who is not present",
    stages: SHORT,
    requires: [],
    holds: `${AMOUNTS}; references of what is given back`,
  },
  preAuthorisation: {
    requestClass: "payment",
    meaning: "holds an amount, to be completed or reversed later",
    stages: PAYMENT_STAGES,
    requires: [],
    holds: AMOUNTS,
  },
  preAuthCompletion: {
    requestClass: "payment",
    meaning: "makes final what was held",
    stages: PAYMENT_STAGES,
    requires: [],
    holds: "the final amounts, and in its data all references of the response that holds the money",
  },
  deposit: {
    requestClass: "payment",
    meaning: "takes a deposit",
    stages: SHORT,
    requires: [],
    holds: AMOUNTS,
  },
  reversal: {
    requestClass: "generic",
    meaning: "voids an earlier transaction; without a person",
    stages: GENERIC,
    requires: [["transactionId"]],
    holds: "all references of the response that is reversed",
  },
  tokenisation: {
    requestClass: "generic",
    meaning: "makes a token for a card",
    stages: GENERIC,
    requires: [],
    holds: "may hold an amount; the answer's data holds the token",
  },
  batchClosure: {
    requestClass: "generic",
    meaning: "closes the batch of the acquirer",
    stages: GENERIC,
    requires: [],
    holds: "nothing",
  },
  receiptDelivery: {
    requestClass: "generic",
    meaning: "delivers a receipt, or delivers it again",
    stages: GENERIC,
    requires: [["transaction"], ["receiptAmounts", "receiptPaymentMethod", "receiptOutcome"]],
    holds: "may hold deliveryMechanism and receiptBasket",
  },
  basketStatusUpdate: {
    requestClass: "status",
    meaning: "tells services that the basket has changed",
    stages: STATUS,
    requires: [
      ["basketUpdated"],
      ["basketItemsAdded"],
      ["basketItemsRemoved"],
      ["basketItemUpdated"],
    ],
    holds: "what has changed",
  },
  customerStatusUpdate: {
    requestClass: "status",
    meaning: "tells services that the customer has changed",
    stages: STATUS,
    requires: [["customerUpdate"]],
    holds: "the customer",
  },
  deviceSettings: {
    requestClass: "generic",
    meaning: "asks for settings of the device",
    stages: GENERIC,
    requires: [],
    holds: "what its service documents",
  },
} as const satisfies Readonly<Record<string, FlowType>>;
export type KnownFlowType = keyof typeof FLOW_TYPES;

/** Undefined for a type that only some devices or services know. Types are case sensitive. */
export function flowTypeOf(type: string): FlowType | undefined {
  return Object.hasOwn(FLOW_TYPES, type) ? FLOW_TYPES[type as KnownFlowType] : undefined;
}

/** The keys that a request's data lacks, by the shortest list that would do; undefined when nothing is missing. */
export function missingKeys(
  type: string,
  data: Readonly<Record<string, unknown>>,
): readonly string[] | undefined {
  const requires = flowTypeOf(type)?.requires ?? [];
  const missing = requires.map((keys) => keys.filter((key) => !Object.hasOwn(data, key)));
  if (missing.length === 0 || missing.some((keys) => keys.length === 0)) return undefined;
  return [...missing].sort((a, b) => a.length - b.length)[0];
}

/** camelCase, and none of the words that mean something else here. */
export function isCustomTypeName(name: string): boolean {
  return /^[a-z][a-zA-Z0-9]*$/.test(name) && name !== "payment" && flowTypeOf(name) === undefined;
}
