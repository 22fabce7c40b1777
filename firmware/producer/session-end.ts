// The end of a session: what of it is charged, what its receipt says, and whether the order closes with it. Pure.

import type { RunOn, StopCause, StopReason } from "../../hal/loop-host.ts";
import { assert } from "../assert.ts";
import { withDetails } from "../token/charge.ts";
import type { Breakdown } from "../token/receipt.ts";
import { milliUnits } from "../units.ts";
import type { ReceiptDraft } from "./journal.ts";
import * as order from "./order.ts";
import { streamEnded } from "./order-stream.ts";

type Order = order.Order;

export interface SessionFacts {
  startReading: number;
  endReading: number;
  /** Within the grant, and beyond it. */
  pulses: number;
  runOnPulses: number;
  reason: StopReason;
  cause?: StopCause;
  runOn?: RunOn;
}

/** How a session ended, for whoever is told of it. */
export interface SessionEnd {
  session: number;
  /** Charged. */
  pulses: number;
  reason: StopReason;
  cause?: StopCause;
}

/** Stops after which what remains of an order is still good, whatever the service does with undelivered units. */
const STAYS_GOOD: ReadonlySet<StopReason> = new Set([
  "exhausted",
  "power-loss",
  "restart",
  "update",
  "fault",
  "consumer-lost",
  // Who lost his connection may come back and go on.
  "proof-late",
]);

/** The order without its session, perhaps closing, and the receipt; `offer` is the digest of its signed offer. */
export function sessionEnd(
  one: Order,
  facts: SessionFacts,
  offer: Uint8Array,
): { next: Order; draft: ReceiptDraft; end: SessionEnd } {
  const { running } = one;
  assert(running !== undefined, "a running session ends");
  const { reason, startReading, endReading } = facts;
  // What the loop delivered beyond the reservation is given, not charged (I8).
  const within = Math.min(facts.pulses, running.reserved);
  const { next, charged, streamed } =
    one.stream === undefined ? plainEnded(one, within) : streamEnded(one, within);
  const left = order.remainingPulses(next);
  // A cut that was advanced for what runs on may end a pulse early: that is given back (I6). Of a prepaid order nothing
  // can be given back: where more is missing it stays good.
  const isWhole = one.prepaid === undefined || left <= 1;
  const isLast = reason === "exhausted" && running.total === order.remainingPulses(one);
  const exhausted = (isLast && isWhole) || left === 0;
  const refunds = one.terms.undelivered === "refund" && !STAYS_GOOD.has(reason);
  const isClosing = exhausted || refunds;
  const cause = facts.cause ?? (reason === "proof-late" ? provedCause(streamed) : undefined);
  const details = { ...(streamed && { streamed }), ...(cause && { cause }) };
  const { unpaidPulses = 0 } = streamed ?? {};
  return {
    next: isClosing ? order.closing(next, reason, false, cause) : next,
    draft: {
      is: "session",
      order: one.id,
      offer,
      payment: one.reference ?? "",
      session: running.session,
      startReading,
      endReading,
      pulses: charged,
      runOnPulses: facts.runOnPulses + facts.pulses - within + unpaidPulses,
      milliUnits: milliUnits(charged, order.ratioOf(one)),
      ...withDetails(order.sessionCharge(one, charged), details),
      reason,
    },
    end: { session: running.session, pulses: charged, reason, ...(cause && { cause }) },
  };
}

/** No further proof came in time: up to where there was one. */
function provedCause(streamed: Breakdown["streamed"]): StopCause {
  return { of: "session", value: streamed?.proof.units ?? 0, unit: "units" };
}

function plainEnded(
  one: Order,
  pulses: number,
): { next: Order; charged: number; streamed?: undefined } {
  return { next: order.sessionEnded(one, pulses), charged: pulses };
}

/** What is known of a session that nobody watched to its end. */
export interface Unwatched {
  /** The meter's register now, where it kept counting. */
  kept: number | undefined;
  /** Pulses that were seen to be delivered. */
  seen: number;
  /** Who bears what nobody knows. */
  loss: "seller" | "payer";
}

/** By the meter's own register where it kept counting, else by policy. */
export function unwatchedFacts(
  one: Order,
  { kept, seen, loss }: Unwatched,
  reason: StopReason,
): SessionFacts {
  const { running } = one;
  assert(running !== undefined, "a running session ends");
  const { startReading, reserved } = running;
  const assumed = loss === "seller" ? seen : reserved;
  const counted = kept === undefined ? assumed : kept - startReading;
  // A register that says less than we saw, or went backwards, was replaced: then policy decides.
  const all = counted >= seen ? counted : assumed;
  const pulses = Math.min(all, reserved);
  return {
    pulses,
    runOnPulses: all - pulses,
    startReading,
    endReading: startReading + all,
    reason,
  };
}
