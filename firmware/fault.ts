// Every kind of expected trouble and its number on the wire, in blocks of 100 per area.
// Numbers are never reused. A number we do not know decodes as `unknown`.

export const FAULT_CODES = {
  // 1..99 anything
  unknown: 1,
  "out-of-order": 2, // a call before the one that must come first
  "out-of-range": 3,
  "not-found": 4,
  "too-many": 5, // a bound on memory or disk was reached
  internal: 6, // the world broke on the other side; try again
  "timed-out": 7, // no answer came
  unsupported: 8,
  usage: 9,
  exists: 10,
  environment: 11, // a file, a port, a broker or a device of this machine does not do its part
  // 100..199 bytes and messages
  malformed: 100,
  "too-large": 101,
  version: 102,
  unsealed: 103, // could not be opened: another key, another epoch, or touched on the way
  stale: 104, // an old request, or one that was already passed
  // 200..299 trust
  signature: 200,
  untrusted: 201, // no chain to an operator key that we hold
  "key-changed": 202,
  expired: 203,
  "bench-key": 204,
  "wrong-device": 205,
  "wrong-consumer": 206,
  "bad-key-file": 207,
  "broken-chain": 208,
  revoked: 209, // the operator took its word back
  // 300..399 offering
  "service-unknown": 300,
  "price-unknown": 301,
  "units-out-of-range": 302,
  "not-ready": 303, // the outlet cannot deliver now: fault, loop down, meter not alive
  "offer-unknown": 304,
  "offer-expired": 305,
  "offer-mismatch": 306, // the offer is not what was selected
  "over-limit": 307, // dearer than the consumer allows
  "offer-withdrawn": 308, // its service was removed, and unpaid offers are not honoured
  refused: 309, // the application that hosts the device, or the consumer, says no
  // 400..499 payment
  declined: 400,
  "credential-invalid": 401,
  "credential-mismatch": 402,
  "credential-used": 403,
  "payment-pending": 404, // not decided yet: ask again
  "payment-lost": 405, // given up and reversed
  "payment-rejected": 406, // no flow, service or method could take it, or they were ambiguous
  "payment-cancelled": 407, // by the payer's button, the operator, or an application
  "payment-timeout": 408, // nobody answered in time; what was taken was given back
  "not-streamed": 410, // the service, or its price, cannot be paid while it is delivered
  "commitment-invalid": 411, // not what the offer asks for, or not of this payer
  "confirmation-unknown": 409, // it was answered already, or nobody asks for it any more
  // 500..599 delivery
  "order-unknown": 500,
  "order-closed": 501,
  "order-unpaid": 502,
  busy: 503, // another session holds the outlet; the token stays good
  "token-invalid": 504,
  "token-exhausted": 505,
  "session-unknown": 506,
  "token-expired": 507,
  "proof-needed": 508, // nothing may be delivered before the next proof
  // 600..699 the operator's commands
  "not-operator": 600, // not signed by the device's operator, or for another device
  "operation-number": 601, // not the next number: another command came first, or it is a replay
} as const;

export type FaultKind = keyof typeof FAULT_CODES;

const KINDS = new Map<number, FaultKind>(
  Object.entries(FAULT_CODES).map(([kind, code]) => [code, kind as FaultKind]),
);

export function faultKind(code: number): FaultKind {
  return KINDS.get(code) ?? "unknown";
}
