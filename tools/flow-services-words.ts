// The words of docs/flow-services.md to what stands in the code: each list must name everything, or it does not compile.

import type { FlowSettings } from "../firmware/payment/config/settings.ts";
import type { CalledStage, SERVICE_EVENTS } from "../firmware/payment/engine/service.ts";
import type { ServiceInfo } from "../firmware/payment/model/service-info.ts";
import type {
  FLAGS,
  FLOW_ERRORS,
  REJECTIONS,
  SERVICE_ERRORS,
} from "../firmware/payment/rules/rejection.ts";

export interface StageWords {
  when: string;
  mayAnswer: string;
}

export const STAGE_WORDS: Readonly<Record<CalledStage, StageWords>> = {
  PRE_FLOW: {
    when: "once, before anything else, when the payment is of nothing (or `alwaysCallPreFlow`)",
    mayAnswer: "the payment filled in (not its id, type, name, source), cancel, or nothing",
  },
  SPLIT: {
    when: "before each transaction of a payment that may be split",
    mayAnswer:
      "the base amount or the items of the next transaction, a paid part of the base, data, cancel, or nothing",
  },
  PRE_TRANSACTION: {
    when: "once for each transaction, before a card is read",
    mayAnswer:
      "additional amounts (only new or raised), one more basket, a paid part of the base, discounts on one basket, another currency, customer, data, or nothing",
  },
  PAYMENT_CARD_READING: {
    when: "once for each transaction; payment applications",
    mayAnswer: "a card, no card, or a decline; nothing is charged yet",
  },
  POST_CARD_READING: {
    when: "once for each transaction, whether or not a card was read",
    mayAnswer: "as PRE_TRANSACTION; the card may be in the request",
  },
  TRANSACTION_PROCESSING: {
    when: "where something is left to pay; again by another application while it is not paid in full",
    mayAnswer: "approval of all, of a part or of nothing, or a decline; **it must answer**",
  },
  POST_TRANSACTION: {
    when: "once for each transaction, when its outcome is known",
    mayAnswer: "references, or nothing",
  },
  POST_FLOW: { when: "once, at the end of a payment", mayAnswer: "nothing" },
  GENERIC: {
    when: "for a request that is no payment; one service is asked",
    mayAnswer: "success or failure, a message, data; **it must answer**",
  },
  POST_GENERIC: {
    when: "after GENERIC",
    mayAnswer: "more data for the response, or nothing",
  },
  STATUS_UPDATE: {
    when: "when a basket or a customer has changed; every service, one after the other",
    mayAnswer: "references, or nothing; nobody is there to be asked anything",
  },
};

export const REJECTION_WORDS: Readonly<Record<keyof typeof REJECTIONS, string>> = {
  malformed:
    "it is not of the shape that the stage takes, or over a bound; the text names the field",
  "too-large": "it is over the size that a message may have (8 KiB for an answer), or has no room",
  "second-response": "an answer was given already",
  "wrong-request": "it answers another request than the one that was put",
  late: "it came after finishImmediately",
  "not-in-stage": "it sets a field that this stage may not set",
  "adjust-undeclared": "it changes amounts, and the info does not say canAdjustAmounts",
  "pay-undeclared": "it pays, and the info does not say canPayAmounts",
  "method-undeclared": "it pays by a method that the info does not list",
  "paid-zero": "it pays nothing",
  "paid-excess": "it pays more than is asked for",
  "paid-additional": "it pays additional amounts; only the base may be paid",
  "paid-currency": "it pays in another currency than is asked for",
  "method-missing": "it pays without saying how",
  "base-changed": "the base changes only by a basket, a currency or a share",
  "additional-lowered": "an additional amount may only rise",
  "currency-forbidden": "the currency may not change here, or its rate is none",
  "amount-negative": "an amount is below zero",
  "share-excess": "the share is more than what remains",
  "basket-unknown": "discounts on a basket that is not there",
  "basket-empty": "a basket without items",
  "basket-total": "the basket's total is below zero, or not what the base rose by",
  "discount-positive": "a discount that is not below zero",
  "discount-unpaid": "discounts without the amount that they pay",
  "discount-sum": "the discounts are not the sum of what is paid",
  "flow-changed": "PRE_FLOW may not change the flow's id, type, name or source",
  "payment-invalid": "the payment that PRE_FLOW gives is none: its text says why",
  "cancel-forbidden": "this stage may not cancel",
  "skip-forbidden": "this stage must answer",
  "above-offer": "a sale costs no more than the signed offer says",
  "extra-unconfirmed": "the payer did not confirm that extra: ask with `confirm`",
  "extra-above-maximum": "the extras are more than the payer signed for",
  "over-approved": "more was approved than was asked for",
  "amounts-structure": "approved amounts that cannot be laid onto those that were asked for",
};

export const FLAG_WORDS: Readonly<Record<keyof typeof FLAGS, string>> = {
  "method-flagged": "paid by a method that the info does not list; kept",
  "card-incomplete": "a card payment without network, entry method or token; kept",
  "late-approval": "approved after nobody waited for it; given back",
  "rejected-charge": "refused after money had moved; kept as evidence, given back",
  "undo-failed": "what had been paid could not be given back: it is owed, or still asked for",
  "unknown-event": "an event of a type that nobody knows; ignored",
};

export const SERVICE_ERROR_WORDS: Readonly<Record<keyof typeof SERVICE_ERRORS, string>> = {
  retrievalTimeOut: "no info came in time: answer defaults at once, then call `notifyInfoChanged`",
  invalidStageDefinitions: "the stages are none, or do not go with the info",
  invalidServiceInfo: "a field of the info is wrong; the text names it",
  notEnrolled: "no grant of the operator, or one that is revoked or has expired",
  overReaching: "the info claims more than the grant gives",
  idTaken: "another service has that id",
  unreachable: "it does not answer",
  tooManyServices: "the device has as many services as it takes",
};

export const FLOW_ERROR_WORDS: Readonly<Record<keyof typeof FLOW_ERRORS, string>> = {
  busy: "too many flows at once",
  unsupportedOperation: "not for this flow",
  invalidFlowIdentifier: "no flow of that name or type",
  invalidRequest: "the request is not of its shape, or lacks data of its type",
  noFlowServices: "no service that could take part",
  noAvailableFlows: "no flow that this initiator may start",
  incompatibleApiVersion: "another major version",
  duplicateRequestId: "a flow of that id was started already",
  cancelFailed: "there is nothing left to cancel",
  resumeFailed: "nobody is at work who could show itself again",
  skipFailed: "the service at work cannot be skipped",
  ambiguous: "several flows or services would do, and nothing says which",
  flowServiceError: "a service failed",
  stageNotSupported: "a service was called for a stage that it does not implement",
  configError: "no handler for a stage",
  unexpectedError: "our own fault",
};

export const SERVICE_EVENT_WORDS: Readonly<Record<keyof typeof SERVICE_EVENTS, string>> = {
  responseAccepted: "the answer was applied; also an empty one: `onAccepted`",
  responseRejected:
    "nothing of the answer was applied; `rejectedReason` (text), `rejectedCode` (integer): `onRejected`",
  finishImmediately: "nobody waits any more (time-out, skip, cancel): stop: `onFinish`",
  resumeUserInterface: "show yourself again",
  cancelOrResumeUserInterface:
    "somebody wants to cancel: do so if you can, else show yourself again",
};

export const SETTING_WORDS: Readonly<Record<keyof FlowSettings, string>> = {
  splitResponseTimeoutSeconds: "for SPLIT",
  flowResponseTimeoutSeconds: "for the stages that are not named here",
  paymentResponseTimeoutSeconds: "for TRANSACTION_PROCESSING",
  statusUpdateTimeoutSeconds: "for STATUS_UPDATE",
  serviceInfoTimeoutSeconds: "for a service's info",
  confirmationTimeoutSeconds: "for a payer's answer",
  isCurrencyChangeAllowed: "services may change the currency",
  shouldAbortOnFlowAppError: "a value-added service that fails ends the flow",
  shouldAbortOnPaymentError: "a payment application that fails ends the flow",
  alwaysAllowDynamicSelect: "flows may use DYNAMIC_SELECT",
  filterServicesByFlowType: "a service that lists flow types is called for those only",
  alwaysCallPreFlow: "PRE_FLOW also where there is something to pay already",
  historyRows: "ended flows that are kept",
  primaryCurrency: "of the device",
  primaryLanguage: "of the device, ISO 639-1",
};

export const INFO_WORDS: Readonly<Record<keyof ServiceInfo, string>> = {
  id: "unique at a device, at most 32 bytes",
  packageName: "the id where it is left out",
  vendor: "who makes it; required",
  displayName: "for people; required",
  serviceVersion: "1.0.0 where it is left out",
  apiVersion: "of the SDK, set by it",
  accessible: "it has a mode for people who need one",
  flowTypes: "it is called in flows of these types; none listed: of any",
  customRequestTypes: "requests of its own, camelCase: each becomes a flow that calls GENERIC",
  dataKeys: "keys of additional data that it knows",
  canAdjustAmounts: "needed for additional amounts, baskets, shares and currencies",
  canPayAmounts: "needed to pay and to give discounts; `paymentMethods` must then say how",
  paymentMethods: "by which it pays",
  defaultCurrency: "the first of `currencies` where it is left out",
  currencies: "it is called for these only; none listed: any",
  additionalInfo: "such as `merchants`, `supportsManualEntry`",
  stages: "set by the engine",
  flowStages: "set by the engine: in which flows, at which stages",
};
