// What the metering loop says of an outlet and its session, in the words of the loop host port.
// Delivered within the grant and what ran on beyond it are told apart here and nowhere else.

import type {
  LoopCommand,
  LoopReport,
  OutletReport,
  StopCause,
  StopReason,
} from "../../hal/loop-host.ts";
import {
  type MeterTrouble,
  meterOf,
  type OutletState,
  obstacleOf,
  type Session,
  sessionOf,
} from "./outlet-state.ts";

const TROUBLE_WORDS: Readonly<Record<MeterTrouble["what"], string>> = {
  fell: "its count went back",
  reset: "its count began again from the start",
  "too-fast": "it counted more than can flow",
  "not-a-count": "it gave something that is no count",
  "not-started": "it counted what nobody had started",
  stuck: "it stood still though the switch was closed",
  leaked: "it counted though the switch was open",
};

/** What the meters say of themselves. */
export interface MetersHealth {
  /** By id, of those that are not well. */
  words: Readonly<Record<string, string>>;
  /** Ids of those whose first answer may still come in time. */
  awaited: readonly string[];
}

const WELL: MetersHealth = { words: {}, awaited: [] };

export function outletReport(
  state: OutletState,
  { words, awaited }: MetersHealth = WELL,
): OutletReport {
  const session = sessionOf(state.phase);
  const readings: Record<string, number> = {};
  const ailing: Record<string, string> = {};
  for (const [i, { counter, lost, trouble }] of state.meters.entries()) {
    const id = state.rules.meters[i]?.id;
    if (id === undefined) continue;
    if (counter !== undefined) readings[id] = counter.count;
    if (lost) ailing[id] = "it cannot be read";
    else if (trouble !== undefined) ailing[id] = TROUBLE_WORDS[trouble.what];
  }
  const obstacle = obstacleOf(state);
  const isAwaited =
    obstacle === "meter-lost" &&
    state.meters.every(({ lost }, i) => !lost || awaited.includes(state.rules.meters[i]?.id ?? ""));
  return {
    outlet: state.rules.id,
    healthy: obstacle === undefined && (session !== undefined || state.isOpen),
    ...(obstacle !== undefined && { fault: obstacle }),
    ...(session !== undefined && { session: session.id }),
    readings,
    retained: state.rules.meters.filter((meter) => meter.retains).map((meter) => meter.id),
    raised: state.interlocks.raised,
    ailing: { ...ailing, ...words },
    ...(isAwaited && { awaited: true }),
    ...(isRunaway(state) && { runaway: true }),
  };
}

/** A switch that is lost cannot be told to open. */
function isRunaway({ isOpen, fault, meters }: OutletState): boolean {
  if (isOpen) return false;
  const isUnseen = meters.some(({ lost, trouble }) => lost || trouble?.what === "stuck");
  return isUnseen || fault?.reason === "fault";
}

export function progressReport(state: OutletState, session: Session, nowMs: number): LoopReport {
  return {
    on: "progress",
    session: session.id,
    pulses: Math.min(session.delivered, session.granted),
    reading: readingOf(state, session),
    held: state.phase.is === "held",
    atMs: nowMs,
  };
}

/** `pulses` is never more than was granted; whatever flowed beyond, while the switch opened, ran on. */
export function stoppedReport(
  state: OutletState,
  session: Session,
  reason: StopReason,
  nowMs: number,
  cause: StopCause | undefined,
): LoopReport {
  const pulses = Math.min(session.delivered, session.granted);
  return {
    on: "stopped",
    session: session.id,
    reason,
    startReading: session.startReading,
    endReading: readingOf(state, session),
    pulses,
    runOnPulses: session.delivered - pulses,
    atMs: nowMs,
    ...(cause !== undefined && { cause }),
    ...(state.runOn !== undefined && { runOn: state.runOn }),
  };
}

/** A session that never began. */
export function refusedReport(
  command: LoopCommand,
  reason: StopReason,
  reading: number,
  nowMs: number,
  cause?: StopCause,
): LoopReport {
  return {
    on: "stopped",
    session: command.session,
    reason,
    startReading: reading,
    endReading: reading,
    pulses: 0,
    runOnPulses: 0,
    atMs: nowMs,
    ...(cause !== undefined && { cause }),
  };
}

function readingOf(state: OutletState, session: Session): number {
  return meterOf(state, session.meter)?.counter?.count ?? session.startReading;
}
