// Three hands at the same switch: our loop with its drivers, a loop that looks once a second as open chargers do, and
// plain counting of interrupts, of which those that come while one is being handled are one. Each delivers sale after
// sale on metal of the same seed, and says by how many pulses it missed.

import { type LoopChannel, runLoop } from "../../firmware/metering/loop-runner.ts";
import type { SwitchPart } from "../../hal/board.ts";
import { every } from "../../hal/clock.ts";
import { openOutlets } from "../../hal/drivers/open-outlets.ts";
import type { LoopCommand, LoopReport } from "../../hal/loop-host.ts";
import { openSimBoard, type SimBoard } from "../../hal/sim/open-board.ts";
import { type SimWorld, simWorld } from "../../hal/sim/world.ts";
import { type Actuator, OUTLET, type Sale } from "./overrun-actuators.ts";

export interface Hand {
  /** By how many pulses more than were sold, or fewer. */
  deliver(sale: Sale): number;
}

/** Between two sales, and longer than anything runs on. */
const PAUSE_MS = 600;
const SALE_MS_MAX = 3_600_000;
const STEP_MS = 50;

interface Metal {
  world: SimWorld;
  board: SimBoard;
  actuator: Actuator;
  /** What really flowed since the start, in whole pulses. */
  flowed(): number;
}

function openMetal(actuator: Actuator, seed: number): Metal {
  const world = simWorld({ seed });
  const board = openSimBoard(world, actuator.board, { stops: actuator.stops });
  const { meter } = actuator;
  const physical = (): number => board.metal.outlet(OUTLET).meters[meter.id]?.physical ?? 0;
  const flowed = meter.kind === "time" ? closedTime(world, board, meter.pulseMs) : physical;
  return { world, board, actuator, flowed };
}

/** Of time nothing is counted by the metal but how long the contact was closed. */
function closedTime(world: SimWorld, { metal }: SimBoard, pulseMs: number): () => number {
  let closedMs = 0;
  let closedAtMs: number | undefined;
  metal.onChange(({ outlets }) => {
    const nowMs = world.nowMs();
    if (closedAtMs !== undefined) closedMs += nowMs - closedAtMs;
    closedAtMs = outlets[0]?.contact === true ? nowMs : undefined;
  });
  return () => Math.floor(closedMs / pulseMs);
}

function waitFor({ world }: Metal, done: () => boolean): void {
  const endMs = world.nowMs() + SALE_MS_MAX;
  while (!done()) {
    if (world.nowMs() > endMs) throw new Error("a sale of the overrun bench does not end");
    world.advance(STEP_MS);
  }
}

/** Delivers by `run`, which returns when the switch was told to open, and measures by the metal. */
function deliverBy({ world, board, flowed }: Metal, sale: Sale, run: () => void): number {
  world.advance(PAUSE_MS);
  board.metal.setFlow(OUTLET, sale.pulsesPerSecond);
  const before = flowed();
  run();
  world.advance(PAUSE_MS);
  return flowed() - before - sale.pulses;
}

type Stopped = LoopReport & { on: "stopped" };

/** All that flowed is told, and no more is charged than was sold. */
function isTrue({ reason, pulses, runOnPulses }: Stopped, total: number, missed: number): boolean {
  const charged = Math.min(total, total + missed);
  return reason === "exhausted" && pulses === charged && runOnPulses === total + missed - charged;
}

/** `misstated` is called where the loop's own word would not make a true receipt. */
export function openLoopHand(actuator: Actuator, seed: number, misstated: () => void): Hand {
  const metal = openMetal(actuator, seed);
  let command: (command: LoopCommand) => void = () => {};
  let stopped: Stopped | undefined;
  const channel: LoopChannel = {
    onCommand: (listener) => {
      command = listener;
    },
    report: (report) => {
      if (report.on === "stopped") stopped = report;
    },
  };
  runLoop(openOutlets(actuator.board, metal.world.clock, metal.board.pins.lines), channel);
  let session = 0;
  return {
    deliver: (sale) => {
      stopped = undefined;
      const { pulses: total } = sale;
      const missed = deliverBy(metal, sale, () => {
        const grant = { session: String(++session), outlet: OUTLET, meter: actuator.meter.id };
        command({ do: "grant", ...grant, pulses: total, total });
        waitFor(metal, () => stopped !== undefined);
      });
      if (stopped === undefined || !isTrue(stopped, total, missed)) misstated();
      return missed;
    },
  };
}

interface Coils {
  set(closed: boolean): void;
  slow(): void;
}

function openCoils({ board, actuator }: Metal): Coils {
  const part: SwitchPart | undefined = actuator.board.outlets[0]?.switch;
  if (part?.kind !== "two-stage-valve") {
    const coil = board.pins.lines.output("coil");
    return { set: (closed) => coil.set(closed), slow: () => {} };
  }
  const wide = board.pins.lines.output(part.fastLine);
  const narrow = board.pins.lines.output(part.slowLine);
  return {
    set: (closed) => {
      wide.set(closed);
      narrow.set(closed);
    },
    slow: () => wide.set(false),
  };
}

/** Counts, and looks at its count when it is told to; true when it has just told the switch to open. */
function openCounting(actuator: Actuator, seed: number, countOf: (metal: Metal) => () => number) {
  const metal = openMetal(actuator, seed);
  const coils = openCoils(metal);
  const count = countOf(metal);
  const part = actuator.board.outlets[0]?.switch;
  const slowPulses = part?.kind === "two-stage-valve" ? part.slowPulses : 0;
  let target: number | undefined;
  const look = (): void => {
    if (target === undefined) return;
    const left = target - count();
    if (left <= 0) {
      coils.set(false);
      target = undefined;
    } else if (left <= slowPulses) coils.slow();
  };
  const deliver = (sale: Sale): number =>
    deliverBy(metal, sale, () => {
      target = count() + sale.pulses;
      coils.set(true);
      look();
      waitFor(metal, () => target === undefined);
    });
  return { metal, look, deliver };
}

const POLLING_MS = 1_000;

/** It reads every pulse, but once a second only. */
export function openPollingHand(actuator: Actuator, seed: number): Hand {
  const hand = openCounting(actuator, seed, ({ board }) => {
    const edges = board.pins.lines.edges("pulses");
    return () => edges.edges().count;
  });
  every(hand.metal.world.clock, POLLING_MS, hand.look);
  return hand;
}

/** From an interrupt to its callback; another one that comes meanwhile is the same one. */
const CALLBACK_MS = [0.2, 2] as const;

export function openInterruptHand(actuator: Actuator, seed: number): Hand {
  let seen = 0;
  const hand = openCounting(actuator, seed, () => () => seen);
  const { world, board } = hand.metal;
  const random = world.randomOf("callbacks");
  let isPending = false;
  board.pins.lines.edges("pulses").onEdge(() => {
    if (isPending) return;
    isPending = true;
    world.after(random.betweenMs(...CALLBACK_MS), () => {
      isPending = false;
      seen++;
      hand.look();
    });
  });
  return hand;
}
