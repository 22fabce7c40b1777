// What still flows after a switch is told to open, and how it is learnt: not in pulses but in time, because that stays
// the same when the flow changes. One stop says it to within one pulse of its flow, so it moves what is known only where
// the two do not agree. Pure numbers.

import { RUN_ON_MS_MAX, type RunOn } from "../../hal/loop-host.ts";

/** What one more stop weighs at the least: the metal wears, the water warms. */
const WEIGHT_MIN = 1 / 8;
/** A stop farther from the mean than so many times the usual distance moves it only by that. */
const SPREADS_MAX = 3;
/** The least that one stop may move it, so that something that was very even can change. */
const MOVE_MS_MIN = 1;
/**
 * A stop that lies so far below the mean, in spreads and in pulses: of one alone somebody may have shut the nozzle. Two
 * are another actuator's, or the mean was learnt from a stop like no other: half of that is believed at once, because
 * each cut far before its time leaves somebody short.
 */
const FAR_SPREADS = 8;
const FAR_PULSES = 2;

/** A stop at a steady flow: the pulses after the switch was told to open, and what had flowed of the first of them. */
export interface SeenStop {
  pulses: number;
  /** 0 to 1. */
  part: number;
  intervalMs: number;
}

/** The stop is far below what is known; see FAR_SPREADS. */
export function isFarBelow(before: RunOn | undefined, stop: SeenStop): boolean {
  if (before === undefined) return false;
  const { delayMs, spreadMs } = before;
  const belowMs = delayMs - mostMsOf(stop);
  return belowMs > Math.max(FAR_SPREADS * spreadMs, FAR_PULSES * stop.intervalMs);
}

/**
 * Undefined as long as nothing ever flowed on for a whole pulse: then there is nothing to be learnt. `wasFarBelow`: the
 * stop before this one.
 */
export function learnRunOn(
  before: RunOn | undefined,
  stop: SeenStop,
  wasFarBelow = false,
): RunOn | undefined {
  const { pulses, part, intervalMs } = stop;
  const leastMs = bounded((pulses - part) * intervalMs);
  const mostMs = mostMsOf(stop);
  if (before === undefined) {
    if (pulses === 0) return undefined;
    // Rather too little, which gives something away, than too much, which leaves something to be paid back.
    return { delayMs: leastMs, spreadMs: (mostMs - leastMs) / 4, stops: 1 };
  }
  const { delayMs, spreadMs, stops } = before;
  if (wasFarBelow && isFarBelow(before, stop)) {
    return { delayMs: (delayMs + mostMs) / 2, spreadMs, stops: stops + 1 };
  }
  const nearestMs = Math.min(Math.max(delayMs, leastMs), mostMs);
  const quarterMs = (mostMs - leastMs) / 4;
  const moveMsMax = Math.max(SPREADS_MAX * spreadMs, mostMs - leastMs, MOVE_MS_MIN);
  const offMs = Math.min(Math.max(nearestMs - delayMs, -moveMsMax), moveMsMax);
  // Within its one pulse it agrees with what is known: then it can make it narrower, never wider.
  const distanceMs =
    nearestMs === delayMs ? Math.min(spreadMs, quarterMs) : Math.abs(offMs) + quarterMs;
  const weight = Math.max(WEIGHT_MIN, 1 / (stops + 1));
  return {
    delayMs: bounded(delayMs + weight * offMs),
    spreadMs: bounded(spreadMs + weight * (distanceMs - spreadMs)),
    stops: stops + 1,
  };
}

function mostMsOf({ pulses, part, intervalMs }: SeenStop): number {
  return bounded((pulses + 1 - part) * intervalMs);
}

function bounded(ms: number): number {
  return Math.min(Math.max(0, ms), RUN_ON_MS_MAX);
}

/** What runs on is taken to be within so many spreads. */
const SURE_SPREADS = 4;

/**
 * How long after the last pulse the switch is told to open, so that what runs on ends in the middle of the pulse that
 * follows the last one paid for: one pulse to spare on either side. Negative when that has passed; undefined while the
 * next pulse can be waited for, and where about a pulse runs on or less: there the last pulse itself decides, for
 * nothing is missing then and at most one is given away.
 */
export function cutAfterMs(
  { delayMs, spreadMs }: RunOn,
  intervalMs: number,
  pulsesLeft: number,
): number | undefined {
  const isShort = delayMs - spreadMs < intervalMs;
  if (isShort && delayMs + SURE_SPREADS * spreadMs <= 2 * intervalMs) return undefined;
  const afterMs = (pulsesLeft + 0.5) * intervalMs - delayMs;
  return afterMs > intervalMs ? undefined : afterMs;
}

/** Pulses before the end of a session from which on a cut may come, at that flow or less. */
export function cutPulsesMax(runOn: RunOn | undefined, pulsesPerSecondMax: number): number {
  if (runOn === undefined) return 0;
  const longestMs = Math.min(runOn.delayMs, RUN_ON_MS_MAX);
  return Math.ceil((longestMs * pulsesPerSecondMax) / 1000) + 1;
}
