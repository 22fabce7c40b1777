// Who risks how much when an order is paid while it is delivered: every state that seller and payer can come to, with every
// message lost, repeated or overtaken, and either of them killed at any point. Prints the worst on each side.

import { describe, expect, test } from "vitest";
import { grantPulses } from "../../firmware/units.ts";
import { Model } from "./stream-model.ts";
import { STREAM_DEFECTS } from "./stream-model-defects.ts";
import { type Choice, productRules, type Setting } from "./stream-model-rules.ts";
import { type Explored, explore } from "./stream-model-search.ts";

/** More of everything: STREAM_DEPTH=deep make test ARGS=test/sim/stream-model.test.ts takes minutes. */
const IS_DEEP = process.env["STREAM_DEPTH"] === "deep";
const LONG_MS = IS_DEEP ? 3_600_000 : 120_000;
const TWO = { numerator: 2, denominator: 1 };
const BASE: Setting = {
  units: 2,
  ratio: TWO,
  choices: [{ step: 1, window: 1 }],
  quantum: 100,
  sessionsMax: 2,
  register: "kept",
  channel: "all",
  recalls: "all",
};

function* product(units: readonly number[], steps: readonly number[], windows: readonly number[]) {
  for (const count of units) {
    for (const step of steps) {
      for (const window of windows) yield { units: count, choices: [{ step, window }] };
    }
  }
}

interface Worst {
  states: number;
  steps: number;
  depth: number;
  /** Beyond what was chosen: pulses, on each side. */
  seller: number;
  payer: number;
  sellerText: string;
  payerText: string;
}

const none = (): Worst => ({
  ...{ states: 0, steps: 0, depth: 0, seller: -1, payer: -1, sellerText: "", payerText: "" },
});

const told = (choices: readonly Choice[]): string =>
  choices.map(({ step, window }) => `k ${step}, w ${window}`).join(" or ");

/** Explores and remembers whichever came out worst against its own window or step. */
function run(setting: Setting, worst: Worst): Explored {
  const found = explore(new Model(setting));
  const { choices, ratio } = setting;
  const window = Math.max(...choices.map((one) => grantPulses(one.window, ratio)));
  const ahead = Math.max(
    ...choices.map((one) => grantPulses(Math.max(0, one.step - one.window), ratio)),
  );
  worst.states += found.states;
  worst.steps += found.steps;
  worst.depth = Math.max(worst.depth, found.depth);
  if (found.sellerWorst - window >= worst.seller) {
    worst.seller = found.sellerWorst - window;
    worst.sellerText = `${found.sellerWorst} pulses at a window of ${window} (${told(choices)})`;
  }
  if (found.payerWorst - ahead >= worst.payer) {
    worst.payer = found.payerWorst - ahead;
    worst.payerText = `${found.payerWorst} pulses at ${ahead} paid ahead (${told(choices)})`;
  }
  expect({ ...setting, ...found.trouble }).toEqual(setting);
  return found;
}

function print(what: string, worst: Worst): void {
  const { states, steps, depth, sellerText, payerText } = worst;
  console.log(
    `${what}: ${states} states, ${steps} steps, ${depth} deep; a unit is 2 pulses` +
      `${IS_DEEP ? "" : " (deeper: STREAM_DEPTH=deep)"}\n` +
      `  the seller's worst: ${sellerText}\n  the payer's worst: ${payerText}`,
  );
}

const STEPS = [1, 2, 3];
const WINDOWS = [0, 1, 2, 3];

describe("what either side risks", () => {
  test(
    "I8: whatever was ever sent may come, at any time and again: window and one pulse, step less window",
    () => {
      const worst = none();
      for (const sizes of product([1, 2, 3, 4, 5, 6], STEPS, WINDOWS)) {
        run({ ...BASE, ...sizes, quantum: 1, recalls: "nothing" }, worst);
        run({ ...BASE, ...sizes, recalls: "all" }, worst);
        if (!IS_DEEP) continue;
        run({ ...BASE, ...sizes, quantum: 1, recalls: "all", sessionsMax: 3 }, worst);
        run({ ...BASE, ...sizes, recalls: "nothing", sessionsMax: 3 }, worst);
      }
      print("any network", worst);
      expect(worst.seller).toBe(1);
      expect(worst.payer).toBe(1);
    },
    LONG_MS,
  );

  test(
    "I8: three messages under way each way, lost, repeated and overtaken",
    () => {
      const worst = none();
      const channel = 3;
      for (const sizes of product([1], [1, 2], [0, 1])) run({ ...BASE, ...sizes, channel }, worst);
      for (const sizes of product([2], IS_DEEP ? STEPS : [2], IS_DEEP ? WINDOWS : [0, 1])) {
        run({ ...BASE, ...sizes, channel, sessionsMax: 1 }, worst);
      }
      print("three messages each way", worst);
      expect(worst.seller).toBe(1);
      expect(worst.payer).toBe(1);
    },
    LONG_MS,
  );

  test("I10: what a dead seller's meter forgot is borne by the side that is named, a quantum each time", () => {
    const worst = none();
    for (const register of ["seller", "payer"] as const) {
      for (const sizes of product([3], [1, 2], [0, 1, 2])) {
        for (const quantum of [1, 2]) run({ ...BASE, ...sizes, register, quantum }, worst);
      }
    }
    expect(worst.states).toBeGreaterThan(1_000);
  });

  test("a unit may be a pulse and a half, or one pulse several units", () => {
    const worst = none();
    for (const ratio of [
      { numerator: 3, denominator: 2 },
      { numerator: 2, denominator: 5 },
    ]) {
      for (const sizes of product([5], STEPS, WINDOWS)) run({ ...BASE, ...sizes, ratio }, worst);
    }
    expect(worst.states).toBeGreaterThan(1_000);
  });

  test("step and window may differ from session to session", () => {
    const worst = none();
    const pairs: readonly (readonly Choice[])[] = [
      [
        { step: 3, window: 0 },
        { step: 1, window: 0 },
      ],
      [
        { step: 1, window: 3 },
        { step: 2, window: 1 },
      ],
      [
        { step: 3, window: 1 },
        { step: 1, window: 1 },
      ],
    ];
    for (const choices of pairs) run({ ...BASE, units: 4, choices, sessionsMax: 3 }, worst);
    expect(worst.states).toBeGreaterThan(1_000);
  });
});

describe("a mistake is found:", () => {
  for (const { name, found, choices, more, plant } of STREAM_DEFECTS) {
    test(name, () => {
      const setting: Setting = { ...BASE, choices, ...more };
      const rules = productRules(setting);
      const sound = explore(new Model(setting, rules)).trouble;
      expect(sound).toBe(undefined);
      const { trouble } = explore(new Model(setting, { ...rules, ...plant(rules, setting) }));
      expect(trouble?.what).toMatch(found);
    });
  }
});
