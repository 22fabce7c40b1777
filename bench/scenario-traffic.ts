// Many sales with faults among them, drawn by the seed of a scenario: what one would not write out step by step.

import { type Random, seededRandom } from "../hal/sim/random.ts";
import type { TestBehaviour } from "../hal/sim/sim-payment-host.ts";
import type { Scenario, ScenarioBuyer, Step, StepWork } from "./scenario.ts";

export interface Traffic {
  board: string;
  sales: number;
  /** They begin and end within this time of the world. */
  fromMs: number;
  overMs: number;
  customers: number;
  /** Drawn for every sale: a service with its price, how many units, and a card. */
  choices: readonly { service: number; price: number }[];
  units: { least: number; most: number };
  cards: readonly TestBehaviour[];
  /** How many of each, all of them while sales go on. */
  powerCuts: number;
  loopKills: number;
  networkCuts: number;
}

const DARK_MS = 3_000;
const CUT_OFF_MS = 20_000;
/** Between two faults: one is over before the next comes. */
const APART_MS = 60_000;
const SOON_MS = 60_000;
const ATTEMPTS_MAX = 10_000;

/**
 * The steps of the traffic, and its customers; undefined where the sales have no room for so many faults. The same traffic, number of it
 * and seed give the same.
 */
export function drawTraffic(
  traffic: Traffic,
  index: number,
  seed: number,
): Pick<Scenario, "buyers" | "steps"> | undefined {
  const random = seededRandom(seed, `traffic ${index}`);
  const { board, powerCuts, loopKills, networkCuts } = traffic;
  const names = Array.from(
    { length: traffic.customers },
    (_, i) => `customer-${index + 1}-${i + 1}`,
  );
  const buyers = names.map((name): ScenarioBuyer => ({ name, card: "approve" }));
  const at = (atMs: number, what: StepWork): Step => ({ when: { is: "at", atMs }, what });
  const salesMs = Array.from({ length: traffic.sales }, () => {
    return traffic.fromMs + random.below(traffic.overMs);
  });
  const faults = powerCuts + loopKills + networkCuts;
  const faultsMs = faultTimes(faults, salesMs, random);
  if (faultsMs.length < faults) return undefined;
  const times = (count: number): number[] => faultsMs.splice(0, count);
  const hand = (atMs: number, does: string, more: object = {}): Step =>
    at(atMs, { is: "board", action: { board, do: does, ...more } });
  const steps = [
    ...salesMs.map((atMs) => at(atMs, sale(traffic, random, names))),
    ...times(powerCuts).map((atMs) => hand(atMs, "power-off", { forMs: DARK_MS })),
    ...times(loopKills).map((atMs) => hand(atMs, "kill-loop")),
    ...times(networkCuts).flatMap((atMs) => [
      hand(atMs, "network-off"),
      hand(atMs + CUT_OFF_MS, "network-on"),
    ]),
  ];
  return { buyers, steps };
}

/** Each soon after a sale began, and away from every other; fewer where there is no room. */
function faultTimes(count: number, salesMs: readonly number[], random: Random): number[] {
  const timesMs: number[] = [];
  for (let attempt = 0; attempt < ATTEMPTS_MAX && timesMs.length < count; attempt++) {
    const atMs = drawn(salesMs, random) + random.below(SOON_MS);
    if (timesMs.every((other) => Math.abs(other - atMs) >= APART_MS)) timesMs.push(atMs);
  }
  return timesMs;
}

function sale(
  { board, choices, units, cards }: Traffic,
  random: Random,
  names: readonly string[],
): StepWork {
  const { service, price } = drawn(choices, random);
  const does = {
    ...{ do: "buy" as const, board, service, price },
    units: units.least + random.below(units.most - units.least + 1),
    card: drawn(cards, random),
  };
  return { is: "buyer", buyer: drawn(names, random), does };
}

function drawn<T>(list: readonly T[], random: Random): T {
  const one = list[random.below(list.length)];
  if (one === undefined) throw new RangeError("nothing to draw from");
  return one;
}
