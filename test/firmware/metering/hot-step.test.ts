// The hot step beside the pure one: on whatever the devices read and the device commands, the two together give what
// the pure step gives alone, and most looks at a delivery are hot.

import fc from "fast-check";
import { expect, test } from "vitest";
import { virtualCharger } from "../../../boards/virtual-charger.ts";
import { HotStep } from "../../../firmware/metering/hot-step.ts";
import { startOutlet, stepOutlet } from "../../../firmware/metering/outlet.ts";
import { outletReport } from "../../../firmware/metering/outlet-report.ts";
import {
  type OutletRules,
  type OutletSample,
  type OutletState,
  outletRules,
} from "../../../firmware/metering/outlet-state.ts";
import type { OutletPart } from "../../../hal/board.ts";
import type { LoopCommand } from "../../../hal/loop-host.ts";
import { guardedCharger, twoStagePump } from "./boards.ts";

interface Look {
  /** Since the last one. */
  ms: number;
  pulses: number;
  /** How long ago the last pulse came. */
  lateMs: number;
  what:
    | "plain"
    | "lost"
    | "fell"
    | "jumped"
    | "no-count"
    | "switch-lost"
    | "switch-fault"
    | "unknown"
    | "leaks"
    | "raised"
    | "stale"
    | "stop"
    | "extend"
    | "again";
  by: number;
  /** The states are compared here, which makes the hot one catch up. */
  compared: boolean;
}

interface Run {
  rules: number;
  granted: number;
  more: number;
  runOn: boolean;
  looks: Look[];
}

const [plain] = virtualCharger.outlets as [OutletPart];
const [guarded] = guardedCharger.outlets as [OutletPart];
const [pump] = twoStagePump(true).outlets as [OutletPart];
const FAST = { pulsesPerSecondMax: 2_000 };

function faster(part: OutletPart): OutletRules {
  const rules = outletRules(part, () => true);
  const [first, ...others] = rules.meters;
  if (first === undefined) throw new Error("no meter");
  return { ...rules, meters: [{ ...first, ...FAST }, ...others] };
}

const polled = (rules: OutletRules): OutletRules => ({
  ...rules,
  meters: rules.meters.map((each) =>
    each.id === "energy" ? { ...each, poll: { intervalMs: 100, staleAfterMs: 500 } } : each,
  ),
});

/** Plain, with interlocks, with two stages, polled, and one whose contact nobody sees. */
const RULES = [faster(plain), faster(guarded), faster(pump), polled(faster(plain)), faster(plain)];
const PUMP = 2;
const BLIND = 4;

const WHAT = fc.oneof(
  { weight: 60, arbitrary: fc.constant("plain" as const) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Look["what"]>(
      ...([
        "lost",
        "fell",
        "jumped",
        "no-count",
        "switch-lost",
        "switch-fault",
        "unknown",
        "leaks",
      ] as const),
      ...(["leaks", "raised", "stale", "stop", "extend", "extend", "extend", "again"] as const),
    ),
  },
);

const LOOK = fc.record<Look>({
  ms: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 20, noNaN: true }), fc.constant(0.1)),
  pulses: fc.constantFrom(0, 1, 1, 1, 2, 5),
  lateMs: fc.constantFrom(0, 0, 0, 0.5, 3),
  what: WHAT,
  by: fc.integer({ min: 1, max: 200 }),
  compared: fc.boolean(),
});

const RUNS = fc.record<Run>({
  rules: fc.nat({ max: RULES.length - 1 }),
  granted: fc.integer({ min: 1, max: 400 }),
  more: fc.constantFrom(0, 0, 50, 1_000),
  runOn: fc.boolean(),
  looks: fc.array(LOOK, { minLength: 20, maxLength: 400 }),
});

/** What the parts of an outlet would read, as the looks say. */
class Parts {
  readonly #rules: OutletRules;
  readonly #isBlind: boolean;
  nowMs = 0;
  count = 1_000;
  readAtMs = 0;
  closed = false;

  constructor(rules: OutletRules, isBlind: boolean) {
    this.#rules = rules;
    this.#isBlind = isBlind;
  }

  sample({ ms, pulses, lateMs, what, by }: Look): OutletSample {
    this.nowMs += ms;
    if (this.closed || what === "leaks") this.count += pulses;
    if (what === "fell") this.count -= by;
    if (what === "jumped") this.count += 50 * by;
    if (pulses > 0) this.readAtMs = Math.max(this.readAtMs, this.nowMs - lateMs);
    const count = what === "no-count" ? this.count + 0.5 : this.count;
    const first = what === "lost" ? "lost" : { count, atMs: this.readAtMs };
    const time = { count: Math.floor(this.nowMs / 1_000), atMs: this.nowMs };
    const isHidden = this.#isBlind || what === "unknown";
    const contact = isHidden ? "unknown" : this.closed ? "closed" : "open";
    const fault =
      what === "switch-fault" && ({ fault: this.closed ? "weld" : "not-closed" } as const);
    const interlock = what === "raised" || what === "stale" ? what : "clear";
    return {
      nowMs: this.nowMs,
      switch: what === "switch-lost" ? "lost" : { closed: this.closed, contact, ...fault },
      readings: this.#rules.meters.map((_, i) => (i === 0 ? first : time)),
      interlocks: this.#rules.interlocks.map((_, i) => (i === 0 ? interlock : "clear")),
    };
  }
}

function commandOf(look: Look, i: number, run: Run, granted: number): LoopCommand | undefined {
  const { what, by } = look;
  const session = "s";
  if (what === "stop") return { do: "stop", session, reason: "consumer-end" };
  if (what === "extend") return { do: "extend", session, pulses: granted + by };
  if (i !== 3 && what !== "again") return undefined;
  const rules = RULES[run.rules];
  return {
    ...({ do: "grant", session } as const),
    ...{ outlet: rules?.id ?? "", meter: rules?.meters[0]?.id ?? "" },
    ...{ pulses: run.granted, total: run.granted + run.more },
    ...(run.runOn && { runOn: { delayMs: 12, spreadMs: 2, stops: 3 } }),
  };
}

/** How many looks were hot, of those at which the outlet was delivering or idle. */
interface Compared {
  hot: number;
  delivering: number;
  hotIdle: number;
  idle: number;
}

function compare(run: Run): Compared {
  const rules = RULES[run.rules];
  if (rules === undefined) throw new Error("no such rules");
  const parts = new Parts(rules, run.rules === BLIND);
  const quiet: Look = { ms: 300, pulses: 0, lateMs: 0, what: "plain", by: 1, compared: true };
  let pure: OutletState = startOutlet(rules, parts.sample(quiet));
  const both = new HotStep(pure, parts.sample({ ...quiet, ms: 0 }));
  let granted = run.granted;
  const sum: Compared = { hot: 0, delivering: 0, hotIdle: 0, idle: 0 };
  for (const [i, look] of [quiet, quiet, quiet, quiet, ...run.looks].entries()) {
    const sample = parts.sample(look);
    const command = commandOf(look, i, run, granted);
    if (command?.do === "extend") granted = command.pulses;
    const { is } = pure.phase;
    if (is === "delivering" || is === "idle") sum[is]++;
    const step = stepOutlet(pure, sample, command);
    pure = step.state;
    const seen = command === undefined ? both.look(sample) : "else";
    if (seen !== "else") {
      sum[is === "idle" ? "hotIdle" : "hot"]++;
      const report = seen === "progress" && { do: "report", report: both.progress() };
      expect(step.effects).toEqual(report ? [report] : []);
    } else {
      const own = stepOutlet(both.state, sample, command);
      both.advance(own.state, sample);
      expect(own.effects).toEqual(step.effects);
    }
    expect(both.phase.is).toBe(pure.phase.is);
    if (look.compared) expect(outletReport(both.reported)).toEqual(outletReport(pure));
    if (look.compared) expect(both.state).toEqual(pure);
    for (const effect of step.effects) if (effect.do === "switch") parts.closed = effect.closed;
  }
  expect(both.state).toEqual(pure);
  return sum;
}

test("I8: hot looks and pure steps together do what pure steps do alone", () => {
  const sum = { hot: 0, delivering: 0 };
  fc.assert(
    fc.property(RUNS, (run) => {
      const { hot, delivering } = compare(run);
      sum.hot += hot;
      sum.delivering += delivering;
    }),
    { numRuns: 400 },
  );
  // What is compared is worth comparing.
  expect(sum.hot).toBeGreaterThan(sum.delivering / 4);
  expect(sum.hot).toBeGreaterThan(1_000);
});

const DISTURBANCES = [
  ...(["lost", "fell", "jumped", "no-count", "switch-lost", "switch-fault", "unknown"] as const),
  ...(["leaks", "raised", "stale", "stop", "extend", "again"] as const),
];

test.each(DISTURBANCES)(
  "I7: %s in the midst of hot looks is the pure step's, on every outlet",
  (what) => {
    const look: Look = { ms: 1, pulses: 1, lateMs: 0, what: "plain", by: 7, compared: false };
    for (let rules = 0; rules < RULES.length; rules++) {
      const looks = [...Array(400).fill(look), { ...look, what }, ...Array(50).fill(look)];
      const { hot } = compare({ rules, granted: 5_000, more: 100, runOn: false, looks });
      expect(hot).toBeGreaterThan(50);
    }
  },
);

test("the slow stage begins on its pulse, also where the grant ends before the session does", () => {
  const look: Look = { ms: 1, pulses: 1, lateMs: 0, what: "plain", by: 1, compared: false };
  const looks = Array(1_000).fill(look);
  const { hot } = compare({ rules: PUMP, granted: 500, more: 50, runOn: false, looks });
  expect(hot).toBeGreaterThan(400);
});

test("nearly every pulse of a long delivery is a hot one", () => {
  const look: Look = { ms: 1, pulses: 1, lateMs: 0, what: "plain", by: 1, compared: false };
  for (let rules = 0; rules < RULES.length; rules++) {
    const run = { rules, granted: 20_000, more: 0, runOn: true, looks: Array(10_000).fill(look) };
    const { hot, delivering } = compare(run);
    expect(delivering).toBeGreaterThan(9_000);
    expect(hot / delivering).toBeGreaterThan(0.999);
  }
});

test("nearly every look at an idle outlet is a hot one, and what is the matter is still seen", () => {
  const look: Look = { ms: 20, pulses: 0, lateMs: 0, what: "plain", by: 7, compared: false };
  const quiet: Look[] = Array(4_000).fill(look);
  for (let rules = 0; rules < RULES.length; rules++) {
    const run = { rules, granted: 1, more: 0, runOn: false };
    // The grant is stopped before anything flows.
    const looks: Look[] = [{ ...look, what: "stop" }, ...quiet];
    const { hotIdle, idle } = compare({ ...run, looks });
    expect(idle).toBeGreaterThan(3_500);
    // A meter of time may count, and is looked at for that.
    expect(hotIdle / idle).toBeGreaterThan(0.9);
    for (const what of DISTURBANCES) {
      const disturbed = [
        ...looks.slice(0, 300),
        { ...look, what, pulses: 3 },
        ...quiet.slice(0, 300),
      ];
      compare({ ...run, looks: disturbed.map((each) => ({ ...each, compared: true })) });
    }
  }
});
