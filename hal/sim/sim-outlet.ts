// One outlet of the virtual metal: its coil, its contact with an auxiliary contact beside it (or the two ways of a
// valve), and the pulse meters that turn while something flows. In a world that is late (pace.ts) its events are late too, so a
// program that reads its lines first lets it make up for all that should have happened by now.

import type {
  ContactorPart,
  ModbusMeterPart,
  OutletPart,
  PulseMeterPart,
  TwoStageValvePart,
} from "../board.ts";
import type { Timer } from "../clock.ts";
import type { SimPins } from "./sim-pins.ts";
import { drawnStops, type StopPhysics } from "./sim-stops.ts";
import type { SimWorld } from "./world.ts";

/** Movements kept for each outlet. */
const HISTORY_MAX = 1000;

export interface MetalMeterState {
  /** What the meter shows: it goes on over power cuts when handed in again. */
  register: number;
  /** Pulses' worth that really flowed, whatever the meter shows. */
  physical: number;
}

export interface MetalOutletState {
  id: string;
  coil: boolean;
  contact: boolean;
  /** Pulse meters, and those that are read over a bus, by id. */
  meters: Readonly<Record<string, MetalMeterState>>;
}

/** The metal behind a contactor; machines with a start signal have faults of their own (sim-machine.ts). */
export interface OutletFaults {
  /** The contact does not open any more. */
  weld: boolean;
  /** The contact does not close any more. */
  notClosed: boolean;
  /** Flow goes on, the meters stand still. */
  stuckMeter: boolean;
  /** Pulses per second that flow though the contact is open. */
  leakPulsesPerSecond: number;
  /** The auxiliary contact opens and closes this many times, a millisecond apart, after each movement. */
  bounces: number;
}

export interface SwitchEvent {
  atMs: number;
  what: "coil" | "contact";
  closed: boolean;
}

export interface MetalOutlet {
  state(): MetalOutletState;
  history(): readonly SwitchEvent[];
  setFaults(faults: Partial<OutletFaults>): void;
  setFlow(pulsesPerSecond: number): void;
  jumpMeter(meter: string, pulses: number): void;
}

/** The last HISTORY_MAX movements. */
export interface SwitchHistory {
  events: readonly SwitchEvent[];
  add(what: SwitchEvent["what"], closed: boolean, atMs: number): void;
}

export function switchHistory(): SwitchHistory {
  const events: SwitchEvent[] = [];
  return {
    events,
    add: (what, closed, atMs) => {
      events.push({ atMs, what, closed });
      if (events.length > HISTORY_MAX) events.shift();
    },
  };
}

export interface SimOutletOptions {
  world: SimWorld;
  pins: SimPins;
  part: OutletPart;
  actuator: ContactorPart | TwoStageValvePart;
  /** Of the whole flow, what a valve lets through its narrow way. */
  slowShare: number;
  pulsesPerSecond: number;
  operateMs: readonly [number, number];
  /** How it lets go, in place of that; of a valve with two ways, each of them. */
  stops?: StopPhysics | undefined;
  register: (meter: string) => number;
  changed: () => void;
}

const NO_FAULTS: OutletFaults = {
  weld: false,
  notClosed: false,
  stuckMeter: false,
  leakPulsesPerSecond: 0,
  bounces: 0,
};

export function simOutlet(options: SimOutletOptions): MetalOutlet {
  const { world, pins, part, actuator, changed } = options;
  const { feedbackLine } = actuator;
  const faults: OutletFaults = { ...NO_FAULTS };
  const history = switchHistory();
  let pulsesPerSecond = options.pulsesPerSecond;
  const meters = openMeters(options, () => faults.stuckMeter);
  const flows = (): boolean => ways.some((way) => way.contact.closed());
  const coil = (): boolean => ways.some((way) => way.coil);
  const updateFlow = (atMs: number): void => {
    const share = ways.reduce((sum, way) => sum + way.share * way.contact.lets(), 0);
    const rate = share > 0 ? pulsesPerSecond * share : faults.leakPulsesPerSecond;
    for (const meter of meters.values()) meter.setRate(rate, atMs);
  };
  const turnUntil = (atMs: number): void => {
    for (const meter of meters.values()) meter.turnUntil(atMs);
  };
  const ranOut = (atMs: number): void => {
    turnUntil(atMs);
    updateFlow(atMs);
  };
  const moved = (closed: boolean, atMs: number): void => {
    history.add("contact", closed, atMs);
    ranOut(atMs);
    showContact(options, flows, faults.bounces);
    changed();
  };
  const ways = waysOf(options).map(({ line, share, name }): Way => {
    const contact = movingContact(options, name, moved, ranOut);
    return { line, share, coil: false, contact };
  });
  const followCoil = (way: Way): void =>
    way.contact.follow(way.coil, way.coil ? faults.notClosed : faults.weld);
  const makeUp = (): void => {
    for (const way of ways) way.contact.moveUntil(world.nowMs());
    turnUntil(world.nowMs());
  };
  for (const way of ways) {
    pins.onDriven(way.line, (active) => {
      way.coil = active;
      history.add("coil", active, world.nowMs());
      followCoil(way);
      changed();
    });
  }
  if (feedbackLine !== undefined) {
    pins.drive(feedbackLine, false);
    pins.onRead(feedbackLine, makeUp);
  }
  for (const meter of part.meters) if (meter.kind === "pulse") pins.onRead(meter.line, makeUp);

  return {
    state: () => {
      const shown = [...meters].map(([id, meter]) => [id, meter.state()] as const);
      return { id: part.id, coil: coil(), contact: flows(), meters: Object.fromEntries(shown) };
    },
    history: () => history.events,
    setFaults: (changes) => {
      Object.assign(faults, changes);
      for (const way of ways) followCoil(way);
      updateFlow(world.nowMs());
    },
    setFlow: (newRate) => {
      pulsesPerSecond = newRate;
      updateFlow(world.nowMs());
    },
    jumpMeter: (id, pulses) => meters.get(id)?.jump(pulses),
  };
}

/** The auxiliary contact, which may bounce, a millisecond apart. */
function showContact(
  { world, pins, actuator: { feedbackLine } }: SimOutletOptions,
  flows: () => boolean,
  bounces: number,
): void {
  if (feedbackLine === undefined) return;
  pins.drive(feedbackLine, flows());
  for (let i = 1; i <= 2 * bounces; i++) {
    world.after(i, () => pins.drive(feedbackLine, flows() === (i % 2 === 0)));
  }
}

/** A contactor has one way for all that flows, a two-stage valve a wide one and a narrow one. */
interface Way {
  line: string;
  /** Of the whole flow. */
  share: number;
  coil: boolean;
  contact: MovingContact;
}

function waysOf({ part, actuator, slowShare }: SimOutletOptions) {
  const name = `metal ${part.id}`;
  if (actuator.kind === "contactor") return [{ line: actuator.line, share: 1, name }];
  return [
    { line: actuator.fastLine, share: 1 - slowShare, name },
    { line: actuator.slowLine, share: slowShare, name: `${name} slow` },
  ];
}

interface MovingContact {
  closed(): boolean;
  /** Of its flow, what it lets through: 0 to 1. */
  lets(): number;
  /** Moves after a drawn delay to where the coil is, unless it is there or cannot. */
  follow(coil: boolean, hindered: boolean): void;
  /** Makes the movement that was due before that time and has not been made yet. */
  moveUntil(timeMs: number): void;
}

/** Of the flow, while what runs on runs out. */
const RUN_ON_SHARE = 0.5;

interface Due {
  atMs: number;
  timer: Timer;
}

function movingContact(
  { world, operateMs, stops }: SimOutletOptions,
  name: string,
  moved: (closed: boolean, atMs: number) => void,
  ranOut: (atMs: number) => void,
): MovingContact {
  const random = world.randomOf(name);
  const drawStop = stops && drawnStops(world.randomOf(`${name} stops`), stops);
  let closed = false;
  let moving: (Due & { to: boolean; runOnMs: number }) | undefined;
  let runningOut: Due | undefined;
  const endRunOn = (atMs: number): void => {
    runningOut?.timer.cancel();
    runningOut = undefined;
    ranOut(atMs);
  };
  const move = (to: boolean, atMs: number, runOnMs: number): void => {
    moving?.timer.cancel();
    moving = undefined;
    runningOut?.timer.cancel();
    runningOut = undefined;
    closed = to;
    if (runOnMs > 0) {
      const endMs = atMs + runOnMs;
      runningOut = { atMs: endMs, timer: world.at(endMs, endRunOn) };
    }
    moved(to, atMs);
  };
  return {
    closed: () => closed,
    lets: () => {
      if (closed) return 1;
      return runningOut === undefined ? 0 : RUN_ON_SHARE;
    },
    follow: (coil, hindered) => {
      moving?.timer.cancel();
      moving = undefined;
      if (coil === closed || hindered) return;
      const stop = coil ? undefined : drawStop?.();
      const atMs = world.nowMs() + (stop?.latencyMs ?? random.betweenMs(...operateMs));
      const runOnMs = stop?.runOnMs ?? 0;
      const timer = world.at(atMs, (dueMs) => move(coil, dueMs, runOnMs));
      moving = { atMs, to: coil, runOnMs, timer };
    },
    moveUntil: (timeMs) => {
      if (moving !== undefined && moving.atMs < timeMs) {
        move(moving.to, moving.atMs, moving.runOnMs);
      }
      if (runningOut !== undefined && runningOut.atMs < timeMs) endRunOn(runningOut.atMs);
    },
  };
}

function openMeters(
  { world, pins, part, register, changed }: SimOutletOptions,
  stuck: () => boolean,
): ReadonlyMap<string, TurningMeter> {
  const meters = new Map<string, TurningMeter>();
  for (const meter of part.meters) {
    if (meter.kind !== "pulse" && meter.kind !== "modbus") continue;
    meters.set(meter.id, turningMeter(world, pins, meter, register(meter.id), stuck, changed));
  }
  return meters;
}

interface TurningMeter {
  state(): MetalMeterState;
  /** Counts what was due before that time and is not counted yet. */
  turnUntil(timeMs: number): void;
  setRate(pulsesPerSecond: number, atMs: number): void;
  jump(pulses: number): void;
}

/** Turns with the flow; the part of a pulse that has flowed when it stops is kept in `phase`. */
function turningMeter(
  world: SimWorld,
  pins: SimPins,
  part: PulseMeterPart | ModbusMeterPart,
  startRegister: number,
  stuck: () => boolean,
  changed: () => void,
): TurningMeter {
  let register = startRegister;
  let physical = 0;
  let rate = 0;
  let phase = 0;
  let sinceMs = world.nowMs();
  let next: Timer | undefined;

  const nextAtMs = (): number => sinceMs + ((1 - phase) * 1000) / rate;
  const arm = (): void => {
    next?.cancel();
    next = rate > 0 ? world.at(nextAtMs(), turn) : undefined;
  };
  const turn = (atMs: number): void => {
    phase = 0;
    sinceMs = atMs;
    physical++;
    arm();
    if (!stuck()) {
      register++;
      if (part.kind === "pulse") pins.pulse(part.line, 1, atMs);
    }
    changed();
  };
  return {
    state: () => ({ register, physical }),
    turnUntil: (timeMs) => {
      while (rate > 0 && nextAtMs() < timeMs) turn(nextAtMs());
    },
    setRate: (pulsesPerSecond, atMs) => {
      phase = Math.min(1, phase + (Math.max(0, atMs - sinceMs) * rate) / 1000);
      sinceMs = Math.max(sinceMs, atMs);
      rate = pulsesPerSecond;
      arm();
    },
    jump: (pulses) => {
      register += pulses;
      if (part.kind === "pulse") pins.pulse(part.line, pulses);
      changed();
    },
  };
}
