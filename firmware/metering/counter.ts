// What a cumulative counter says since it was last read: so many pulses, or something that cannot be true.
// Pure. Plausible is what the meter can give at most in the time gone by, and a few pulses beyond, because
// readings of a steady flow come at uneven moments.

export interface Counter {
  /** The last reading. */
  count: number;
  atMs: number;
  /** Pulses that may come at once, beyond the maximum rate: fills up with time, BURST_PULSES at most. */
  burst: number;
}

export interface CounterDelta {
  counter: Counter;
  /** Plausible pulses since the last reading; 0 when something is wrong. */
  pulses: number;
  wrong?: CounterWrong;
}

export type CounterWrong =
  /** It went back a little: it turns the wrong way, or was replaced. */
  | "fell"
  /** It began again from the start. */
  | "reset"
  | "too-fast"
  | "not-a-count"
  | "not-started";

export const BURST_PULSES = 4;
/** No book and no receipt has room for more: a meter that shows it is broken, or was read wrongly. */
const COUNT_MAX = 4_000_000_000;

export function isCount(count: number): boolean {
  return Number.isSafeInteger(count) && count >= 0 && count <= COUNT_MAX;
}

export function startCounter(count: number, atMs: number, burst = BURST_PULSES): Counter {
  return { count, atMs, burst };
}

/**
 * `atMs` is when the count was true, by the monotonic clock: the time of its last pulse. Without a maximum rate any
 * rise is plausible. After something wrong the counter goes on from the new count.
 */
export function readCounter(
  counter: Counter,
  count: number,
  atMs: number,
  pulsesPerSecondMax: number | undefined,
  burstMax = BURST_PULSES,
): CounterDelta {
  if (!isCount(count)) {
    return { counter: { ...counter, atMs }, pulses: 0, wrong: "not-a-count" };
  }
  const started = startCounter(count, atMs, burstMax);
  const pulses = count - counter.count;
  if (pulses < 0) {
    const isReset = count <= BURST_PULSES && counter.count > 2 * BURST_PULSES;
    return { counter: started, pulses: 0, wrong: isReset ? "reset" : "fell" };
  }
  if (pulsesPerSecondMax === undefined) {
    return { counter: { ...counter, count, atMs }, pulses };
  }
  const elapsedMs = Math.max(0, atMs - counter.atMs);
  const left = counter.burst + (pulsesPerSecondMax * elapsedMs) / 1000 - pulses;
  if (left < 0) return { counter: started, pulses: 0, wrong: "too-fast" };
  return { counter: { count, atMs, burst: Math.min(burstMax, left) }, pulses };
}

/**
 * A counter of items, of which at most so many were started and are not done: what is done beyond them is wrong
 * and never counted, but the ones that were started are.
 */
export function readItems(
  counter: Counter,
  count: number,
  atMs: number,
  underWay: number,
): CounterDelta {
  const delta = readCounter(counter, count, atMs, undefined);
  if (delta.pulses <= underWay) return delta;
  return { counter: delta.counter, pulses: underWay, wrong: "not-started" };
}
