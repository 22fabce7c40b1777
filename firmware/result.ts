// Expected trouble is a value: either what was asked for, or a Fault that says what went wrong and where.

import type { FaultKind } from "./fault.ts";

export interface Fault {
  kind: FaultKind;
  /** What was wrong and what to do next, for people. Never parsed. */
  message: string;
  /** Path of the offending field, such as "offer.units", when there is one. */
  at?: string;
  /** With `units-out-of-range`: the nearest that can be supplied, and what it would cost. */
  supply?: Supply;
  /** With `session-unknown`: the number of the order's next session. */
  session?: number;
}

export interface Supply {
  units: number;
  totalMinor: number;
  /** ISO 4217. */
  currency: string;
}

export type Result<T> = { ok: true; value: T } | { ok: false; fault: Fault };

export function ok<T>(value: T): { ok: true; value: T } {
  return { ok: true, value };
}

export function fail(kind: FaultKind, message: string, at?: string): { ok: false; fault: Fault } {
  return { ok: false, fault: at === undefined ? { kind, message } : { kind, message, at } };
}
