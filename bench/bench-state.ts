// What a bench tells of itself: a picture of every board at one moment, and what happened, in order. Plain JSON, for a page,
// a timeline or a test.

import type { StopCause, StopReason } from "../hal/loop-host.ts";

/** All times are milliseconds of the world since it began; `wallMs` is what its clocks show. */
export interface BenchState {
  nowMs: number;
  wallMs: number;
  boards: readonly BoardState[];
}

export interface BoardState {
  /** As the bench calls it: its name in a scenario. */
  id: string;
  /** Name of the board in boards/registry.ts, and as people see the device. */
  board: string;
  name: string;
  /** The device's name on the wire, and its public keys in hexadecimal digits. */
  device: string;
  signKey: string;
  operatorKey: string;
  /** Whether it has power and runs, whether it can sell, and why not. */
  powered: boolean;
  ready: boolean;
  reasons: readonly string[];
  /** Bugs of ours that were met at this board since the world began, in words; it may go on wrongly. */
  bugs: readonly string[];
  /** Its network is there. */
  connected: boolean;
  outlets: readonly OutletState[];
  sensors: readonly { id: string; unit: string; value?: number }[];
  buttons: readonly string[];
  readers: readonly { id: string; kind: "tap" | "insert"; holds: readonly string[] }[];
  /** Cards in the hands of those who stand there, and how each may be presented. */
  cards: readonly { name: string; what: string; ways: readonly ("tap" | "insert")[] }[];
  terminal?: { screen: readonly string[]; cards: readonly string[] };
  display?: readonly string[];
  serial: readonly { id: string; plugged: boolean }[];
  /** What may be broken, at which targets, and at which it is. */
  faults: readonly {
    id: string;
    what: string;
    targets: readonly string[];
    on: readonly string[];
  }[];
  services: readonly {
    id: number;
    name: string;
    outlet: string;
    unit: string;
    streamed: boolean;
    prices: readonly { id: number; name: string; amountMinor: number; currency: string }[];
  }[];
  /** Newest first, at most 20. */
  orders: readonly OrderState[];
  /** What the payment host has, over all orders. */
  money: readonly {
    currency: string;
    heldMinor: number;
    capturedMinor: number;
    refundedMinor: number;
  }[];
}

export interface OutletState {
  id: string;
  unit: string;
  /** What the coil is told, what the contact is. */
  coil: boolean;
  contact: boolean;
  /** Pulses that really flowed since the world began, and of the running session: delivered, granted. */
  flowed: number;
  pulsesPerUnit: number;
  session?: { order: string; delivered: number; granted: number };
  interlocks: readonly { id: string; raised: boolean }[];
}

export interface OrderState {
  order: string;
  state: string;
  service: number;
  units: number;
  totalMinor: number;
  currency: string;
  deliveredPulses: number;
  paidPulses: number;
  /** Signed receipts so far. */
  receipts: number;
}

export type BenchEvent = { atMs: number; seq: number; board: string } & (
  | { is: "power"; on: boolean }
  /** What was done by hand, as it was asked; never a frame. */
  | { is: "hand"; action: Readonly<Record<string, unknown>> }
  | { is: "metal"; outlet: string; coil: boolean; contact: boolean }
  | {
      is: "session";
      outlet: string;
      order: string;
      what: "begin" | "end";
      pulses: number;
      /** At the end: why, and the reading for which. */
      reason?: StopReason;
      cause?: StopCause;
    }
  /** The first of a session that the device heard of. */
  | { is: "first-pulse"; outlet: string; order: string; pulses: number }
  /** A stage of a payment: which service answered what, and what it changed, as words. */
  | {
      is: "stage";
      flow: string;
      stage: string;
      service: string;
      outcome: string;
      changes: readonly { what: string; from?: string; to?: string }[];
    }
  | { is: "order"; order: OrderState }
  | { is: "receipt"; order: string; signed: string; words: readonly string[] }
  | { is: "display"; lines: readonly string[] }
  | { is: "paper"; lines: readonly string[] }
  | { is: "log"; level: string; event: string; fields: Readonly<Record<string, unknown>> }
  /** On the wire; `kind`, `opened` and `diagnostic` are what a reader with all keys sees. Bytes in hexadecimal digits. */
  | {
      is: "frame";
      from: string;
      topic: string;
      retain: boolean;
      payload: string;
      kind: string;
      opened?: string;
      diagnostic: string;
    }
);
