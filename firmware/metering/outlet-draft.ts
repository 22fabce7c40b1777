// One step of an outlet in the making: the state so far and the effects so far, and the moves that every sort of
// outlet makes.

import type { StopCause, StopReason } from "../../hal/loop-host.ts";
import { assert } from "../assert.ts";
import { partFlowed } from "./outlet-flow.ts";
import { progressReport } from "./outlet-report.ts";
import type { LoopEffect, OutletState, Phase, Session } from "./outlet-state.ts";
import { stopCause } from "./stop-causes.ts";

export interface Draft {
  state: OutletState;
  readonly nowMs: number;
  readonly effects: LoopEffect[];
}

export function enter(draft: Draft, phase: Phase): void {
  draft.state = { ...draft.state, phase };
}

export function setSwitch(draft: Draft, closed: boolean): void {
  assert(!closed || draft.state.interlocks.raised.length === 0, "I7: no interlock is raised");
  draft.effects.push({ do: "switch", closed });
  if (!closed) {
    const leak = { pulses: 0, sinceMs: draft.nowMs };
    // Opening ends the slow stage.
    const told = { openSinceMs: draft.nowMs, leak, slow: false, slowSinceMs: draft.nowMs };
    draft.state = { ...draft.state, ...told, cutAtMs: undefined };
  }
}

/** Where the switch has two stages, the last pulses of the session flow slowly. Told before the switch is closed. */
export function setStage(draft: Draft, session: Session): void {
  const { slowPulses } = draft.state.rules;
  if (slowPulses === undefined) return;
  const slow = session.total - session.delivered <= slowPulses;
  if (slow === draft.state.slow) return;
  draft.effects.push({ do: "slow", slow });
  draft.state = { ...draft.state, slow, slowSinceMs: draft.nowMs };
}

export function hold(draft: Draft, session: Session): void {
  setSwitch(draft, false);
  draft.state = { ...draft.state, flow: undefined };
  enter(draft, { is: "held", session, sinceMs: draft.nowMs });
  report(draft, session);
}

/** `known`: the reading that led to it, where it was taken earlier than now. */
export function stop(draft: Draft, session: Session, reason: StopReason, known?: StopCause): void {
  const { nowMs } = draft;
  const cause = known ?? stopCause(draft.state, session, reason, nowMs);
  const part = partFlowed(draft.state, nowMs);
  setSwitch(draft, false);
  const at = { sinceMs: nowMs, stillSinceMs: nowMs, deliveredAtStop: session.delivered, part };
  enter(draft, { is: "settling", session, reason, cause, ...at });
}

export function report(draft: Draft, session: Session): void {
  const { phase } = draft.state;
  if (phase.is === "idle") return;
  const reported = {
    ...session,
    reportedAtMs: draft.nowMs,
    reportedPulses: Math.min(session.delivered, session.granted),
  };
  enter(draft, { ...phase, session: reported });
  draft.effects.push({ do: "report", report: progressReport(draft.state, reported, draft.nowMs) });
}
