// The seam between orders and money. A sale never calls a payment host: it calls these four, each of which may
// take minutes, may be called again for the same order after a restart, and then moves no more money than once.
// order/flow-payments.ts implements them as flows.

import type { HostCredential } from "../../hal/payment-host.ts";
import type { FaultKind } from "../fault.ts";
import type { FlowEvent } from "./model/flow-event.ts";

/**
 * How a service is paid: in full before delivery; held before and captured after, by what was delivered; or from an
 * account that the device's operator keeps.
 */
export const PAYMENT_WAYS = { prepaid: 1, hold: 2, "stored-value": 3 } as const;
export type PaymentWay = keyof typeof PAYMENT_WAYS;

/** A line of the offer: becomes an item of the flow's basket. */
export interface PaymentLine {
  label: string;
  /** "units", or a fee. */
  isUnits: boolean;
  amountMinor: number;
}

/** An additional amount that the payer accepted: a tip, a round-up. */
export interface PaymentExtra {
  name: string;
  amountMinor: number;
}

/** What a payment needs to know of an order. */
export interface PaymentOrder {
  /** 16 hexadecimal digits. */
  id: string;
  currency: string;
  /** What the offer says: nothing above it is ever taken. */
  totalMinor: number;
  /**
   * The signed offer, and its short digest, to which the credential is bound: that of the payer's commitment where he
   * pays while he is served.
   */
  offer: Uint8Array;
  offerDigest: Uint8Array;
  /** As the payer sent it, sealed to the host; only until the money is taken. */
  credential?: HostCredential;
  /** Others, tried in turn when the one before it does not cover all. */
  furtherCredentials?: readonly HostCredential[];
  /** The payer stands at the board: his card is read there, and no credential comes with the order. */
  atBoard?: boolean;
  /** The host's reference, once taken. */
  reference?: string;
  /** The most that the payer signed; the offer's total where he signed no more. Extras stay below it. */
  maximumMinor?: number;
  way?: PaymentWay;
  /** Name of the flow, where the service names one. */
  flow?: string;
  /** The payment method that the payer chose. */
  method?: string;
  /** Of the payer, as a customer id: a thumbprint. */
  payer?: string;
  service?: {
    id: number;
    name: string;
    price: number;
    units: number;
    unit: string;
    priceMinor: number;
  };
  lines?: readonly PaymentLine[];
  /** As taken. */
  extras?: readonly PaymentExtra[];
}

export type TakeOutcome =
  /** The amount holds the offer's total and the extras. Held money is captured by `complete`. */
  | {
      kind: "taken";
      reference: string;
      amountMinor: number;
      extras?: readonly PaymentExtra[];
      held?: true;
    }
  /** The host said no; nothing moved. */
  | { kind: "refused"; why: FaultKind }
  /** Nobody could say in time what became of it, so it was undone; nothing is held. */
  | { kind: "lost" };

export type SettleOutcome =
  /**
   * So much was moved. Of what was held: less than was asked for where it is not to be had any more, more where a
   * service that was paid at once refuses to give back the rest.
   */
  | { kind: "done"; amountMinor: number }
  /** The host refuses to move it: the amount is owed to the payer, and the settlement receipt says so. */
  | { kind: "owed"; amountMinor: number };

/** One more refund of an order: each has a key of its own, by which it moves no more money than once. */
export interface LaterRefund {
  number: number;
  /** What was captured of the order. */
  capturedMinor: number;
  /** What was given back before, in this order. */
  before: readonly number[];
}

export interface Payments {
  /** Secures the order's money, at most `atMostMinor`; who takes part may talk to the payer meanwhile. */
  take(
    order: PaymentOrder,
    atMostMinor: number,
    tell?: (event: FlowEvent) => void,
  ): Promise<TakeOutcome>;
  /** The payer's answer to a question that `tell` brought. False: nobody waits for it. */
  confirm(order: string, confirmation: string, values: readonly string[]): boolean;
  /**
   * The payer wants no more: a card that is waited for is waited for no longer, and what was taken goes back. The
   * take under way ends as `refused` or, where the host is deciding, when it has. False: nothing is under way.
   */
  cancel(order: string): boolean;
  /** After a restart: what became of a take whose outcome was not recorded. */
  findOut(order: PaymentOrder): Promise<TakeOutcome>;
  /** Makes the value of what was delivered final; `evidence` is kept with it unread. */
  complete(order: PaymentOrder, amountMinor: number, evidence: Uint8Array): Promise<SettleOutcome>;
  /** Gives money back to the payer; `later` where the order was settled before. */
  giveBack(order: PaymentOrder, amountMinor: number, later?: LaterRefund): Promise<SettleOutcome>;
  /** The order is gone from disk: nothing of it is asked for any more. */
  forget(order: string): Promise<void>;
}
