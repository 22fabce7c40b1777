// The flow at the end of a session as part of the pure outlet step: how fast its last pulses come, when the switch is
// told to open so that what runs on ends where it should, and what the stop then teaches about that.

import type { StopReason } from "../../hal/loop-host.ts";
import { type Flow, meterOf, type OutletState, type Phase, type Session } from "./outlet-state.ts";
import { cutAfterMs, cutPulsesMax, isFarBelow, learnRunOn } from "./run-on.ts";

/** So many pulses say how fast it flows. */
const FLOW_PULSES = 8;
/** A pulse that comes so much sooner or later than the last ones is another flow. */
const OTHER_FLOW = 1.5;
/** What the latest pulse weighs within one flow. */
const WEIGHT = 1 / 4;
/** A pulse that is this much overdue, in intervals, says that it does not flow as before. */
const OVERDUE = 1.25;

/** The pulses of a session from which on each is looked at for itself; Infinity where no cut is ever advanced. */
export function watchesFrom({ rules, runOn }: OutletState, session: Session): number {
  const meter = rules.meters.find(({ id }) => id === session.meter);
  const max = meter?.pulsesPerSecondMax;
  // A polled meter says when it was asked, and not when the pulse came.
  if (meter === undefined || max === undefined || meter.poll !== undefined) return Infinity;
  if (rules.item !== undefined || session.granted < session.total) return Infinity;
  const pulses = Math.max(cutPulsesMax(runOn, max), rules.slowPulses ?? 0) + FLOW_PULSES;
  return session.total - pulses;
}

/** Takes in the pulses that this step saw, before anything is decided by them. */
export function withFlow(state: OutletState, phase: Phase, pulses: number): OutletState {
  if (pulses === 0 || phase.is !== "delivering") return state;
  const { session } = phase;
  const pulseAtMs = meterOf(state, session.meter)?.counter?.atMs;
  if (pulseAtMs === undefined || session.delivered < watchesFrom(state, session)) return state;
  const { flow } = state;
  if (flow === undefined) {
    return { ...state, flow: { pulseAtMs, intervalMs: undefined, soonerMs: undefined } };
  }
  const seenMs = (pulseAtMs - flow.pulseAtMs) / pulses;
  return { ...state, flow: { ...withInterval(flow, seenMs), pulseAtMs } };
}

/**
 * One pulse that comes much sooner is a contact that bounced, or a disturbance on its line: taken for a flow it would
 * end the session with all that such a flow runs on still missing. Two are another flow.
 */
function withInterval(flow: Flow, seenMs: number): Flow {
  const { intervalMs: beforeMs, soonerMs } = flow;
  if (seenMs <= 0) return flow;
  if (beforeMs === undefined || seenMs * OTHER_FLOW < beforeMs) {
    return soonerMs === undefined
      ? { ...flow, soonerMs: seenMs }
      : { ...flow, intervalMs: Math.max(soonerMs, seenMs), soonerMs: undefined };
  }
  const isSlower = seenMs > beforeMs * OTHER_FLOW;
  const intervalMs = isSlower ? seenMs : beforeMs + WEIGHT * (seenMs - beforeMs);
  return { ...flow, intervalMs, soonerMs: undefined };
}

/** When the switch is to be told to open, where that is before the next pulse: what runs on delivers the rest. */
export function cutTimeMs(state: OutletState, session: Session, nowMs: number): number | undefined {
  const { flow, runOn } = state;
  if (flow?.intervalMs === undefined || runOn === undefined) return undefined;
  if (session.granted < session.total || !flowsAsItEnds(state, nowMs)) return undefined;
  const afterMs = cutAfterMs(runOn, flow.intervalMs, session.total - session.delivered);
  return afterMs === undefined ? undefined : flow.pulseAtMs + afterMs;
}

/** A valve with two stages ends at its slow one, and needs its time to come down to that. */
function flowsAsItEnds({ rules, slow, slowSinceMs }: OutletState, nowMs: number): boolean {
  return rules.slowPulses === undefined || (slow && nowMs - slowSinceMs >= rules.operateMsMax);
}

/** The switch is about to be told to open: of the pulse that comes next, this part has flowed. Undefined: unknown. */
export function partFlowed(state: OutletState, nowMs: number): number | undefined {
  const { flow } = state;
  if (state.phase.is !== "delivering" || flow?.intervalMs === undefined) return undefined;
  if (!flowsAsItEnds(state, nowMs)) return undefined;
  const part = (nowMs - flow.pulseAtMs) / flow.intervalMs;
  return part > OVERDUE ? undefined : Math.min(1, Math.max(0, part));
}

/**
 * After these something was broken, or was taken away beside the switch as an emergency stop does, and what flowed says
 * nothing about the next stop.
 */
const TEACHES_NOTHING: readonly StopReason[] = [
  "emergency-stop",
  "interlock",
  "sensor-stale",
  "weld",
  "not-closed",
  "leak",
  "meter-stuck",
  "meter-lost",
  "meter-implausible",
  "fault",
];

/** The meter has been still: what ran on is known. */
export function learnt(
  state: OutletState,
  { session, part, deliveredAtStop }: Phase & { is: "settling" },
  reason: StopReason,
): Pick<OutletState, "runOn" | "wasFarBelow"> {
  const { runOn, wasFarBelow } = state;
  const intervalMs = state.flow?.intervalMs;
  if (part === undefined || intervalMs === undefined || TEACHES_NOTHING.includes(reason)) {
    return { runOn, wasFarBelow };
  }
  const stop = { pulses: session.delivered - deliveredAtStop, part, intervalMs };
  return { runOn: learnRunOn(runOn, stop, wasFarBelow), wasFarBelow: isFarBelow(runOn, stop) };
}
