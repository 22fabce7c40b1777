// Wires by name, between the lines that a program opens and the metal that drives them or is driven.
// A program holds a line until it closes it or dies; a line that nobody holds is inactive.

import { HalError } from "../hal-error.ts";
import type { EdgeInput, InputPin, Lines, OutputPin } from "../pin.ts";
import type { SimWorld } from "./world.ts";

export interface SimPins {
  /** What the program under test opens. */
  lines: Lines;
  /** The level on the wire now. */
  level(line: string): boolean;
  /** The metal drives the wire; going active counts as an edge. */
  drive(line: string, active: boolean, atMs?: number): void;
  /** This many pulses in no time. */
  pulse(line: string, edges: number, atMs?: number): void;
  /** Called when the program changes the level of the wire. One listener; the last one set counts. */
  onDriven(line: string, listener: (active: boolean) => void): void;
  /** Called before the program reads the wire: metal that is late makes up for it. The last listener counts. */
  onRead(line: string, listener: () => void): void;
  /** Called before anything changes on any wire, but what the program drives itself. One listener; the last one set counts. */
  onChange(listener: () => void): void;
  /** All reads and edges of the wire throw `disconnected` until it is plugged in again. */
  unplug(line: string): void;
  plugIn(line: string): void;
  /** What the OS does when the process dies: every line is given up, outputs fall inactive. */
  releaseAll(): void;
}

export interface SimPinsOptions {
  /** From an edge to the wake-up of whoever counts it, drawn anew each time; none when not given. */
  wakeDelayMs?: readonly [number, number];
}

export function simPins(world: SimWorld, options: SimPinsOptions = {}): SimPins {
  const wires = new Map<string, Wire>();
  const random = world.randomOf("pins");
  const wireOf = (line: string): Wire => {
    const wire = wires.get(line) ?? newWire();
    wires.set(line, wire);
    return wire;
  };
  // While somebody reads, an edge that is made up for wakes nobody in the middle of it.
  let reading = false;
  const beforeRead = (wire: Wire): void => {
    if (reading || wire.read === undefined) return;
    reading = true;
    try {
      wire.read();
    } finally {
      reading = false;
    }
  };
  let changes = (): void => {};
  const countEdges = (wire: Wire, edges: number, atMs: number): void => {
    wire.edges += edges;
    wire.lastEdgeMs = Math.max(wire.lastEdgeMs, atMs);
    const wake = wire.edge;
    if (wake === undefined) return;
    if (options.wakeDelayMs === undefined && !reading) {
      wake();
      return;
    }
    world.after(random.betweenMs(...(options.wakeDelayMs ?? [0, 0])), () => {
      if (wire.edge === wake) wake();
    });
  };
  const setUnplugged = (line: string, unplugged: boolean): void => {
    changes();
    wireOf(line).unplugged = unplugged;
  };

  return {
    lines: openLines(wireOf, beforeRead, world.nowMs),
    level: (line) => wireOf(line).active,
    drive: (line, active, atMs = world.nowMs()) => {
      const wire = wireOf(line);
      if (wire.active !== active) changes();
      const rises = active && !wire.active;
      wire.active = active;
      if (rises) countEdges(wire, 1, atMs);
    },
    pulse: (line, edges, atMs = world.nowMs()) => {
      changes();
      countEdges(wireOf(line), edges, atMs);
    },
    onDriven: (line, listener) => {
      wireOf(line).driven = listener;
    },
    onRead: (line, listener) => {
      wireOf(line).read = listener;
    },
    onChange: (listener) => {
      changes = listener;
    },
    unplug: (line) => setUnplugged(line, true),
    plugIn: (line) => setUnplugged(line, false),
    releaseAll: () => {
      for (const wire of wires.values()) wire.held?.release();
    },
  };
}

function openLines(
  wireOf: (line: string) => Wire,
  beforeRead: BeforeRead,
  nowMs: () => number,
): Lines {
  return {
    output: (line) => openOutput(takeLine(line, wireOf(line), true)),
    input: (line) => openInput(takeLine(line, wireOf(line), false), beforeRead),
    edges: (line) => openEdges(takeLine(line, wireOf(line), false), nowMs(), beforeRead),
  };
}

interface Wire {
  active: boolean;
  edges: number;
  lastEdgeMs: number;
  unplugged: boolean;
  held: HeldLine | undefined;
  driven: ((active: boolean) => void) | undefined;
  read: (() => void) | undefined;
  edge: (() => void) | undefined;
}

function newWire(): Wire {
  return {
    active: false,
    edges: 0,
    lastEdgeMs: 0,
    unplugged: false,
    held: undefined,
    driven: undefined,
    read: undefined,
    edge: undefined,
  };
}

interface HeldLine {
  wire: Wire;
  /** Throws when the wire is unplugged or the line was closed; false when its process has died. */
  usable(): boolean;
  setLevel(active: boolean): void;
  close(): void;
  release(): void;
}

function takeLine(line: string, wire: Wire, isOutput: boolean): HeldLine {
  if (wire.held !== undefined) throw new HalError("refused", `line ${line} is already held`);
  let closed = false;
  const setLevel = (active: boolean): void => {
    if (wire.active === active) return;
    wire.active = active;
    wire.driven?.(active);
  };
  const held: HeldLine = {
    wire,
    usable: () => {
      if (closed) throw new HalError("canceled", `line ${line} was closed`);
      if (wire.unplugged) throw new HalError("disconnected", `line ${line} is gone`);
      return wire.held === held;
    },
    setLevel,
    close: () => {
      closed = true;
      held.release();
    },
    release: () => {
      if (wire.held !== held) return;
      if (isOutput) setLevel(false);
      wire.held = undefined;
      wire.edge = undefined;
    },
  };
  wire.held = held;
  if (isOutput) setLevel(false);
  return held;
}

function openOutput(held: HeldLine): OutputPin {
  return {
    set: (active) => {
      if (held.usable()) held.setLevel(active);
    },
    close: held.close,
  };
}

type BeforeRead = (wire: Wire) => void;

function openInput(held: HeldLine, beforeRead: BeforeRead): InputPin {
  const { wire } = held;
  return {
    read: () => {
      if (!held.usable()) return false;
      beforeRead(wire);
      return wire.active;
    },
    close: held.close,
  };
}

function openEdges(held: HeldLine, openedMs: number, beforeRead: BeforeRead): EdgeInput {
  const { wire } = held;
  const start = wire.edges;
  return {
    edges: () => {
      if (held.usable()) beforeRead(wire);
      return { count: wire.edges - start, atMs: Math.max(openedMs, wire.lastEdgeMs) };
    },
    onEdge: (wake) => {
      if (held.usable()) wire.edge = wake;
    },
    close: held.close,
  };
}
