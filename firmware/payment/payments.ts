// The seam between orders and money. A sale never calls a payment host: it calls these four, each of which may
// take minutes, may be called again for the same order after a restart, and then moves no more money than once.
// fixed-flow.ts implements them as one fixed flow.

import type { HostCredential } from "../../hal/payment-host.ts";
import type { FaultKind } from "../fault.ts";

/** What a payment needs to know of an order. */
export interface PaymentOrder {
  /** 16 hexadecimal digits. */
  id: string;
  currency: string;
  /** What the offer says: nothing above it is ever taken. */
  totalMinor: number;
  /** The signed offer, and its short digest to which the credential is bound. */
  offer: Uint8Array;
  offerDigest: Uint8Array;
  /** As the payer sent it, sealed to the host; only until the money is taken. */
  credential?: HostCredential;
  /** The host's reference, once taken. */
  reference?: string;
}

export type TakeOutcome =
  | { kind: "taken"; reference: string; amountMinor: number }
  /** The host said no; nothing moved. */
  | { kind: "refused"; why: FaultKind }
  /** Nobody could say in time what became of it, so it was undone; nothing is held. */
  | { kind: "lost" };

export type SettleOutcome =
  | { kind: "done"; amountMinor: number }
  /** The host refuses to move it: the amount is owed to the payer, and the settlement receipt says so. */
  | { kind: "owed"; amountMinor: number };

export interface Payments {
  /** Secures the order's money, at most `atMostMinor`. */
  take(order: PaymentOrder, atMostMinor: number): Promise<TakeOutcome>;
  /** After a restart: what became of a take whose outcome was not recorded. */
  findOut(order: PaymentOrder): Promise<TakeOutcome>;
  /** Makes the value of what was delivered final; `evidence` is kept with it unread. */
  complete(order: PaymentOrder, amountMinor: number, evidence: Uint8Array): Promise<SettleOutcome>;
  /** Gives money back to the payer. */
  giveBack(order: PaymentOrder, amountMinor: number): Promise<SettleOutcome>;
}
