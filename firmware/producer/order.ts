// An order, from the moment before its money moves until after it is closed: its record, and the only ways it
// may change. Pure: each function takes an order and gives the next one; journal.ts makes it durable.

import type { StopCause } from "../../hal/loop-host.ts";
import { assert } from "../assert.ts";
import type { FaultKind } from "../fault.ts";
import { PAYMENT_WAYS } from "../payment/payments.ts";
import {
  amountMinor,
  CHAIN_UNITS_MAX,
  FURTHER_CREDENTIALS_MAX,
  LINK_BYTES,
  ORDER_STATES,
  orderId,
  pulses,
  SESSIONS_MAX,
  SIGNED_BYTES_MAX,
  STEP_UNITS_MAX,
  WINDOW_UNITS_MAX,
} from "../protocol/messages.ts";
import {
  bytes,
  field,
  flag,
  id,
  list,
  map,
  type Of,
  oneOf,
  optional,
  text,
  uint,
} from "../protocol/schema.ts";
import {
  type Charge,
  chargeOf,
  dueExtras,
  type Extra,
  extrasMinor,
  settlementCharge,
  valueUpTo,
} from "../token/charge.ts";
import { offerTerms, type Priced, tariff } from "../token/offer.ts";
import { EXTRA_NAME_BYTES_MAX, EXTRAS_MAX, stopCause } from "../token/receipt.ts";
import { grantPulses, type Ratio } from "../units.ts";

/** Each leaves a receipt on disk, also one that delivered nothing. */
export const SESSIONS_PER_ORDER_MAX = 100;
const seconds = uint(0xffff_ffff);
/** One for each session that an order may have, and the settlement. */
const RECEIPTS_MAX = 128;

/** Sealed to the payment host, or a token of its making. */
const credential = map({
  nonce: field(1, bytes(24)),
  box: field(2, bytes(1, 128)),
  tokenised: field(3, flag),
});
export type KeptCredential = Of<typeof credential>;

export const orderRecord = map({
  id: field(1, orderId),
  /** The consumer's X25519 key. */
  consumer: field(2, id(32)),
  terms: field(3, offerTerms),
  outlet: field(4, text(32)),
  meter: field(5, text(32)),
  tokenLifeS: field(6, seconds),
  /** The signed offer. */
  offer: field(7, bytes(1, 1024)),
  state: field(8, oneOf(ORDER_STATES)),
  madeS: field(9, seconds),
  /** Gone once the outcome is known. */
  credential: optional(10, credential),
  /** The host's reference, and what it took. */
  reference: optional(11, text(64)),
  takenMinor: field(12, amountMinor),
  /** Why it failed: the name of a fault. */
  why: optional(13, text(32)),
  token: optional(14, bytes(1, 1024)),
  expiresS: optional(15, seconds),
  grantPulses: field(16, pulses),
  /** Delivered and charged over all ended sessions. */
  pulses: field(17, pulses),
  sessions: field(18, uint(SESSIONS_MAX)),
  running: optional(
    19,
    map({
      session: field(1, uint(SESSIONS_MAX)),
      /** Pulses of the whole session, and how many of them are reserved: none is delivered beyond. */
      total: field(2, pulses),
      reserved: field(3, pulses),
      /** Pulses known to be delivered when the reservation was last written. */
      recorded: field(4, pulses),
      startReading: field(5, pulses),
    }),
  ),
  /** Decided when the order starts to close; what is left to do is to move it. */
  settlement: optional(
    20,
    map({
      reason: field(1, text(32)),
      amountMinor: field(2, amountMinor),
      refundMinor: field(3, amountMinor),
      forfeitMinor: field(4, amountMinor),
      owedMinor: field(5, amountMinor),
      /** Of a hold, once it was captured: what was not captured is released. */
      capturedMinor: optional(6, amountMinor),
      /** The reading for which the last session stopped. */
      cause: optional(7, stopCause),
    }),
  ),
  /** Number of the last receipt that the consumer said it keeps. */
  acknowledged: field(21, pulses),
  closedS: optional(22, seconds),
  /** It was paid, or closed, while the clock was not set: what is left of its time is counted from when the clock is. */
  clockUnset: optional(23, flag),
  /** As in the offer. */
  tariff: optional(24, tariff),
  /** Numbers of its receipts, oldest first: the journal keeps them. */
  receipts: optional(25, list(pulses, RECEIPTS_MAX)),
  /** As its service has it; prepaid when absent. */
  way: optional(26, oneOf(PAYMENT_WAYS)),
  flow: optional(27, text(48)),
  /** As the payer chose and signed. */
  method: optional(28, text(24)),
  maximumMinor: optional(29, amountMinor),
  /** Gone with the first credential. */
  further: optional(30, list(credential, FURTHER_CREDENTIALS_MAX)),
  /** What the payer accepted on top of the offer, as taken. */
  extras: optional(
    31,
    list(
      map({ name: field(1, text(EXTRA_NAME_BYTES_MAX)), amountMinor: field(2, amountMinor) }),
      EXTRAS_MAX,
    ),
  ),
  /** At the operator's command, after closing: each by the number of the command; `movedMinor` once that is known. */
  refunds: optional(
    32,
    list(
      map({
        number: field(1, pulses),
        amountMinor: field(2, amountMinor),
        movedMinor: optional(3, amountMinor),
      }),
      16,
    ),
  ),
  /** Paid by a person at the board, whose consumer the device is itself; true, or absent. */
  atBoard: optional(33, flag),
  /** Paid outside, by the operator's word, which stands in the place of the offer: no money moves here. */
  prepaid: optional(
    34,
    map({
      /** As the token says; the order's own time may be moved with the clock. */
      expiresS: field(1, seconds),
      /** For whoever presents it; true, or absent. */
      bearer: optional(2, flag),
    }),
  ),
  /** Paid while it is delivered: the money is held, and what the last proof pays for is captured. */
  stream: optional(
    35,
    map({
      /** As the payer signed it. */
      commitment: field(1, bytes(1, SIGNED_BYTES_MAX)),
      /** Units of which there is proof, and the link that proves them; the chain's root for none. */
      proved: field(2, uint(CHAIN_UNITS_MAX)),
      link: field(3, bytes(LINK_BYTES)),
      /** Of the last session. */
      step: field(4, uint(STEP_UNITS_MAX)),
      window: field(5, uint(WINDOW_UNITS_MAX)),
      /** Delivered by ended sessions, and not proved. */
      unpaidPulses: field(6, pulses),
    }),
  ),
});

export type Order = Readonly<Of<typeof orderRecord>>;

export function ratioOf(order: Order): Ratio {
  return { numerator: order.terms.numerator, denominator: order.terms.denominator };
}

/** What is still to be delivered: what was given without proof is not delivered again. */
export function remainingPulses({ grantPulses: all, pulses: charged, stream }: Order): number {
  return all - charged - (stream?.unpaidPulses ?? 0);
}

function priced({ terms, tariff: ofOffer }: Order): Priced {
  return { ...terms, tariff: ofOffer };
}

/** What a session of so many pulses is charged, that comes next in the order. */
export function sessionCharge(order: Order, delivered: number): Charge {
  return marked(order, chargeOf(priced(order), order.pulses, delivered));
}

/** What all sessions of the order are charged together, with the extras. */
export function wholeCharge(order: Order): Charge {
  return marked(order, settlementCharge(priced(order), order.pulses, order.extras));
}

/** Receipts of a prepaid order say what it is. */
function marked({ prepaid }: Order, charge: Charge): Charge {
  if (prepaid === undefined) return charge;
  const sort = prepaid.bearer === true ? "bearer" : "consumer";
  return { ...charge, breakdown: { lines: [], ...charge.breakdown, prepaid: sort } };
}

/** What the payment host took and keeps, but for what it gave back. */
export function capturedMinor({ settlement, takenMinor }: Order): number {
  return settlement?.capturedMinor ?? takenMinor;
}

export function newOrder(
  made: Omit<
    Order,
    "state" | "takenMinor" | "grantPulses" | "pulses" | "sessions" | "acknowledged"
  >,
): Order {
  const { numerator, denominator, units } = made.terms;
  return {
    ...made,
    state: "taking",
    takenMinor: 0,
    grantPulses: grantPulses(units, { numerator, denominator }),
    pulses: 0,
    sessions: 0,
    acknowledged: 0,
  };
}

/** Paid from its first moment, by a token that the operator signed. It is first written when it begins. */
export function prepaidOrder(
  made: Omit<Parameters<typeof newOrder>[0], "reference"> & Required<Pick<Order, "prepaid">>,
): Order {
  assert(made.terms.totalMinor === 0, "I1: of a prepaid order no money is held here");
  return { ...newOrder({ ...made, reference: "prepaid" }), state: "paid" };
}

/** The rest of a bearer token, in the hands of whoever presents it next. */
export function handedOver(order: Order, consumer: string, atBoard: boolean): Order {
  assert(order.prepaid?.bearer === true, "only what a bearer has changes hands");
  assert(order.running === undefined, "it is with whoever began it until that has ended");
  const { atBoard: _, ...rest } = order;
  return atBoard ? { ...rest, consumer, atBoard } : { ...rest, consumer };
}

function withoutCredential(order: Order): Order {
  const { credential: _, further: __, ...rest } = order;
  return rest;
}

/** When an order was closed, and whether the clock that said so was not set. */
export type ClosedAt = Pick<Order, "closedS" | "clockUnset">;

export interface Taken {
  reference: string;
  takenMinor: number;
  extras?: readonly Extra[];
  token: Uint8Array;
  expiresS: number;
  clockUnset: boolean;
}

export function paid(order: Order, taken: Taken): Order {
  assert(order.state === "taking", "only an order whose money is being taken becomes paid");
  const { clockUnset, extras = [], ...rest } = taken;
  const { totalMinor } = order.terms;
  const extra = extrasMinor(extras);
  assert(taken.takenMinor <= totalMinor + extra, "I2: no more is taken than offered and accepted");
  assert(
    totalMinor + extra <= (order.maximumMinor ?? totalMinor),
    "I4: extras stay below the maximum that the payer signed",
  );
  const plain: Order = { ...withoutCredential(order), state: "paid", ...rest };
  const next = extras.length === 0 ? plain : { ...plain, extras: [...extras] };
  return clockUnset ? { ...next, clockUnset } : next;
}

/** The clock is set now: the order lives as long from here as it was sold with, and is kept as long once it is closed. */
export function dated(order: Order, nowS: number): Order {
  const { clockUnset: _, ...rest } = order;
  if (rest.closedS !== undefined) return { ...rest, closedS: nowS };
  return rest.state === "paid" ? { ...rest, expiresS: nowS + order.tokenLifeS } : rest;
}

/** The clock was moved by so much: the order keeps the time that it had left. */
export function redated(order: Order, byS: number): Order {
  const moved = (timeS: number): number => Math.min(Math.max(0, timeS + byS), 0xffff_ffff);
  const { expiresS, closedS } = order;
  return {
    ...order,
    ...(expiresS !== undefined && { expiresS: moved(expiresS) }),
    ...(closedS !== undefined && { closedS: moved(closedS) }),
  };
}

export function failed(order: Order, why: FaultKind, at: ClosedAt): Order {
  assert(order.state === "taking", "only an order whose money is being taken can fail");
  return { ...withoutCredential(order), state: "failed", why, ...at };
}

export function begun(order: Order, total: number, quantum: number, startReading: number): Order {
  assert(order.state === "paid" && order.running === undefined, "a paid, idle order begins");
  assert(total > 0 && total <= remainingPulses(order), "I3: a session is part of what remains");
  const reserved = Math.min(quantum, total);
  const session = order.sessions + 1;
  return { ...order, running: { session, total, reserved, recorded: 0, startReading } };
}

/** Reserves the next quantum beyond what is known to be delivered. */
export function extended(order: Order, delivered: number, quantum: number): Order {
  const { running } = order;
  assert(running !== undefined, "a running session is extended");
  assert(delivered <= running.reserved, "I8: nothing is delivered beyond the reservation");
  const reserved = Math.max(running.reserved, Math.min(delivered + quantum, running.total));
  return { ...order, running: { ...running, recorded: delivered, reserved } };
}

export function sessionEnded(order: Order, delivered: number): Order {
  const { running, ...rest } = order;
  assert(running !== undefined, "a running session ends");
  assert(delivered <= running.reserved, "a session is charged for no more than was reserved");
  return { ...rest, pulses: order.pulses + delivered, sessions: running.session };
}

/** Decides what becomes of the rest of the money. */
export function closing(order: Order, reason: string, forfeit: boolean, cause?: StopCause): Order {
  assert(order.state === "paid" && order.running === undefined, "a paid, idle order closes");
  const extra = extrasMinor(dueExtras(order.pulses, order.extras));
  const value = valueUpTo(priced(order), order.pulses) + extra;
  const rest = order.takenMinor - value;
  assert(rest >= 0, "I4: nothing is charged beyond what was taken");
  const settlement = {
    reason,
    amountMinor: value,
    refundMinor: forfeit ? 0 : rest,
    forfeitMinor: forfeit ? rest : 0,
    owedMinor: 0,
    ...(cause !== undefined && { cause }),
  };
  return { ...order, state: "closing", settlement };
}

/** Its time is up. What we could not let it begin any more is not forfeited. */
export function expired(order: Order): Order {
  // Of a stream no more is captured than was proved.
  const isForfeit = order.terms.undelivered === "credit-forfeit" && order.stream === undefined;
  return closing(order, "expired", isForfeit && order.sessions < SESSIONS_PER_ORDER_MAX);
}

/** What was moved at the end: `capturedMinor` of what was held, or `owedMinor` that could not be given back. */
export type Moved = { owedMinor: number } | { capturedMinor: number };

export function closed(order: Order, moved: Moved, at: ClosedAt): Order {
  const { settlement } = order;
  assert(order.state === "closing" && settlement !== undefined, "a closing order closes");
  if ("owedMinor" in moved) {
    const { owedMinor } = moved;
    const refundMinor = settlement.refundMinor - owedMinor;
    return {
      ...order,
      state: "closed",
      settlement: { ...settlement, refundMinor, owedMinor },
      ...at,
    };
  }
  // What was only held is released: nothing has to come back. What is not to be had any more is the seller's loss.
  const { capturedMinor: got } = moved;
  const due = settlement.amountMinor + settlement.forfeitMinor;
  assert(got <= order.takenMinor, "I2: no more is captured than was held");
  const forfeitMinor = got < due ? 0 : settlement.forfeitMinor;
  // Some of it was paid at once, by a service that refuses to give back the rest.
  const owedMinor = Math.max(0, got - due);
  const final = { ...settlement, refundMinor: 0, forfeitMinor, owedMinor, capturedMinor: got };
  return { ...order, state: "closed", settlement: final, ...at };
}

export function acknowledgedUpTo(order: Order, receipt: number): Order {
  return { ...order, acknowledged: Math.max(order.acknowledged, receipt) };
}
