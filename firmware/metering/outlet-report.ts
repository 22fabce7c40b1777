// What the metering loop says of an outlet and its session, in the words of the loop host port.
// Delivered within the grant and what ran on beyond it are told apart here and nowhere else.

import type { LoopCommand, LoopReport, OutletReport, StopReason } from "../../hal/loop-host.ts";
import { meterOf, type OutletState, type Session, sessionOf } from "./outlet-state.ts";

export function outletReport(state: OutletState): OutletReport {
  const session = sessionOf(state.phase);
  const readings: Record<string, number> = {};
  for (const [i, { counter }] of state.meters.entries()) {
    const id = state.rules.meters[i]?.id;
    if (id !== undefined && counter !== undefined) readings[id] = counter.count;
  }
  return {
    outlet: state.rules.id,
    healthy: state.fault === undefined && (session !== undefined || state.isOpen),
    ...(state.fault !== undefined && { fault: state.fault.reason }),
    ...(session !== undefined && { session: session.id }),
    readings,
    retained: state.rules.meters.filter((meter) => meter.retains).map((meter) => meter.id),
  };
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
  };
}

/** A session that never began. */
export function refusedReport(
  command: LoopCommand,
  reason: StopReason,
  reading: number,
  nowMs: number,
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
  };
}

function readingOf(state: OutletState, session: Session): number {
  return meterOf(state, session.meter)?.counter?.count ?? session.startReading;
}
