// By how many pulses deliveries miss what was sold: thousands of stops over flow, actuator and size of a pulse, in
// virtual time through the real loop and its drivers, and beside it what a loop that looks once a second and plain
// counting of interrupts make of the same sales on the same metal.

import { seededRandom } from "../../hal/sim/random.ts";
import { table } from "./figure.ts";
import { type Actuator, actuators, drawSale } from "./overrun-actuators.ts";
import { type Hand, openInterruptHand, openLoopHand, openPollingHand } from "./overrun-hands.ts";

/** Stops from which a new actuator is learnt: they are made, and told apart. */
const LEARNING_STOPS = 16;
const SEED = 6;

/** How often deliveries missed by each number of pulses: more than were sold, or fewer. */
export type Misses = ReadonlyMap<number, number>;

interface OverrunRow {
  kind: Actuator["kind"];
  name: string;
  misses: Misses;
}

export interface Overrun {
  stops: number;
  /** The worst of them, in pulses. */
  overrunPulsesMax: number;
  shortPulsesMax: number;
  /** The share of them that missed by one pulse at the most. */
  overrunWithinOnePulse: number;
  rows: readonly OverrunRow[];
  /** Of the stops from which the actuators were learnt. */
  learning: Misses;
  /** Stops after which a receipt would not say what really flowed, or would charge more than was sold. */
  misstated: number;
  /** The same sales by other means, where there are pulses to count. */
  polling: Misses;
  interrupts: Misses;
}

/** About so many stops, evenly over all actuators. */
export function measureOverrun(stops: number): Overrun {
  const all = actuators();
  const each = Math.ceil(stops / all.length);
  const learning: Misses[] = [];
  const polling: Misses[] = [];
  const interrupts: Misses[] = [];
  let misstated = 0;
  const rows = all.map((actuator, i): OverrunRow => {
    const seed = SEED + i;
    const sales = salesOf(actuator, seed, LEARNING_STOPS + each);
    const hand = openLoopHand(actuator, seed, () => misstated++);
    learning.push(missesOf(hand, sales.slice(0, LEARNING_STOPS)));
    const timed = sales.slice(LEARNING_STOPS);
    const misses = missesOf(hand, timed);
    if (actuator.meter.kind === "pulse") {
      polling.push(missesOf(openPollingHand(actuator, seed), timed));
      interrupts.push(missesOf(openInterruptHand(actuator, seed), timed));
    }
    return { kind: actuator.kind, name: actuator.name, misses };
  });
  return {
    ...summed(together(rows.map(({ misses }) => misses))),
    ...{ rows, learning: together(learning), misstated },
    ...{ polling: together(polling), interrupts: together(interrupts) },
  };
}

function salesOf(actuator: Actuator, seed: number, count: number) {
  const random = seededRandom(seed, "sales");
  return Array.from({ length: count }, () => drawSale(actuator, random));
}

function missesOf(hand: Hand, sales: ReturnType<typeof salesOf>): Misses {
  const misses = new Map<number, number>();
  for (const sale of sales) {
    const missed = hand.deliver(sale);
    misses.set(missed, (misses.get(missed) ?? 0) + 1);
  }
  return misses;
}

function together(many: readonly Misses[]): Misses {
  const all = new Map<number, number>();
  for (const [missed, times] of many.flatMap((each) => [...each])) {
    all.set(missed, (all.get(missed) ?? 0) + times);
  }
  return all;
}

function timesWithin(misses: Misses, least: number, most: number): number {
  let times = 0;
  for (const [missed, each] of misses) if (missed >= least && missed <= most) times += each;
  return times;
}

function summed(misses: Misses) {
  const stops = timesWithin(misses, -Infinity, Infinity);
  return {
    stops,
    overrunPulsesMax: Math.max(0, ...misses.keys()),
    shortPulsesMax: Math.max(0, ...[...misses.keys()].map((missed) => -missed)),
    overrunWithinOnePulse: timesWithin(misses, -1, 1) / stops,
  };
}

/** Columns of the histogram: pulses from and to. */
const BINS: readonly (readonly [string, number, number])[] = [
  ["< -1", -Infinity, -2],
  ["-1", -1, -1],
  ["0", 0, 0],
  ["+1", 1, 1],
  ["+2..9", 2, 9],
  ["+10..99", 10, 99],
  [">= +100", 100, Infinity],
];

/** A row for each actuator, and what all of them, the learning and the others come to. */
export function overrunTable(overrun: Overrun): string {
  const { rows, learning, polling, interrupts } = overrun;
  const all = together(rows.map(({ misses }) => misses));
  const lines = [
    ...rows.map(({ kind, name, misses }) => [`${kind}: ${name}`, misses] as const),
    ["all", all] as const,
    ["their first stops, from which they are learnt", learning] as const,
    ["a loop that looks once a second", polling] as const,
    ["counting interrupts one by one", interrupts] as const,
  ].map(([name, misses]) => {
    const { stops, overrunPulsesMax, shortPulsesMax, overrunWithinOnePulse } = summed(misses);
    const counts = BINS.map(([, least, most]) => String(timesWithin(misses, least, most)));
    const share = `${(overrunWithinOnePulse * 100).toFixed(2)} %`;
    return [name, String(stops), ...counts, `-${shortPulsesMax} +${overrunPulsesMax}`, share];
  });
  const head = ["pulses missed", "stops", ...BINS.map(([name]) => name), "worst", "within one"];
  return table([head, ...lines], [0]);
}
