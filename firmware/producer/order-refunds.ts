// Money that an order gives back after its closing, at the operator's command: written down before it moves, and what
// moved after. Pure, like order.ts.

import { assert } from "../assert.ts";
import { capturedMinor, closing, type Order } from "./order.ts";

export const REFUNDS_MAX = 16;

type Refund = NonNullable<Order["refunds"]>[number];

/** The one that is being moved. */
export function openRefund({ refunds = [] }: Order): Refund | undefined {
  return refunds.find(({ movedMinor }) => movedMinor === undefined);
}

/** What went back after the closing. */
export function refundedLaterMinor({ refunds = [] }: Order): number {
  return refunds.reduce((sum, { movedMinor = 0 }) => sum + movedMinor, 0);
}

/** Captured, and neither given back nor about to be. */
export function refundableMinor(order: Order): number {
  const { settlement, refunds = [] } = order;
  const asked = refunds.reduce((sum, { amountMinor, movedMinor }) => {
    return sum + (movedMinor ?? amountMinor);
  }, 0);
  return Math.max(0, capturedMinor(order) - (settlement?.refundMinor ?? 0) - asked);
}

export function refunding(order: Order, number: number, amountMinor: number): Order {
  const { refunds = [] } = order;
  assert(
    order.state === "closed" && openRefund(order) === undefined,
    "a closed, idle order refunds",
  );
  assert(refunds.length < REFUNDS_MAX, "an order keeps so many refunds");
  assert(amountMinor > 0 && amountMinor <= refundableMinor(order), "I2: no more than was captured");
  return { ...order, refunds: [...refunds, { number, amountMinor }] };
}

/** Ends a paid, idle order, and gives back what was delivered of it too. */
export function reversing(order: Order, number: number): Order {
  const next = closing(order, "operator-stop", false);
  const { amountMinor = 0 } = next.settlement ?? {};
  return amountMinor === 0 ? next : { ...next, refunds: [{ number, amountMinor }] };
}

/** What the open refund may still move: of a hold less may have been captured than was due. */
export function dueRefundMinor(order: Order): number {
  const gone = (order.settlement?.refundMinor ?? 0) + refundedLaterMinor(order);
  return Math.min(openRefund(order)?.amountMinor ?? 0, Math.max(0, capturedMinor(order) - gone));
}

export function refunded(order: Order, movedMinor: number): Order {
  const open = openRefund(order);
  assert(
    open !== undefined && movedMinor <= open.amountMinor,
    "I2: no more moves than was asked for",
  );
  const { refunds = [] } = order;
  return { ...order, refunds: refunds.map((one) => (one === open ? { ...one, movedMinor } : one)) };
}

/** What went back before the open refund, in its order: who paid it gets the rest of his own share. */
export function refundedBefore({ settlement, refunds = [] }: Order): readonly number[] {
  const later = refunds.flatMap(({ movedMinor }) => movedMinor ?? []);
  return [settlement?.refundMinor ?? 0, ...later];
}
