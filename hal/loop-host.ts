// Loop host port: where the metering loop lives. On a board it is a process of its own, on the bench it may
// share ours in virtual time; either way only the plain messages below cross. The loop owns switches, meters
// and interlocks for the length of a grant and cuts off alone: it needs nothing from this side to stop.

/** Why a delivery stopped. A closed list: exactly one of these stands on every receipt (I13). */
export const STOP_REASONS = [
  "exhausted",
  "consumer-end",
  "customer-button",
  "operator-stop",
  "time-limit",
  "money-limit",
  "payment-lost",
  "proof-late",
  "consumer-lost",
  "meter-stuck",
  "meter-lost",
  "meter-implausible",
  "leak",
  "weld",
  "not-closed",
  "emergency-stop",
  "interlock",
  "sensor-stale",
  "power-loss",
  "restart",
  "update",
  "fault",
] as const;
export type StopReason = (typeof STOP_REASONS)[number];

export const STOP_CAUSE_UNITS = [
  "pulses",
  "ms",
  "state", // 0: a contact is open, or a sensor cannot be read; 1: an interlock is raised
  "value", // of a sensor, in its own unit
  "units",
] as const;
export type StopCauseUnit = (typeof STOP_CAUSE_UNITS)[number];

/** The reading for which a delivery stopped. */
export interface StopCause {
  /** Id of the meter, the switch's outlet, the interlock or the sensor that said so; at most 32 characters. */
  of: string;
  /** An integer within four thousand million of zero. */
  value: number;
  unit: StopCauseUnit;
}

/** What takes longer is no run-on that a cut could be advanced by. */
export const RUN_ON_MS_MAX = 2_000;

/** What an outlet's actuator does after it is told to open, learnt from its own stops. */
export interface RunOn {
  /** Mean time for which it still flows, and the mean distance from that. */
  delayMs: number;
  spreadMs: number;
  /** Stops that it was learnt from. */
  stops: number;
}

export type LoopCommand =
  /** Starts a session: close the outlet's switch and deliver. Refused (reported `stopped`) when the outlet cannot. */
  | {
      do: "grant";
      session: string;
      outlet: string;
      meter: string;
      /** Pulses that may be delivered now: what is reserved on disk. Cumulative within the session. */
      pulses: number;
      /** Pulses of the whole session. At `pulses` < `total` the loop holds with the switch open until extended. */
      total: number;
      /** As it was learnt in an earlier life, where it is known. */
      runOn?: RunOn;
    }
  | { do: "extend"; session: string; pulses: number }
  | { do: "stop"; session: string; reason: StopReason };

export interface OutletReport {
  outlet: string;
  /** No fault stands, every meter is alive, the switch is open or in a session. */
  healthy: boolean;
  fault?: StopReason;
  /** The running session, when there is one. */
  session?: string;
  /** Readings by meter id: cumulative counts. */
  readings: Readonly<Record<string, number>>;
  /** Meter ids whose register survives a power cut. */
  retained: readonly string[];
  /** Ids of the interlocks that are raised now. */
  raised: readonly string[];
  /** By meter id: what is the matter, of the meters that are not well. */
  ailing: Readonly<Record<string, string>>;
  /** All that is in its way is the first answer of a meter, which may still come in time. */
  awaited?: true;
  /** It is not known to be open, and its switch is lost, or a meter of it does not tell what flows. */
  runaway?: true;
}

export type SensorQuality =
  | "good"
  | "stale" // older than its part says that it may be
  | "lost"; // it cannot be read

export interface SensorReport {
  sensor: string;
  unit: string;
  /** The last reading; 0 when there was none. */
  value: number;
  /** How old it was when this was reported: the two ends have no clock in common. */
  ageMs: number;
  /** An older reading is stale. */
  staleAfterMs: number;
  quality: SensorQuality;
  /** Of a sensor that is lost: what it said in place of a reading. */
  why?: string;
}

export type LoopReport =
  /** The loop has opened its ports and driven every output safe, or: it is alive (sent again on an interval). */
  | {
      on: "ready" | "alive";
      atMs: number;
      outlets: readonly OutletReport[];
      sensors: readonly SensorReport[];
    }
  /** Delivered so far: cumulative, safe to lose. */
  | {
      on: "progress";
      session: string;
      pulses: number;
      reading: number;
      held: boolean;
      atMs: number;
    }
  /** The session is over and the switch is open. Sent once; the closing reading includes what ran on. */
  | {
      on: "stopped";
      session: string;
      reason: StopReason;
      startReading: number;
      endReading: number;
      /** Delivered within the grant, and what still flowed after the switch was told to open. */
      pulses: number;
      runOnPulses: number;
      atMs: number;
      cause?: StopCause;
      /** As it is known with this stop. */
      runOn?: RunOn;
    }
  /** A person pressed a button that selects a service, or one that stops, where nothing ran that it could stop. */
  | { on: "button"; button: string; atMs: number }
  /** Said by the host itself: the loop is gone. Outputs fell open with it; a new `ready` follows when it is back. */
  | { on: "lost"; why: string };

export interface LoopHost {
  /** Fire and forget, in order. Lost when the loop is gone, which is then reported. */
  send(command: LoopCommand): void;
  /** One listener; the last one set counts. */
  onReport(listener: (report: LoopReport) => void): void;
  /** Said after each report by a side that can tell: whether it waits for what the next one may say. */
  awaitsReport?(awaits: boolean): void;
  /** Stops the loop, outputs open, and waits until it has gone. Idempotent. */
  close(): Promise<void>;
}
