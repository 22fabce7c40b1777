// What is special about an order that is paid while it is delivered: how far its session may go, and what of it is
// charged. Delivered counts over all sessions of the order, paid or not. Pure, like order.ts.

import { assert } from "../assert.ts";
import type { Breakdown } from "../token/receipt.ts";
import { milliUnits } from "../units.ts";
import { type Order, ratioOf } from "./order.ts";
import { chargedPulses, limitPulses, type SellerStream, unpaidPulses } from "./stream-seller.ts";

type OrderStream = NonNullable<Order["stream"]>;
/** Of the payer's choice, for one session. */
export type StreamTerms = Pick<OrderStream, "step" | "window">;
export type Proved = Pick<OrderStream, "proved" | "link">;

/** Undefined for an order that is paid in another way. */
export function sellerStream(one: Order): SellerStream | undefined {
  if (one.stream === undefined) return undefined;
  const { step, window, proved, link } = one.stream;
  const { units } = one.terms;
  return { order: one.id, units, ratio: ratioOf(one), step, window, proved, link };
}

export function withStream(one: Order, change: Partial<OrderStream>): Order {
  assert(one.stream !== undefined, "the order is paid while it is delivered");
  assert((change.proved ?? 0) >= 0, "units are counted up");
  const stream = { ...one.stream, ...change };
  assert(stream.proved >= one.stream.proved, "I2: what was proved stays proved");
  return { ...one, stream };
}

/** Delivered by ended sessions. */
function deliveredBefore({ pulses, stream }: Order): number {
  return pulses + (stream?.unpaidPulses ?? 0);
}

/** So many pulses of its running session, or of its next one, may be delivered by now; below 1 for none. */
export function sessionLimit(one: Order): number {
  const stream = sellerStream(one);
  return stream === undefined
    ? Number.POSITIVE_INFINITY
    : limitPulses(stream) - deliveredBefore(one);
}

/** Of the pulses that its running session has delivered, those that nobody has paid; 0 where all is paid before. */
export function unprovedPulses(one: Order, pulses: number): number {
  const stream = sellerStream(one);
  return stream === undefined ? 0 : unpaidPulses(stream, deliveredBefore(one) + pulses);
}

/** Whole steps that are delivered: with each of them a proof is due. */
export function stepsDelivered(one: Order, pulses: number): number {
  const milli = milliUnits(deliveredBefore(one) + pulses, ratioOf(one));
  return Math.floor(milli / (1000 * (one.stream?.step ?? 1)));
}

/**
 * So many pulses are to be reserved now beyond the `pulses` of the session that are delivered; undefined while what is
 * reserved reaches far enough. Each reservation costs a commit, so it waits until it brings as much as is left.
 */
export function reservationDue(one: Order, pulses: number, quantum: number): number | undefined {
  const { running } = one;
  if (running === undefined || running.reserved === running.total) return undefined;
  const { recorded, reserved, total } = running;
  if (one.stream === undefined) return pulses - recorded < quantum / 2 ? undefined : quantum;
  const most = Math.min(pulses + quantum, total, sessionLimit(one));
  const left = reserved - pulses;
  const isLast = most === total && left <= quantum / 2;
  return most > reserved && (most - reserved >= left || isLast) ? most - pulses : undefined;
}

export interface StreamedEnd {
  next: Order;
  /** Charged by this session's receipt. */
  charged: number;
  streamed: NonNullable<Breakdown["streamed"]>;
}

/** Ends the running session, which delivered so many pulses within its reservation. */
export function streamEnded(one: Order, pulses: number): StreamedEnd {
  const { running, stream, ...rest } = one;
  const seller = sellerStream(one);
  assert(running !== undefined && stream !== undefined && seller !== undefined, "a stream ends");
  assert(pulses <= running.reserved, "a session is charged for no more than was reserved");
  const delivered = deliveredBefore(one) + pulses;
  const chargedInAll = chargedPulses(seller, delivered);
  const charged = chargedInAll - one.pulses;
  assert(charged >= 0, "I4: what was charged stays charged");
  const caughtUpPulses = Math.min(charged, stream.unpaidPulses);
  const { proved: units, link } = stream;
  const unpaid = delivered - chargedInAll;
  return {
    next: {
      ...rest,
      pulses: chargedInAll,
      sessions: running.session,
      stream: { ...stream, unpaidPulses: unpaid },
    },
    charged,
    streamed: {
      proof: { units, link },
      unpaidPulses: pulses + caughtUpPulses - charged,
      caughtUpPulses,
    },
  };
}
