// Cuts the power at every store commit, switch write and publish of whole sales, just before it and just after,
// one run for each place, and counts violations of the invariants; and loses one message on the way besides.
// Run by itself it prints one line of JSON:
//
//   node build/test/sim/power-cuts.js [first]                  `first` ends with the first violation
//   node build/test/sim/power-cuts.js SCENARIO PLACE [LOST]    replays one cut and says what happened

import { type Buying, buy } from "../../bench/buyer.ts";
import { checkClosing, type Expectation, violations } from "../../bench/invariants.ts";
import { ENERGY, Site } from "../../bench/site.ts";
import { virtualCharger } from "../../boards/virtual-charger.ts";
import type { Board } from "../../hal/board.ts";
import { operate } from "./operated.ts";

/** As the virtual charger, with fewer and faster pulses: the same story in less time. */
export function smallCharger(retains: boolean): Board {
  const outlets = virtualCharger.outlets.map((outlet) => ({
    ...outlet,
    settleMs: 120,
    meters: outlet.meters.map((meter) =>
      meter.kind === "pulse"
        ? { ...meter, pulsesPerUnit: { numerator: 60, denominator: 1 }, retains }
        : meter,
    ),
  }));
  return { ...virtualCharger, outlets };
}

interface Scenario {
  buying: Buying;
  expected: Expectation;
  undelivered: (typeof ENERGY)["undelivered"];
  /** Of the one service, in place of a plain one. */
  prices?: (typeof ENERGY)["prices"];
  storeLatencyMs?: number;
  /** Held before delivery and captured after it. */
  held?: true;
  /** An operator takes the service away, with a refund, after the first unit. */
  operated?: true;
}

const EXPECTED: Expectation = {
  outlet: "socket-1",
  meter: "energy",
  quantumPulses: 40,
  // 40 pulses a second for the 30 ms of the contactor, and one.
  runOnPulsesMax: 3,
  retains: true,
  loss: "seller",
};
const BUYING: Buying = { service: 1, price: 1, units: 2 };

/** The one in which a message is lost too. */
const COMBINED = "two sessions, then a refund";

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  whole: { buying: BUYING, expected: EXPECTED, undelivered: "refund" },
  // A memory card that takes its time: what is not reserved on it must not have flowed.
  "slow card": {
    buying: { ...BUYING, units: 3 },
    expected: EXPECTED,
    undelivered: "refund",
    storeLatencyMs: 900,
  },
  "ended early": {
    buying: { ...BUYING, endAfterPulses: 50 },
    expected: { ...EXPECTED, retains: false },
    undelivered: "refund",
  },
  "two sessions": {
    buying: { ...BUYING, unitsPerSession: 1 },
    expected: { ...EXPECTED, retains: false, loss: "payer" },
    undelivered: "credit-refund",
  },
  "removed with a refund": {
    buying: BUYING,
    expected: EXPECTED,
    undelivered: "credit-forfeit",
    operated: true,
  },
  held: { buying: BUYING, expected: EXPECTED, undelivered: "refund", held: true },
  "held, ended early": {
    buying: { ...BUYING, endAfterPulses: 50 },
    expected: EXPECTED,
    undelivered: "refund",
    held: true,
  },
  [COMBINED]: {
    buying: {
      ...BUYING,
      units: 3,
      unitsPerSession: 1,
      endAfterPulses: 20,
      endFromSession: 2,
    },
    expected: EXPECTED,
    undelivered: "refund",
    prices: [
      {
        id: 1,
        name: "With all lines",
        amountMinor: 45,
        currency: "EUR",
        taxBasisPoints: 1_900,
        tiers: [{ fromUnits: 2, amountMinor: 31 }],
        fees: [
          { start: true, name: "Start", amountMinor: 50 },
          { start: false, name: "Parking", amountMinor: 7 },
        ],
      },
    ],
  },
};

interface CutRun {
  /** Places passed in the run, and the name of the one that was cut. */
  places: number;
  place?: string;
  /** Messages that the broker passed on, announcements not counted: it keeps those. */
  messages: number;
  wrong: readonly string[];
  log: readonly string[];
}

/** One run with the power cut at place number `cutPlace` and message number `lost` lost; 0 is none. */
async function runWithCut(name: string, cutPlace: number, lost = 0): Promise<CutRun> {
  const scenario = SCENARIOS[name];
  if (scenario === undefined) throw new Error(`there is no scenario ${name}`);
  const { expected, buying, undelivered } = scenario;
  const prices = scenario.prices ?? ENERGY.prices;
  const payment = scenario.held === true ? { payment: { way: "hold" as const } } : {};
  let places = 0;
  let place: string | undefined;
  const wrong: string[] = [];
  const site = new Site({
    seed: 7,
    board: smallCharger(expected.retains),
    services: [{ ...ENERGY, undelivered, prices, ...payment }],
    storeLatencyMs: scenario.storeLatencyMs ?? 1,
    policy: { quantumPulses: expected.quantumPulses, loss: expected.loss },
    cutAt: (where) => {
      places += 1;
      if (places !== cutPlace) return false;
      place = where;
      return true;
    },
  });
  let messages = 0;
  site.broker.setTamper((message) => {
    if (message.retain) return [message];
    messages += 1;
    return messages === lost ? [] : [message];
  });
  site.onClosing = (outlet) => wrong.push(...checkClosing(site, outlet));
  let done = false;
  try {
    const outcome = await site.run(async () => {
      void site.powerOn();
      const consumer = await site.consumer("a");
      if (scenario.operated !== true) return buy(site, consumer, buying);
      const operated = await operate(site, consumer, buying);
      wrong.push(...operated.wrong);
      return operated;
    });
    done = outcome?.done === true;
    site.log.push(...(outcome?.faults ?? []));
    await site.world.runFor(20_000);
  } catch (error) {
    wrong.push(`a bug of ours: ${String(error)}`);
  }
  if (!done) wrong.push("I6: the buyer never came to an end");
  wrong.push(...(await violations(site, expected)));
  return { places, ...(place === undefined ? {} : { place }), messages, wrong, log: site.log };
}

interface CutReport {
  cuts: number;
  violations: readonly string[];
}

interface CombinedReport extends CutReport {
  places: number;
  messages: number;
}

/** All scenarios, at every place; `first` is content with the first violation. */
export async function cutEverywhere(first = false): Promise<CutReport> {
  const found: string[] = [];
  let cuts = 0;
  for (const name of Object.keys(SCENARIOS)) {
    const whole = await runWithCut(name, 0);
    found.push(...whole.wrong.map((text) => `${name}, no cut: ${text}`));
    for (let place = 1; place <= whole.places; place++) {
      if (first && found.length > 0) return { cuts, violations: found };
      const run = await runWithCut(name, place);
      cuts += 1;
      const replay = `node build/test/sim/power-cuts.js "${name}" ${place}`;
      found.push(...run.wrong.map((text) => `${name}, ${run.place} ${place}: ${text} (${replay})`));
    }
  }
  return { cuts, violations: found };
}

/** One cut at each place of the sale, each with one message lost besides: at the even places, or at the odd ones. */
export async function cutAndLose(half: 0 | 1): Promise<CombinedReport> {
  const { places, messages, wrong } = await runWithCut(COMBINED, 0);
  const found = wrong.map((text) => `no cut: ${text}`);
  let cuts = 0;
  for (let place = 2 - half; place <= places; place += 2) {
    for (let lost = 1; lost <= messages; lost++) {
      const run = await runWithCut(COMBINED, place, lost);
      cuts += 1;
      const replay = `node build/test/sim/power-cuts.js "${COMBINED}" ${place} ${lost}`;
      found.push(
        ...run.wrong.map((text) => `${run.place} ${place}, lost ${lost}: ${text} (${replay})`),
      );
    }
  }
  return { cuts, places, messages, violations: found };
}

if (process.argv[1]?.endsWith("power-cuts.js") === true) {
  const [scenario, place, lost = "0"] = process.argv.slice(2);
  if (scenario !== undefined && place !== undefined) {
    const run = await runWithCut(scenario, Number(place), Number(lost));
    process.stdout.write(`${[...run.log, ...run.wrong].join("\n")}\n`);
  } else {
    const report = await cutEverywhere(scenario === "first");
    process.stdout.write(`${JSON.stringify(report)}\n`);
  }
}
