// The simulated world: virtual time, a queue of events and seeded chance. Everything on the bench lives in
// one world; the same seed and the same calls give the same events in the same order.
// Between two events all promise callbacks of the program run, however deeply they are nested.

import type { Clock, Timer, WallQuality } from "../clock.ts";
import type { Entropy } from "../entropy.ts";
import { type EventQueue, eventQueue } from "./event-queue.ts";
import { type Random, seededEntropy, seededRandom } from "./random.ts";

export interface SimWorldOptions {
  seed: number;
  /** Wall time at monotonic 0; 2026-01-01 UTC when not given. */
  wallStartMs?: number;
  wallQuality?: WallQuality;
}

/** A program running in the world: its timers die with it, as those of a killed process do. */
export interface SimProcess {
  readonly clock: Clock;
  readonly alive: () => boolean;
  /** No timer of this process wakes any more. What it holds (lines, links) is cut by whoever owns that. */
  kill(): void;
}

export interface SimWorld {
  readonly seed: number;
  readonly clock: Clock;
  /** The stream that faults are drawn from. */
  readonly random: Random;
  randomOf(name: string): Random;
  entropy(name?: string): Entropy;
  process(): SimProcess;

  nowMs(): number;
  /** Runs `run` with the time it was due, never synchronously; at once when that time has passed. */
  at(timeMs: number, run: (atMs: number) => void): Timer;
  after(delayMs: number, run: (atMs: number) => void): Timer;

  /** Sets the wall clock; monotonic time goes on undisturbed. */
  setWall(wallMs: number, quality?: WallQuality): void;
  setWallQuality(quality: WallQuality): void;

  /** Time of the next event, Infinity when there is none. */
  nextMs(): number;
  /** Events run so far, and events waiting. */
  eventsRun(): number;
  eventsWaiting(): number;
  /** Runs the next event and lets promises settle; false when there was none. */
  step(): Promise<boolean>;
  /** Runs all events due up to then and stands at exactly that time. An exception of an event rejects. */
  runUntil(timeMs: number): Promise<void>;
  runFor(durationMs: number): Promise<void>;
  /** Runs while the predicate holds, at most that long; true when it ceased to hold. */
  runWhile(predicate: () => boolean, limitMs: number): Promise<boolean>;
  /** As runFor, for programs without promises: none of their callbacks runs before this returns. */
  advance(durationMs: number): void;

  /** Binds time to a source outside, as pacing does; undefined gives it back to the queue. */
  bindTime(source: (() => number) | undefined): void;
  /** Called when an event is added that is due before all others. One listener; the last one set counts. */
  onSooner(listener: (() => void) | undefined): void;
}

/** A program that wakes itself without end in one instant is a defect, and is told so. */
const EVENTS_AT_ONCE_MAX = 100_000;
const WALL_START_MS = 1_767_225_600_000;

export function simWorld(options: SimWorldOptions): SimWorld {
  const queue = eventQueue();
  const { nowMs, at, runNext, standAt, ...ofTimeline } = timeline(queue);
  const { clock, ...ofWall } = wallClock(options, nowMs, at);
  return {
    seed: options.seed,
    clock,
    random: seededRandom(options.seed, "faults"),
    randomOf: (name) => seededRandom(options.seed, name),
    entropy: (name = "entropy") => seededEntropy(seededRandom(options.seed, name)),
    process: () => simProcess(clock),
    nowMs,
    at,
    after: (delayMs, run) => at(nowMs() + delayMs, run),
    nextMs: queue.nextMs,
    eventsWaiting: queue.size,
    ...ofTimeline,
    ...ofWall,
    ...running(queue.nextMs, nowMs, standAt, runNext),
  };
}

type Timeline = Pick<SimWorld, "nowMs" | "at" | "eventsRun" | "bindTime" | "onSooner"> & {
  runNext(): void;
  /** Goes there without running anything. */
  standAt(timeMs: number): void;
};

/** What time it is, and the events one after the other. */
function timeline(queue: EventQueue): Timeline {
  let nowMs = 0;
  // Events run in order of time: none may be added before the one that ran last. A world that is bound to a
  // source and late has a later `now`, and still makes up for all that was due before it.
  let floorMs = 0;
  let eventsAtOnce = 0;
  let eventsRun = 0;
  let source: (() => number) | undefined;
  let sooner: (() => void) | undefined;
  return {
    nowMs: () => {
      if (source !== undefined) nowMs = Math.max(nowMs, source());
      return nowMs;
    },
    at: (timeMs, run) => {
      if (Number.isNaN(timeMs)) throw new RangeError("an event needs a time");
      const nextMs = queue.nextMs();
      const event = queue.add(Math.max(timeMs, floorMs), run);
      if (event.atMs < nextMs) sooner?.();
      return { cancel: () => queue.cancel(event) };
    },
    runNext: () => {
      const event = queue.take();
      if (event?.run === undefined) return;
      eventsAtOnce = event.atMs > floorMs ? 0 : eventsAtOnce + 1;
      if (eventsAtOnce > EVENTS_AT_ONCE_MAX) throw new Error(`time stands still at ${floorMs} ms`);
      floorMs = event.atMs;
      nowMs = Math.max(nowMs, event.atMs);
      eventsRun++;
      const run = event.run;
      event.run = undefined;
      run(event.atMs);
    },
    standAt: (timeMs) => {
      nowMs = Math.max(nowMs, timeMs);
      floorMs = nowMs;
    },
    eventsRun: () => eventsRun,
    bindTime: (newSource) => {
      source = newSource;
    },
    onSooner: (listener) => {
      sooner = listener;
    },
  };
}

function wallClock(
  options: SimWorldOptions,
  nowMs: () => number,
  at: SimWorld["at"],
): Pick<SimWorld, "clock" | "setWall" | "setWallQuality"> {
  let wallOffsetMs = options.wallStartMs ?? WALL_START_MS;
  let quality: WallQuality = options.wallQuality ?? "set";
  return {
    clock: {
      monotonicMs: nowMs,
      wallMs: () => Math.floor(nowMs() + wallOffsetMs),
      wallQuality: () => quality,
      at: (deadlineMs, wake) => at(deadlineMs, () => wake()),
    },
    setWall: (wallMs, newQuality) => {
      wallOffsetMs = wallMs - nowMs();
      quality = newQuality ?? quality;
    },
    setWallQuality: (newQuality) => {
      quality = newQuality;
    },
  };
}

/**
 * Resolves when every promise callback that could run has run. With setImmediate this is exact: a callback of
 * the event loop starts only when no promise callback is left. Without it (not Node) nesting is settled
 * up to SETTLE_DEPTH awaits. Work handed to another thread or to the OS is not waited for either way.
 */
export function settlePromises(): Promise<void> {
  const immediate = immediately();
  if (immediate === undefined) return settleBounded();
  settling++;
  return new Promise((resolve) => {
    immediate(() => {
      settling--;
      resolve();
    });
  });
}

/** Calls of it that wait: what one world does in an event of another is part of that event. */
let settling = 0;

function immediately(): ((run: () => void) => void) | undefined {
  // biome-ignore lint/style/noRestrictedGlobals: not a timer here, but the one exact sign that no promise callback is left
  return typeof setImmediate === "function" ? setImmediate : undefined;
}

const SETTLE_DEPTH = 256;

async function settleBounded(): Promise<void> {
  for (let i = 0; i < SETTLE_DEPTH; i++) await undefined;
}

/** Callbacks asked for at once: a round of the event loop costs more than an event. */
const TURNS_MAX = 32;

/** Calls `turn` again and again while it says true, each time when promises have settled; what it throws rejects. */
function eachSettled(turn: () => boolean): Promise<void> {
  const immediate = immediately();
  if (immediate === undefined) return eachSettledBounded(turn);
  return new Promise((resolve, reject) => {
    let isOver = false;
    const take = (): void => {
      if (isOver || settling > 0) return;
      try {
        if (turn()) return;
        resolve();
      } catch (error) {
        reject(error);
      }
      isOver = true;
    };
    // More of them round by round, so that a short run leaves few behind that have nothing to do.
    const round = (turns: number): void => {
      for (let i = 1; i < turns; i++) immediate(take);
      immediate(() => {
        take();
        if (!isOver) round(settling > 0 ? 1 : Math.min(2 * turns, TURNS_MAX));
      });
    };
    round(1);
  });
}

async function eachSettledBounded(turn: () => boolean): Promise<void> {
  do await settleBounded();
  while (turn());
}

type Running = Pick<SimWorld, "step" | "runUntil" | "runFor" | "runWhile" | "advance">;

function running(
  nextMs: () => number,
  nowMs: () => number,
  standAt: (timeMs: number) => void,
  runNext: () => void,
): Running {
  const runUntil = (timeMs: number): Promise<void> =>
    eachSettled(() => {
      const isDue = nextMs() <= timeMs;
      if (isDue) runNext();
      else standAt(timeMs);
      return isDue;
    });
  return {
    step: async () => {
      if (nextMs() === Number.POSITIVE_INFINITY) return false;
      runNext();
      await settlePromises();
      return true;
    },
    runUntil,
    runFor: (durationMs) => runUntil(nowMs() + durationMs),
    runWhile: async (predicate, limitMs) => {
      const endMs = nowMs() + limitMs;
      let isHeld = true;
      await eachSettled(() => {
        isHeld = predicate();
        if (!isHeld) return false;
        if (nextMs() > endMs) {
          standAt(endMs);
          return false;
        }
        runNext();
        return true;
      });
      return !isHeld;
    },
    advance: (durationMs) => {
      const endMs = nowMs() + durationMs;
      while (nextMs() <= endMs) runNext();
      standAt(endMs);
    },
  };
}

function simProcess(clock: Clock): SimProcess {
  let alive = true;
  return {
    alive: () => alive,
    kill: () => {
      alive = false;
    },
    clock: {
      monotonicMs: clock.monotonicMs,
      wallMs: clock.wallMs,
      wallQuality: clock.wallQuality,
      at: (deadlineMs, wake) =>
        clock.at(deadlineMs, () => {
          if (alive) wake();
        }),
    },
  };
}
