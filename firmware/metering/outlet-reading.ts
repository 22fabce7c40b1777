// What the readings of one outlet mean: pulses since the last look, meters that are lost or cannot be
// right, pulses that come though the switch is open, and the fault that stands because of any of it. Pure.

import {
  BURST_PULSES,
  type CounterWrong,
  isCount,
  readCounter,
  readItems,
  startCounter,
} from "./counter.ts";
import { judgeInterlocks, type StandingFault } from "./interlocks.ts";
import {
  follows,
  type MeterState,
  type MeterTrouble,
  type OutletSample,
  type OutletState,
  wantsClosed,
} from "./outlet-state.ts";
import { firstMeterCause, itemCause, leakCause, switchCause } from "./stop-causes.ts";

/** This many pulses within this time through an open switch are a leak: one alone may be a shaken sensor. */
const LEAK_PULSES = 2;
const LEAK_WINDOW_MS = 60_000;

/** A fault that cannot be seen to go away stands this long after it was last seen; then it may be tried again. */
const FAULT_STANDS_MS = 60_000;

export function readMeters(before: OutletState, sample: OutletSample): OutletState {
  const state = withoutGivenUp(before, sample.nowMs);
  const meters = state.meters.map((meter, i) => {
    const read = readMeter(state, meter, i, sample);
    return { ...read, trouble: troubleOf(read, meter, sample.nowMs) };
  });
  const isDone = meters.some(({ pulses }, i) => pulses > 0 && state.rules.meters[i]?.countsItems);
  return isDone ? { ...state, meters, itemSinceMs: undefined } : { ...state, meters };
}

type ReadMeter = Omit<MeterState, "trouble"> & { what?: CounterWrong | undefined };

function readMeter(
  state: OutletState,
  { counter, readMs: lastReadMs }: MeterState,
  index: number,
  { nowMs, readings }: OutletSample,
): ReadMeter {
  const reading = readings[index];
  const rules = state.rules.meters[index];
  const polled = rules?.poll;
  const nothing = { pulses: 0, wrong: false, fromMs: nowMs };
  // What it counts from is to be a count as well.
  const isNone = reading === undefined || reading === "lost";
  if (isNone || (counter === undefined && !isCount(reading.count))) {
    return { ...nothing, counter, lost: true, readMs: nowMs };
  }
  const { count, atMs } = reading;
  const readMs = polled === undefined ? nowMs : atMs;
  const max = rules?.pulsesPerSecondMax;
  // What a polled meter shows at one answer may have come up to one interval before.
  const early = polled && max !== undefined ? (max * polled.intervalMs) / 1000 : 0;
  const burstMax = BURST_PULSES + early;
  if (counter === undefined) {
    return { ...nothing, counter: startCounter(count, atMs, burstMax), lost: false, readMs };
  }
  // Plausible by the time of the pulses themselves: a loop that was held up sees many at once. Where none
  // came, none is owed: a jump after a quiet hour is no more plausible than one at any other moment.
  const seenAtMs = polled === undefined && count === counter.count ? nowMs : atMs;
  const underWay = state.itemSinceMs === undefined ? 0 : 1;
  const delta = rules?.countsItems
    ? readItems(counter, count, seenAtMs, underWay)
    : readCounter(counter, count, seenAtMs, max, burstMax);
  const { pulses, wrong: what } = delta;
  const fromMs = polled === undefined ? lastReadMs : counter.atMs;
  const wrong = what !== undefined;
  return { counter: delta.counter, lost: false, pulses, wrong, what, fromMs, readMs };
}

/** Stands for people as long as a fault would; a meter that stood still is well when it turns. */
function troubleOf(
  { what, pulses }: ReadMeter,
  { trouble }: MeterState,
  nowMs: number,
): MeterTrouble | undefined {
  if (what !== undefined) return { what, atMs: nowMs };
  if (trouble?.what === "stuck") return pulses > 0 ? undefined : trouble;
  return trouble !== undefined && nowMs - trouble.atMs >= FAULT_STANDS_MS ? undefined : trouble;
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

/** Brings the interlocks, the standing fault and the count of leaked pulses up to date. */
export function judgeFault(before: OutletState, sample: OutletSample): OutletState {
  const { rules } = before;
  const leak = leakOf(before, sample);
  const leaks = leak.pulses >= LEAK_PULSES && leak !== before.leak;
  const meters = leaks ? before.meters.map((meter) => leaked(meter, sample.nowMs)) : before.meters;
  const state = { ...before, meters, leak };
  const isOpen = follows("open", sample, state.openSinceMs, rules);
  const { nowMs, interlocks, causes } = sample;
  return {
    ...state,
    isOpen,
    fault: faultOf(state, sample, leaks),
    interlocks: judgeInterlocks(before.interlocks, rules.interlocks, interlocks, nowMs, causes),
  };
}

function leaked(meter: MeterState, atMs: number): MeterState {
  return meter.pulses === 0 ? meter : { ...meter, trouble: { what: "leaked", atMs } };
}

function faultOf(
  state: OutletState,
  sample: OutletSample,
  leaks: boolean,
): StandingFault | undefined {
  const atMs = sample.nowMs;
  if (sample.switch === "lost") return { reason: "fault", atMs };
  const { fault: broken } = sample.switch;
  if (broken !== undefined)
    return { reason: broken, atMs, cause: switchCause(state, broken, atMs) };
  if (state.meters.some(isLost)) {
    return { reason: "meter-lost", atMs, cause: firstMeterCause(state, isLost) };
  }
  if (leaks) return { reason: "leak", atMs, cause: leakCause(state) };
  if (state.meters.some(isWrong)) {
    return { reason: "meter-implausible", atMs, cause: firstMeterCause(state, isWrong) };
  }
  if (state.phase.is === "idle" && state.itemSinceMs !== undefined) return itemOverdue(state, atMs);
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

function isLost({ lost }: MeterState): boolean {
  return lost;
}

function isWrong({ wrong }: MeterState): boolean {
  return wrong;
}

/** Whoever came next would be told done by an item that he did not start. */
export function itemOverdue(state: OutletState, atMs: number): StandingFault {
  return { reason: "time-limit", atMs, cause: itemCause(state, atMs) };
}

function leakOf(state: OutletState, sample: OutletSample): OutletState["leak"] {
  const { rules, phase, openSinceMs, leak } = state;
  const runsOutMs = rules.operateMsMax + rules.settleMs;
  if (wantsClosed(phase) || phase.is === "settling") return leak;
  // Where nothing tells, a contact that was told to open is taken to be open, and a weld shows as a leak.
  if (!follows("open", sample, openSinceMs, rules)) return leak;
  let pulses = 0;
  for (const [i, rule] of rules.meters.entries()) {
    const meter = state.meters[i];
    if (meter === undefined || rule.pulsesPerSecondMax === undefined) continue;
    if (meter.fromMs - openSinceMs > runsOutMs) pulses += meter.pulses;
  }
  if (pulses === 0) return leak;
  return sample.nowMs - leak.sinceMs > LEAK_WINDOW_MS
    ? { pulses, sinceMs: sample.nowMs }
    : { pulses: leak.pulses + pulses, sinceMs: leak.sinceMs };
}
