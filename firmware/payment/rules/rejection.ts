// Why the engine refuses what a service answers, flags it, refuses a service, or refuses a flow: closed lists by
// number, in blocks of 100. Numbers are never reused; words beside them are for people.

/** The response, or the part of it that is named, is not applied; the flow goes on (I14). */
export const REJECTIONS = {
  malformed: 1, // not of the shape that the stage takes, or over a bound
  "too-large": 2, // over the size that a message may have, on either side
  "second-response": 3, // one was given already
  "wrong-request": 4, // it answers another request than the one that was put
  late: 5, // after finishImmediately
  "not-in-stage": 6, // a field that this stage may not set
  "adjust-undeclared": 20, // changes amounts without canAdjustAmounts
  "pay-undeclared": 21, // pays without canPayAmounts
  "method-undeclared": 22, // pays by a method that its info does not list
  "paid-zero": 23, // pays nothing
  "paid-excess": 24, // pays more than is asked for
  "paid-additional": 25, // pays additional amounts where only the base may be paid
  "paid-currency": 26, // pays in another currency than is asked for
  "method-missing": 27, // pays without saying how
  "base-changed": 30, // the base may change only with a basket, a currency or a share
  "additional-lowered": 31, // an additional amount may only rise
  "currency-forbidden": 32, // currency changes are off, or the rate is no rate
  "amount-negative": 33,
  "share-excess": 34, // the share is more than what remains
  "basket-unknown": 40, // a discount on a basket that is not there
  "basket-empty": 41,
  "basket-total": 42, // its total is below zero, or is not what the base rose by
  "discount-positive": 43, // a discount item that is not below zero
  "discount-unpaid": 44, // discounts without the amount that they pay
  "discount-sum": 45, // they are not the sum of what is paid
  "flow-changed": 50, // PRE_FLOW may not change type, name or id
  "payment-invalid": 51, // the payment that PRE_FLOW gives is none
  "cancel-forbidden": 52, // this stage may not cancel
  "skip-forbidden": 53, // this stage must answer
  "above-offer": 60, // more than the signed offer, without the payer's consent
  "extra-unconfirmed": 61, // an extra that the payer did not confirm
  "extra-above-maximum": 62, // more than the maximum that the payer signed
  "over-approved": 63, // the payment application approved more than was asked
  "amounts-structure": 64, // approved amounts that cannot be laid onto those that were asked for
} as const;
export type Rejection = keyof typeof REJECTIONS;

/** Money moved, and something is wrong with what is said of it: it is kept, and looked at. */
export const FLAGS = {
  "method-flagged": 100, // an undeclared payment method
  "card-incomplete": 101, // a card payment without network, entry method or token
  "late-approval": 102, // approved after nobody waited for it: undone
  "rejected-charge": 103, // a response was refused after money had moved: kept as evidence, undone
  "undo-failed": 104, // what had been paid could not be given back: it is owed, or still asked for
  "unknown-event": 105, // an event of a type that nobody knows
} as const;
export type Flag = keyof typeof FLAGS;

/** Why a service takes no part. */
export const SERVICE_ERRORS = {
  retrievalTimeOut: 200,
  invalidStageDefinitions: 201,
  invalidServiceInfo: 202,
  notEnrolled: 203, // no grant of the operator, or one that is revoked or expired
  overReaching: 204, // its info claims more than its grant
  idTaken: 205, // another service has that id
  unreachable: 206,
  tooManyServices: 207, // a device has only so many
} as const;
export type ServiceError = keyof typeof SERVICE_ERRORS;

/** Why a flow is not started, or not steered. */
export const FLOW_ERRORS = {
  busy: 300,
  unsupportedOperation: 301,
  invalidFlowIdentifier: 302,
  invalidRequest: 303,
  noFlowServices: 304,
  noAvailableFlows: 305,
  incompatibleApiVersion: 306,
  duplicateRequestId: 307,
  cancelFailed: 308,
  resumeFailed: 309,
  skipFailed: 310,
  ambiguous: 311, // several flows or services would do, and nothing says which
  flowServiceError: 312,
  stageNotSupported: 313,
  configError: 314,
  unexpectedError: 315,
} as const;
export type FlowError = keyof typeof FLOW_ERRORS;
