// The reading for which an outlet stops, or may not begin: what the receipt, the event and the display name beside the
// reason. Pure. Reasons that no reading brings about (a person's, a program's, the last pulse) have none.

import type { StopCause, StopCauseUnit, StopReason } from "../../hal/loop-host.ts";
import type { SwitchFault } from "../../hal/switch.ts";
import type { MeterState, OutletState, Session } from "./outlet-state.ts";

const OF_CHARACTERS_MAX = 32;
const VALUE_MAX = 4_000_000_000;

/** Bounded, whatever the reading was: a broken part may say anything. */
export function causeOf(of: string, value: number, unit: StopCauseUnit): StopCause {
  const whole = Number.isFinite(value) ? Math.floor(value) : 0;
  const bounded = Math.min(Math.max(-VALUE_MAX, whole), VALUE_MAX);
  return { of: of.slice(0, OF_CHARACTERS_MAX), value: bounded, unit };
}

/** What stands behind a reason to stop a session now; undefined where no reading does. */
export function stopCause(
  state: OutletState,
  session: Session,
  reason: StopReason,
  nowMs: number,
): StopCause | undefined {
  const { phase, interlocks, fault, leak } = state;
  switch (reason) {
    case "meter-stuck": {
      const sinceMs = phase.is === "delivering" ? phase.pulseAtMs : nowMs;
      return causeOf(session.meter, nowMs - sinceMs, "ms");
    }
    case "meter-lost":
    case "meter-implausible":
      return meterCause(state, session.meter);
    case "leak":
      if (fault?.reason === "leak" && fault.cause !== undefined) return fault.cause;
      return causeOf(session.meter, leak.pulses, "pulses");
    case "weld":
    case "not-closed":
      return switchCause(state, reason, nowMs);
    case "time-limit":
      return itemCause(state, nowMs);
    case "emergency-stop":
    case "interlock":
    case "sensor-stale":
      return interlocks.block?.cause;
    default:
      return undefined;
  }
}

/** What it last counted: the count that cannot be true, or the last one before it was lost. */
export function meterCause(state: OutletState, meter: string): StopCause {
  const index = state.rules.meters.findIndex(({ id }) => id === meter);
  return causeOf(meter, state.meters[index]?.counter?.count ?? 0, "pulses");
}

/** Of the first meter of which that is true. */
export function firstMeterCause(
  state: OutletState,
  isIt: (meter: MeterState) => boolean,
): StopCause {
  const index = state.meters.findIndex(isIt);
  return meterCause(state, state.rules.meters[index]?.id ?? state.rules.id);
}

/** Pulses through an open switch, by the meter that told of them. */
export function leakCause({ rules, meters, leak }: OutletState): StopCause {
  const index = meters.findIndex(({ pulses }) => pulses > 0);
  return causeOf(rules.meters[index]?.id ?? rules.id, leak.pulses, "pulses");
}

/** For how long the contact has stayed closed; or that it is open, whether it never closed or opened by itself. */
export function switchCause(state: OutletState, fault: SwitchFault, nowMs: number): StopCause {
  const { rules, openSinceMs } = state;
  return fault === "weld"
    ? causeOf(rules.id, nowMs - openSinceMs, "ms")
    : causeOf(rules.id, 0, "state");
}

/** For how long an item has not come out. */
export function itemCause({ rules, itemSinceMs }: OutletState, nowMs: number): StopCause {
  const meter = rules.meters.find(({ countsItems }) => countsItems === true);
  return causeOf(meter?.id ?? rules.id, nowMs - (itemSinceMs ?? nowMs), "ms");
}
