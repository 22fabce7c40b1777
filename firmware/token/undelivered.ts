// The term of an offer that says what becomes of units that were paid and not delivered. A file of its own, because a
// device file names it too, and is checked before outputs are safe: what signs and encodes is not loaded for it.

import { named, oneOf } from "../protocol/schema.ts";

/** Each with its number on the wire. */
export const UNDELIVERED = {
  refund: 1, // refunded when the consumer or a fault ends delivery, and at the latest at expiry
  "credit-refund": 2, // kept as credit until expiry, then refunded
  "credit-forfeit": 3, // kept as credit until expiry, then forfeited
} as const;
export type Undelivered = keyof typeof UNDELIVERED;

export const undelivered = named("undelivered", oneOf(UNDELIVERED));
