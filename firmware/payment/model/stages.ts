// The twelve stages of a flow: the places at which services take part.

/** Numbers on the wire: only ever added to. */
export const STAGES = {
  PRE_FLOW: 1,
  SPLIT: 2,
  PRE_TRANSACTION: 3,
  PAYMENT_CARD_READING: 4,
  POST_CARD_READING: 5,
  FULFILLED_CHECK: 6,
  TRANSACTION_PROCESSING: 7,
  POST_TRANSACTION: 8,
  POST_FLOW: 9,
  GENERIC: 10,
  POST_GENERIC: 11,
  STATUS_UPDATE: 12,
} as const;
export type Stage = keyof typeof STAGES;
