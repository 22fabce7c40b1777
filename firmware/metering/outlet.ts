// One outlet of the metering loop as a pure step: what was read and what was commanded in, a new state and
// effects out. The very step that sees the granted pulse tells the switch to open, or an earlier one where what
// runs on is known to deliver the rest (I8); nothing it needs for that comes from outside these files (I9).
//   idle -> closing -> delivering -> held -> closing ..., any of them -> settling -> idle
// A machine with a start signal does item after item instead:
//   idle -> working -> pausing -> working ... -> held -> pausing ..., any of them -> settling -> idle

import type { LoopCommand, StopCause, StopReason } from "../../hal/loop-host.ts";
import { NO_INTERLOCKS } from "./interlocks.ts";
import { type Draft, enter, hold, report, setStage, setSwitch, stop } from "./outlet-draft.ts";
import { cutTimeMs, learnt, withFlow } from "./outlet-flow.ts";
import { awaitItem, pause, startItem, stopWhenDone, waitsForItem } from "./outlet-items.ts";
import { itemOverdue, judgeFault, readMeters } from "./outlet-reading.ts";
import { refusedReport, stoppedReport } from "./outlet-report.ts";
import {
  follows,
  type MeterState,
  type MeterTrouble,
  meterOf,
  type OutletRules,
  type OutletSample,
  type OutletState,
  obstacleOf,
  type Phase,
  type Session,
  type Step,
  sessionOf,
} from "./outlet-state.ts";
import { causeOf, meterCause, stopCause, switchCause } from "./stop-causes.ts";

/** A timer that was set for a cut must not find it still to come by a binary fraction. */
const ROUNDING_MS = 0.001;

/** The closing reading is taken after this many times the settling time at the latest. */
const SETTLE_TIMES_MAX = 10;

/** An outlet whose switch was just told to open; the first sample gives its meters their start. */
export function startOutlet(rules: OutletRules, sample: OutletSample): OutletState {
  const state: OutletState = {
    rules,
    meters: rules.meters.map(() => unread(sample.nowMs)),
    phase: { is: "idle" },
    fault: undefined,
    interlocks: NO_INTERLOCKS,
    isOpen: false,
    openSinceMs: sample.nowMs,
    leak: { pulses: 0, sinceMs: sample.nowMs },
    itemSinceMs: undefined,
    slow: false,
    slowSinceMs: sample.nowMs,
    runOn: undefined,
    wasFarBelow: false,
    flow: undefined,
    cutAtMs: undefined,
  };
  return stepOutlet(state, sample).state;
}

function unread(nowMs: number): MeterState {
  const nothing = { pulses: 0, wrong: false, fromMs: nowMs, readMs: nowMs };
  return { counter: undefined, lost: true, ...nothing, trouble: undefined };
}

/** Commands for sessions that are not running here are ignored, but a grant that cannot start is refused. */
export function stepOutlet(state: OutletState, sample: OutletSample, command?: LoopCommand): Step {
  const seen = judgeFault(readMeters(state, sample), sample);
  const draft: Draft = { state: seen, nowMs: sample.nowMs, effects: [] };
  move(draft, sample);
  if (command !== undefined) obey(draft, sample, command);
  tellProgress(draft);
  return { state: draft.state, effects: draft.effects };
}

/** What the readings alone lead to. */
function move(draft: Draft, sample: OutletSample): void {
  const before = draft.state.phase;
  if (before.is === "idle") return;
  const pulses = meterOf(draft.state, before.session.meter)?.pulses ?? 0;
  const session = { ...before.session, delivered: before.session.delivered + pulses };
  const phase: Phase = { ...before, session };
  draft.state = withFlow(draft.state, phase, pulses);
  enter(draft, phase);
  if (phase.is === "settling") {
    settle(draft, phase, sample, pulses);
    return;
  }
  // What ran on while it held is not yet granted: an extension is to come that covers it.
  const isPaidOut = session.granted >= session.total && session.delivered >= session.total;
  const ending = isPaidOut ? "exhausted" : troubleOf(draft.state, session, sample);
  if (ending !== undefined && !(phase.is === "working" && waitsForItem(ending))) {
    stop(draft, session, ending);
  } else if (phase.is === "working") awaitItem(draft, withEnding(draft, phase, ending));
  else if (phase.is === "pausing") pause(draft, phase);
  else if (phase.is !== "held") deliver(draft, phase, sample, pulses);
}

/** The first reason to end is the one; what it was read from may be gone when the item is done. */
function withEnding(
  draft: Draft,
  phase: Phase & { is: "working" },
  ending: StopReason | undefined,
): Phase & { is: "working" } {
  if (phase.ending !== undefined || ending === undefined) return phase;
  const cause = stopCause(draft.state, phase.session, ending, draft.nowMs);
  return { ...phase, ending, cause };
}

function deliver(
  draft: Draft,
  phase: Phase & { is: "closing" | "delivering" },
  sample: OutletSample,
  pulses: number,
): void {
  const { nowMs } = draft;
  const { rules } = draft.state;
  const { session } = phase;
  if (session.delivered >= session.granted) {
    hold(draft, session);
  } else if (phase.is === "closing") {
    if (!follows("closed", sample, phase.sinceMs, rules)) return;
    enter(draft, { is: "delivering", session, pulseAtMs: nowMs });
  } else {
    const pulseAtMs = pulses > 0 ? nowMs : phase.pulseAtMs;
    enter(draft, { is: "delivering", session, pulseAtMs });
    setStage(draft, session);
    const stuckAfterMs = rules.meters.find((meter) => meter.id === session.meter)?.stuckAfterMs;
    if (stuckAfterMs !== undefined && nowMs - pulseAtMs >= stuckAfterMs) {
      noteTrouble(draft, session.meter, "stuck");
      stop(draft, session, "meter-stuck");
    } else cutAhead(draft, session);
  }
}

/** Stops in time for what runs on, or says when that will be (I8). */
function cutAhead(draft: Draft, session: Session): void {
  const { state, nowMs } = draft;
  const cutAtMs = cutTimeMs(state, session, nowMs);
  if (cutAtMs !== undefined && nowMs >= cutAtMs - ROUNDING_MS) stop(draft, session, "exhausted");
  else if (cutAtMs !== state.cutAtMs) draft.state = { ...state, cutAtMs };
}

function noteTrouble(draft: Draft, meter: string, what: MeterTrouble["what"]): void {
  const { meters, rules } = draft.state;
  const index = rules.meters.findIndex(({ id }) => id === meter);
  const trouble = { what, atMs: draft.nowMs };
  const noted = meters.map((each, i) => (i === index ? { ...each, trouble } : each));
  draft.state = { ...draft.state, meters: noted };
}

/** Why a running session cannot go on. */
function troubleOf(
  state: OutletState,
  session: Session,
  sample: OutletSample,
): StopReason | undefined {
  const { block } = state.interlocks;
  // It may well be what took switch and meter away.
  if (block?.reason === "emergency-stop") return block.reason;
  if (sample.switch === "lost") return "fault";
  if (sample.switch.fault !== undefined) return sample.switch.fault;
  if (block !== undefined) return block.reason;
  const meter = meterOf(state, session.meter);
  if (meter === undefined || meter.lost) return "meter-lost";
  if (meter.wrong) return "meter-implausible";
  if (state.phase.is === "held" && state.fault?.reason === "leak") return "leak";
  return undefined;
}

function settle(
  draft: Draft,
  phase: Phase & { is: "settling" },
  sample: OutletSample,
  pulses: number,
): void {
  const { nowMs } = draft;
  const { rules } = draft.state;
  const meter = meterOf(draft.state, phase.session.meter);
  const reason = closingReason(phase.reason, sample, meter);
  const cause =
    reason === phase.reason ? phase.cause : stopCause(draft.state, phase.session, reason, nowMs);
  const isOpen = follows("open", sample, phase.sinceMs, rules);
  const { poll } = rules.meters.find(({ id }) => id === phase.session.meter) ?? {};
  // By the date of the last pulse, where there is one: a loop that was held up sees late what ran on in time.
  const lastPulseMs = poll === undefined ? meter?.counter?.atMs : undefined;
  const movedMs = Math.max(phase.stillSinceMs, lastPulseMs ?? nowMs);
  const stillSinceMs = isOpen ? (pulses === 0 ? phase.stillSinceMs : movedMs) : nowMs;
  // Still is what has been read to be still: of a meter that is polled, by its last answer.
  const isStill = isOpen && (meter?.readMs ?? nowMs) - stillSinceMs >= rules.settleMs;
  const limitMs =
    rules.operateMsMax + SETTLE_TIMES_MAX * rules.settleMs + (poll?.staleAfterMs ?? 0);
  const isOverdue = nowMs - phase.sinceMs >= limitMs;
  if (!isStill && !isOverdue) {
    enter(draft, { ...phase, reason, cause, stillSinceMs });
    return;
  }
  if (isStill) draft.state = { ...draft.state, ...learnt(draft.state, phase, reason) };
  // Through a contact that is taken to be open it flows and flows.
  const leaks = !isStill && isOpen && nowMs - stillSinceMs < rules.settleMs;
  if (leaks && !OUTRANKS_LEAK.includes(reason)) {
    const { session, deliveredAtStop } = phase;
    const leaked = session.delivered - deliveredAtStop;
    close(draft, session, "leak", causeOf(session.meter, leaked, "pulses"));
  } else close(draft, phase.session, reason, cause);
}

const OUTRANKS_LEAK: readonly StopReason[] = ["weld", "meter-implausible"];

/**
 * A contact that stays closed matters more than why it was told to open, and so does a meter whose closing reading
 * cannot be believed.
 */
function closingReason(
  reason: StopReason,
  sample: OutletSample,
  meter: MeterState | undefined,
): StopReason {
  if (sample.switch !== "lost" && sample.switch.fault === "weld") return "weld";
  return meter?.wrong === true && reason !== "weld" ? "meter-implausible" : reason;
}

/** The session is over. What it leaves behind keeps the next one out. */
function close(
  draft: Draft,
  session: Session,
  reason: StopReason,
  cause: StopCause | undefined,
): void {
  const { nowMs } = draft;
  enter(draft, { is: "idle" });
  draft.state = { ...draft.state, flow: undefined };
  if (reason === "leak") {
    noteTrouble(draft, session.meter, "leaked");
    draft.state = { ...draft.state, fault: draft.state.fault ?? { reason, atMs: nowMs, cause } };
  }
  if (draft.state.itemSinceMs !== undefined) {
    const overdue = draft.state.fault ?? itemOverdue(draft.state, nowMs);
    draft.state = { ...draft.state, fault: overdue };
  }
  const report = stoppedReport(draft.state, session, reason, nowMs, cause);
  draft.effects.push({ do: "report", report });
}

function obey(draft: Draft, sample: OutletSample, command: LoopCommand): void {
  const { phase } = draft.state;
  if (command.do === "grant" && sessionOf(phase)?.id !== command.session) {
    grant(draft, sample, command);
    return;
  }
  const session = sessionOf(phase);
  if (session === undefined || session.id !== command.session || phase.is === "settling") return;
  if (command.do === "stop") stopWhenDone(draft, phase, session, command.reason);
  else extend(draft, session, command.pulses);
}

function grant(draft: Draft, sample: OutletSample, command: LoopCommand & { do: "grant" }): void {
  const { state, nowMs } = draft;
  const startReading = meterOf(state, command.meter)?.counter?.count;
  const refused = refusalOf(state, command, startReading);
  if (refused !== undefined || startReading === undefined || sample.switch === "lost") {
    const reason = refused ?? "fault";
    const report = refusedReport(
      command,
      reason,
      startReading ?? 0,
      nowMs,
      refusalCause(state, command, reason, nowMs),
    );
    draft.effects.push({ do: "report", report });
    return;
  }
  draft.state = { ...state, runOn: state.runOn ?? command.runOn };
  const session: Session = {
    id: command.session,
    meter: command.meter,
    granted: command.pulses,
    total: command.total,
    startReading,
    delivered: 0,
    halfMark: Math.ceil(command.pulses / 2),
    reportedAtMs: nowMs,
    reportedPulses: 0,
  };
  if (state.rules.item !== undefined) {
    startItem(draft, session);
    return;
  }
  setStage(draft, session);
  setSwitch(draft, true);
  enter(draft, { is: "closing", session, sinceMs: nowMs });
}

function refusalOf(
  state: OutletState,
  command: LoopCommand & { do: "grant" },
  startReading: number | undefined,
): StopReason | undefined {
  const obstacle = obstacleOf(state);
  if (obstacle !== undefined) return obstacle;
  if (state.phase.is !== "idle") return "fault";
  if (!state.isOpen) return "weld";
  if (!isGrant(command.pulses) || !isGrant(command.total)) return "fault";
  if (command.total < command.pulses) return "fault";
  if (!state.rules.meters.some((meter) => meter.id === command.meter)) return "fault";
  return startReading === undefined ? "meter-lost" : undefined;
}

/** By which reading a session could not begin. */
function refusalCause(
  state: OutletState,
  command: LoopCommand & { do: "grant" },
  reason: StopReason,
  nowMs: number,
): StopCause | undefined {
  const { fault, interlocks } = state;
  const standing = [fault, interlocks.block].find((one) => one?.reason === reason);
  if (standing !== undefined) return standing.cause;
  if (reason === "weld") return switchCause(state, reason, nowMs);
  return reason === "meter-lost" ? meterCause(state, command.meter) : undefined;
}

function isGrant(pulses: number): boolean {
  return Number.isSafeInteger(pulses) && pulses >= 1;
}

function extend(draft: Draft, session: Session, pulses: number): void {
  const granted = Math.min(pulses, session.total);
  if (!isGrant(granted) || granted <= session.granted) return;
  // Of what is left now, not of what was added: the next reservation takes as long as this one did.
  const { delivered } = session;
  const halfMark = delivered + Math.ceil(Math.max(0, granted - delivered) / 2);
  const extended = { ...session, granted, halfMark };
  const { phase } = draft.state;
  if (phase.is === "held" && draft.state.rules.item !== undefined) {
    enter(draft, { is: "pausing", session: extended, sinceMs: phase.sinceMs });
  } else if (phase.is === "held" && extended.delivered < granted) {
    setStage(draft, extended);
    setSwitch(draft, true);
    enter(draft, { is: "closing", session: extended, sinceMs: draft.nowMs });
  } else if (phase.is !== "idle") {
    enter(draft, { ...phase, session: extended });
  }
}

export const PROGRESS_INTERVAL_MS = 200;
const HELD_INTERVAL_MS = 1_000;

/**
 * Not more often than the interval, but at once when half of what is reserved is used; while held again and
 * again, because nothing flows until the other side has heard it.
 */
function tellProgress(draft: Draft): void {
  const { phase } = draft.state;
  if (phase.is === "idle" || phase.is === "settling") return;
  const { session } = phase;
  const pulses = Math.min(session.delivered, session.granted);
  const sinceReportMs = draft.nowMs - session.reportedAtMs;
  const waitsLong = phase.is === "held" && sinceReportMs >= HELD_INTERVAL_MS;
  if (pulses === session.reportedPulses && !waitsLong) return;
  const passedHalf = session.reportedPulses < session.halfMark && pulses >= session.halfMark;
  if (waitsLong || passedHalf || sinceReportMs >= PROGRESS_INTERVAL_MS) report(draft, session);
}
