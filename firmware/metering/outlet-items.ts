// A machine that does one item at each start signal, as part of the pure outlet step. An item that was started
// comes out whatever we do, so one is under way at a time, and it is waited for.

import type { StopReason } from "../../hal/loop-host.ts";
import { assert } from "../assert.ts";
import { type Draft, enter, hold, setSwitch, stop } from "./outlet-draft.ts";
import type { Phase, Session } from "./outlet-state.ts";

/** Never more than were granted: one is under way at a time, and the next only starts where grant is left. */
export function startItem(draft: Draft, session: Session): void {
  assert(session.delivered < session.granted, "I8: an item is started only if it is granted");
  assert(draft.state.itemSinceMs === undefined, "I8: one item is under way at a time");
  setSwitch(draft, true);
  draft.state = { ...draft.state, itemSinceMs: draft.nowMs };
  enter(draft, { is: "working", session, ending: undefined });
}

export function awaitItem(draft: Draft, phase: Phase & { is: "working" }): void {
  const { session, ending } = phase;
  const { itemSinceMs, rules } = draft.state;
  if (itemSinceMs !== undefined) {
    const limitMs = rules.item?.timeoutMs ?? 0;
    if (draft.nowMs - itemSinceMs >= limitMs) stop(draft, session, "time-limit");
    else enter(draft, phase);
  } else if (ending !== undefined) {
    stop(draft, session, ending, phase.cause);
  } else if (session.delivered >= session.granted) {
    hold(draft, session);
  } else {
    setSwitch(draft, false);
    enter(draft, { is: "pausing", session, sinceMs: draft.nowMs });
  }
}

export function pause(draft: Draft, { session, sinceMs }: Phase & { is: "pausing" }): void {
  const pauseMs = draft.state.rules.item?.pauseMs ?? 0;
  if (draft.nowMs - sinceMs >= pauseMs) startItem(draft, session);
}

/** An interlock lets no further item begin; the one that is under way it cannot stop. */
export function waitsForItem(ending: StopReason): boolean {
  return ending === "interlock" || ending === "sensor-stale";
}

/** Whoever says these cannot wait for an item that is under way. */
const AT_ONCE: readonly StopReason[] = ["restart", "update"];

/** An item that was started comes out whatever we do: it is waited for, and counted when it is done. */
export function stopWhenDone(
  draft: Draft,
  phase: Phase,
  session: Session,
  reason: StopReason,
): void {
  if (phase.is !== "working") {
    stop(draft, session, reason);
    return;
  }
  const ending = phase.ending ?? reason;
  if (AT_ONCE.includes(reason)) stop(draft, session, ending, phase.cause);
  else enter(draft, { ...phase, ending });
}
