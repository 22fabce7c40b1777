// What the readings of one outlet mean: pulses since the last look, meters that are lost or cannot be
// right, pulses that come though the switch is open, and the fault that stands because of any of it. Pure.

import { readCounter, readItems, startCounter } from "./counter.ts";
import {
  follows,
  type MeterState,
  type OutletSample,
  type OutletState,
  type StandingFault,
  wantsClosed,
} from "./outlet-state.ts";

/** This many pulses within this time through an open switch are a leak: one alone may be a shaken sensor. */
const LEAK_PULSES = 2;
const LEAK_WINDOW_MS = 60_000;

/** A fault that cannot be seen to go away stands this long after it was last seen; then it may be tried again. */
const FAULT_STANDS_MS = 60_000;

export function readMeters(before: OutletState, sample: OutletSample): OutletState {
  const state = withoutGivenUp(before, sample.nowMs);
  const meters = state.meters.map((meter, i): MeterState => {
    const reading = sample.readings[i];
    const { counter } = meter;
    if (reading === undefined || reading === "lost") {
      return { counter, lost: true, pulses: 0, wrong: false };
    }
    const { count, atMs } = reading;
    if (counter === undefined) {
      const first = startCounter(count, atMs);
      return { counter: first, lost: false, pulses: 0, wrong: false };
    }
    const rules = state.rules.meters[i];
    const max = rules?.pulsesPerSecondMax;
    // Plausible by the time of the pulses themselves: a loop that was held up sees many at once. Where none
    // came, none is owed: a jump after a quiet hour is no more plausible than one at any other moment.
    const seenAtMs = count === counter.count ? sample.nowMs : atMs;
    const underWay = state.itemSinceMs === undefined ? 0 : 1;
    const delta = rules?.countsItems
      ? readItems(counter, count, seenAtMs, underWay)
      : readCounter(counter, count, seenAtMs, max);
    const wrong = delta.wrong !== undefined;
    return { counter: delta.counter, lost: false, pulses: delta.pulses, wrong };
  });
  const isDone = meters.some(({ pulses }, i) => pulses > 0 && state.rules.meters[i]?.countsItems);
  return isDone ? { ...state, meters, itemSinceMs: undefined } : { ...state, meters };
}

/** An item that does not come out long after its time is not waited for any more: the machine may be tried again. */
function withoutGivenUp(state: OutletState, nowMs: number): OutletState {
  const { item } = state.rules;
  if (state.itemSinceMs === undefined || item === undefined || state.phase.is !== "idle") {
    return state;
  }
  const isGivenUp = nowMs - state.itemSinceMs >= item.timeoutMs + FAULT_STANDS_MS;
  return isGivenUp ? { ...state, itemSinceMs: undefined } : state;
}

/** Brings the standing fault and the count of leaked pulses up to date. */
export function judgeFault(state: OutletState, sample: OutletSample): OutletState {
  const leak = leakOf(state, sample);
  const leaks = leak.pulses >= LEAK_PULSES && leak !== state.leak;
  const isOpen = follows("open", sample, state.openSinceMs, state.rules);
  return { ...state, leak, isOpen, fault: faultOf(state, sample, leaks) };
}

function faultOf(
  state: OutletState,
  sample: OutletSample,
  leaks: boolean,
): StandingFault | undefined {
  const atMs = sample.nowMs;
  if (sample.switch === "lost") return { reason: "fault", atMs };
  if (sample.switch.fault !== undefined) return { reason: sample.switch.fault, atMs };
  if (state.meters.some((meter) => meter.lost)) return { reason: "meter-lost", atMs };
  if (leaks) return { reason: "leak", atMs };
  if (state.meters.some((meter) => meter.wrong)) return { reason: "meter-implausible", atMs };
  if (state.phase.is === "idle" && state.itemSinceMs !== undefined) return itemOverdue(atMs);
  const standing = state.fault;
  if (standing === undefined) return undefined;
  // These are seen for themselves: not seen any more, they are over.
  const isOver =
    standing.reason === "fault" ||
    standing.reason === "weld" ||
    standing.reason === "meter-lost" ||
    standing.reason === "time-limit";
  return isOver || atMs - standing.atMs >= FAULT_STANDS_MS ? undefined : standing;
}

/** Whoever came next would be told done by an item that he did not start. */
export function itemOverdue(atMs: number): StandingFault {
  return { reason: "time-limit", atMs };
}

function leakOf(state: OutletState, sample: OutletSample): OutletState["leak"] {
  const { rules, phase, openSinceMs, leak } = state;
  const runsOutMs = rules.operateMsMax + rules.settleMs;
  if (wantsClosed(phase) || phase.is === "settling") return leak;
  if (sample.switch === "lost" || sample.switch.contact !== "open") return leak;
  if (sample.nowMs - openSinceMs <= runsOutMs) return leak;
  let pulses = 0;
  for (const [i, meter] of rules.meters.entries()) {
    if (meter.pulsesPerSecondMax !== undefined) pulses += state.meters[i]?.pulses ?? 0;
  }
  if (pulses === 0) return leak;
  return sample.nowMs - leak.sinceMs > LEAK_WINDOW_MS
    ? { pulses, sinceMs: sample.nowMs }
    : { pulses: leak.pulses + pulses, sinceMs: leak.sinceMs };
}
