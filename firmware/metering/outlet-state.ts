// Words of the metering loop: what it is told of an outlet, what it remembers of it, what it asks for.
// Plain data, so that a state can be printed, compared and replayed.

import type { MeterPart, OutletPart } from "../../hal/board.ts";
import type { LoopReport, RunOn, StopCause, StopReason } from "../../hal/loop-host.ts";
import type { MeterReading } from "../../hal/meter.ts";
import type { SwitchState } from "../../hal/switch.ts";
import type { Counter, CounterWrong } from "./counter.ts";
import type {
  InterlockReading,
  InterlockRules,
  InterlockState,
  StandingFault,
} from "./interlocks.ts";

export interface MeterRules {
  id: string;
  retains: boolean;
  pulsesPerSecondMax?: number;
  stuckAfterMs?: number;
  /** Its driver asks it so often, and its readings are dated by the answer, not by the last pulse. */
  poll?: { intervalMs: number; staleAfterMs: number };
  /** Each pulse is an item that was started and is done. */
  countsItems?: boolean;
}

/** How a machine takes start signals, one item for each. */
export interface ItemRules {
  timeoutMs: number;
  pauseMs: number;
}

export interface OutletRules {
  id: string;
  operateMsMax: number;
  settleMs: number;
  meters: readonly MeterRules[];
  item?: ItemRules;
  interlocks: readonly InterlockRules[];
  /** The last pulses of a session flow slowly, where the switch has two stages. */
  slowPulses?: number;
}

/** What was read in one go. A part that could not be read is `lost`. */
export interface OutletSample {
  nowMs: number;
  switch: SwitchState | "lost";
  /** In the order of the rules' meters, each with the time at which it was true. */
  readings: readonly (MeterReading | "lost")[];
  /** In the order of the rules' interlocks. */
  interlocks: readonly InterlockReading[];
  /** What those of them read that go by a sensor and are not clear. */
  causes?: readonly (StopCause | undefined)[];
}

export interface Session {
  id: string;
  meter: string;
  /** Pulses that may be delivered now, and in the whole session. */
  granted: number;
  total: number;
  startReading: number;
  /** Plausible pulses of the session's meter since the grant. */
  delivered: number;
  /** The delivered count at which the other side hears at once: half of the reservation is used. */
  halfMark: number;
  reportedAtMs: number;
  reportedPulses: number;
}

export type Phase =
  | { is: "idle" }
  /** The switch was told to close; its contact has not followed yet. */
  | { is: "closing"; session: Session; sinceMs: number }
  /** The contact is closed. */
  | { is: "delivering"; session: Session; pulseAtMs: number }
  /** An item was started and is waited for; with a reason to end, no further one is started. */
  | {
      is: "working";
      session: Session;
      ending: StopReason | undefined;
      cause?: StopCause | undefined;
    }
  /** An item is done; the next one is started a little later. */
  | { is: "pausing"; session: Session; sinceMs: number }
  /** All that was granted so far is delivered; the switch was told to open and waits for an extension. */
  | { is: "held"; session: Session; sinceMs: number }
  /** The session is over; the switch was told to open and the meter is running out. */
  | {
      is: "settling";
      session: Session;
      reason: StopReason;
      cause?: StopCause | undefined;
      sinceMs: number;
      stillSinceMs: number;
      /** When it was told to open. */
      deliveredAtStop: number;
      /** Of the pulse after that, what had flowed then; undefined where that cannot be said. */
      part?: number | undefined;
    };

/** What was last the matter with a meter, for people. */
export interface MeterTrouble {
  what: CounterWrong | "stuck" | "leaked";
  atMs: number;
}

export interface MeterState {
  /** Undefined until the meter could be read once. */
  counter: Counter | undefined;
  /** What the last sample said: it could not be read, it gave this many pulses, its count cannot be true. */
  lost: boolean;
  pulses: number;
  wrong: boolean;
  /** The pulses came after this moment: of a polled meter its answer before, else the look before. */
  fromMs: number;
  /** Until when we know its count: now, or of a polled one the time of its last answer. */
  readMs: number;
  trouble: MeterTrouble | undefined;
}

export interface OutletState {
  rules: OutletRules;
  /** In the order of the rules' meters. */
  meters: readonly MeterState[];
  phase: Phase;
  fault: StandingFault | undefined;
  interlocks: InterlockState;
  /** The contact is known, or where nothing tells may be taken, to be open. */
  isOpen: boolean;
  /** When the switch was last told to open, and the pulses that came through it long after. */
  openSinceMs: number;
  leak: { pulses: number; sinceMs: number };
  /** An item was started then and is not done, as far as we know; it may outlive its session. */
  itemSinceMs: number | undefined;
  /** The switch was told to let little flow while it is closed, and when that changed. */
  slow: boolean;
  slowSinceMs: number;
  /** What is known of how it runs on. */
  runOn: RunOn | undefined;
  /** The last stop that taught something said that far less runs on. */
  wasFarBelow: boolean;
  /** How the last pulses of a session come: see watchesFrom(). */
  flow: Flow | undefined;
  /** The switch is to be told to open then, if no pulse comes before. A step is wanted at that time. */
  cutAtMs: number | undefined;
}

export interface Flow {
  /** When the last pulse came, by the meter. */
  pulseAtMs: number;
  /** Between pulses; undefined until two were seen, of which the longer one counts. */
  intervalMs: number | undefined;
  /** The last pulse came so much later than the one before, which is much sooner than it was; it alone says so. */
  soonerMs: number | undefined;
}

export type LoopEffect =
  | { do: "switch"; closed: boolean }
  | { do: "slow"; slow: boolean }
  | { do: "report"; report: LoopReport };

export interface Step {
  state: OutletState;
  effects: readonly LoopEffect[];
}

export function outletRules(part: OutletPart, retains: (meter: string) => boolean): OutletRules {
  const item = part.meters.find((meter) => meter.kind === "item");
  const { switch: actuator, interlocks = [] } = part;
  return {
    id: part.id,
    // A start signal falls in the instant in which it is told to.
    operateMsMax: actuator.kind === "start-signal" ? 0 : actuator.operateMsMax,
    settleMs: part.settleMs,
    meters: part.meters.map((meter) => meterRules(meter, retains(meter.id))),
    ...(item && { item: { timeoutMs: item.timeoutMs, pauseMs: item.pauseMs } }),
    interlocks: interlocks.map(({ id, sort }) => ({ id, sort })),
    ...(actuator.kind === "two-stage-valve" && { slowPulses: actuator.slowPulses }),
  };
}

function meterRules(meter: MeterPart, retains: boolean): MeterRules {
  const plain = { id: meter.id, retains };
  if (meter.kind === "time") return plain;
  if (meter.kind === "item") return { ...plain, countsItems: true };
  const { pulsesPerSecondMax, stuckAfterMs } = meter;
  const poll = meter.kind === "modbus" && {
    poll: { intervalMs: meter.pollMs, staleAfterMs: meter.staleAfterMs },
  };
  return { ...plain, pulsesPerSecondMax, stuckAfterMs, ...poll };
}

export function meterOf(state: OutletState, id: string): MeterState | undefined {
  return state.meters[state.rules.meters.findIndex((meter) => meter.id === id)];
}

export function sessionOf(phase: Phase): Session | undefined {
  return phase.is === "idle" ? undefined : phase.session;
}

/** Whether the contact stands as told; where nothing tells, it is taken to after the actuator's time. */
export function follows(
  told: "open" | "closed",
  sample: OutletSample,
  toldAtMs: number,
  rules: OutletRules,
): boolean {
  if (sample.switch === "lost") return false;
  const { contact } = sample.switch;
  if (contact !== "unknown") return contact === told;
  return sample.nowMs - toldAtMs >= rules.operateMsMax;
}

/** Why the outlet cannot deliver, if it cannot. Who pressed the emergency stop hears of that first. */
export function obstacleOf({ fault, interlocks: { block } }: OutletState): StopReason | undefined {
  if (block?.reason === "emergency-stop") return block.reason;
  return fault?.reason ?? block?.reason;
}

/** The switch is, or is to be, closed. */
export function wantsClosed(phase: Phase): boolean {
  return phase.is === "closing" || phase.is === "delivering";
}
