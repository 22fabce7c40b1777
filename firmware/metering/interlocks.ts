// Interlocks of an outlet as part of the pure outlet step: which are raised, and why therefore nothing may flow.
// A raised one stops what runs and lets nothing begin; the outlet may deliver again when all have been clear for
// a moment. That holds for the emergency stop too: it stays in force for as long as its contact is open, and a
// contact that is to be released by hand has to be of the latching kind.

import type { InterlockSort } from "../../hal/board.ts";
import type { StopCause, StopReason } from "../../hal/loop-host.ts";
import { causeOf } from "./stop-causes.ts";

/** `stale`: the sensor that it goes by is lost or has said nothing for too long, which raises it as well. */
export type InterlockReading = "clear" | "raised" | "stale";

export interface InterlockRules {
  id: string;
  sort: InterlockSort;
}

export interface StandingFault {
  reason: StopReason;
  /** Last seen. */
  atMs: number;
  /** The reading that says so. */
  cause?: StopCause | undefined;
}

export interface InterlockState {
  /** Ids of those that are raised now, in the order of the board. */
  raised: readonly string[];
  /** Why nothing may flow: stands while one is raised and CLEAR_MS longer. */
  block: StandingFault | undefined;
}

/** Why, and by which reading. */
type Raised = Pick<StandingFault, "reason" | "cause">;

/** A contact that chatters must not make a switch chatter. */
const CLEAR_MS = 1_000;

export const NO_INTERLOCKS: InterlockState = { raised: [], block: undefined };

/** `causes`: what those read that go by a sensor and are not clear; the others are contacts. */
export function judgeInterlocks(
  before: InterlockState,
  rules: readonly InterlockRules[],
  readings: readonly InterlockReading[],
  nowMs: number,
  causes: readonly (StopCause | undefined)[] = [],
): InterlockState {
  if (rules.length === 0) return before;
  const raised: string[] = [];
  let found: Raised | undefined;
  for (const [i, { id, sort }] of rules.entries()) {
    const reading = readings[i] ?? "stale";
    if (reading === "clear") continue;
    raised.push(id);
    const cause = causes[i] ?? causeOf(id, 1, "state");
    found = graver(found, { reason: reasonOf(sort, reading), cause });
  }
  if (found !== undefined) return { raised, block: { ...found, atMs: nowMs } };
  const { block } = before;
  const isOver = block === undefined || nowMs - block.atMs >= CLEAR_MS;
  return { raised, block: isOver ? undefined : block };
}

function reasonOf(sort: InterlockSort, reading: InterlockReading): StopReason {
  if (reading === "stale") return "sensor-stale";
  return sort === "emergency-stop" ? "emergency-stop" : "interlock";
}

/**
 * Of several at once the receipt names one: a person's hand before a contact, a contact before a blind sensor, and of
 * two alike the first.
 */
function graver(one: Raised | undefined, other: Raised): Raised {
  if (one === undefined || one.reason === other.reason) return one ?? other;
  return one.reason === "emergency-stop" || other.reason === "sensor-stale" ? one : other;
}
