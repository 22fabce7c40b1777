// The scenarios that ship: each one's expectations are met, and the figures are printed; what is expected and does not come
// is told.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test, vi } from "vitest";
import { type Bench, openBench } from "../../bench/bench.ts";
import type { Scenario } from "../../bench/scenario.ts";
import { runScenario, type ScenarioReport, type TimelineLine } from "../../bench/scenario-run.ts";
import type { Finding } from "../../bench/scenario-sights.ts";
import type { Site } from "../../bench/site.ts";
import { readScenario, readScenarioFile } from "../../tools/scenario-file.ts";
import { value } from "../sim/story.ts";

vi.setConfig({ testTimeout: 120_000 });

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FOLDER = join(ROOT, "scenarios");
const SHIPPED = readdirSync(FOLDER).filter((name) => name.endsWith(".yaml"));
const MONTH = "month-of-sales.yaml";

interface Ran {
  report: ScenarioReport;
  findings: readonly Finding[];
  lines: readonly TimelineLine[];
}

async function ran(scenario: Scenario, opened?: Bench): Promise<Ran> {
  const findings: Finding[] = [];
  const lines: TimelineLine[] = [];
  const listener = {
    line: (line: TimelineLine) => lines.push(line),
    finding: (finding: Finding) => findings.push(finding),
    progress: () => undefined,
  };
  const report = await runScenario(scenario, listener, opened);
  return { report, findings, lines };
}

/** What was not as expected, in words. */
function broken({ findings }: Ran): string[] {
  return findings.flatMap(({ met, what, seen }) => (met ? [] : [`${what}; seen: ${seen}`]));
}

/** A charger, with more words. */
async function charger(more: string): Promise<Ran> {
  return ran(ofCharger(more));
}

function ofCharger(more: string): Scenario {
  const text = `
version: 1
about: A test
boards: { charger: { device: boards/virtual-charger.yaml, pulsesPerSecond: 40 } }
buyers: { anna: { card: approve } }
${more}`;
  return value(readScenario(text, { folder: ROOT }));
}

/** The same, while somebody meddles with it at that time. */
async function meddled(atMs: number, meddle: (site: Site) => void): Promise<Ran> {
  const scenario = ofCharger(`steps: [${SALE}]\nend: 2 min`);
  const bench = await openBench(scenario.setup);
  const [site] = bench.sites.values();
  if (site === undefined) throw new Error("there is no board");
  bench.world.after(atMs, () => meddle(site));
  return ran(scenario, bench);
}

const SALE = "{ at: 5 s, buyer: anna, do: buy, service: 1, units: 1 }";

describe("what ships", () => {
  const took: { name: string; worldMs: number; realMs: number; coreMs: number }[] = [];

  test.each(SHIPPED)("%s: all is as expected", { timeout: 300_000 }, async (name) => {
    const scenario = value(readScenarioFile(join(FOLDER, name)));
    const core = process.cpuUsage();
    const startedMs = performance.now();
    const one = await ran(scenario);
    const realMs = performance.now() - startedMs;
    const { user, system } = process.cpuUsage(core);
    took.push({ name, worldMs: one.report.worldMs, realMs, coreMs: (user + system) / 1_000 });
    expect(broken(one)).toEqual([]);
    // The invariants besides what it says itself.
    expect(one.findings.length).toBeGreaterThan(scenario.setup.boards.length);
  });

  test("are at least the twelve that people look for", () => {
    expect(SHIPPED.map((name) => name.replace(".yaml", ""))).toEqual(
      expect.arrayContaining([
        ...["happy-sale", "torn-card", "power-cut-at-the-worst-moment", "welded-contactor"],
        ...["stuck-meter", "leak", "declined", "partial-authorisation", "consumer-vanishes"],
        ...["broker-dies", "two-cars", "month-of-sales"],
      ]),
    );
  });

  afterAll(() => {
    const figure = (what: string, list: typeof took): void => {
      const sum = (of: "worldMs" | "realMs" | "coreMs") =>
        list.reduce((all, one) => all + one[of], 0);
      const times = Math.round(sum("worldMs") / Math.max(1, sum("realMs")));
      const ofCore = Math.round(sum("worldMs") / Math.max(1, sum("coreMs")));
      const words = `${times.toLocaleString("en")} times real time, ${ofCore.toLocaleString("en")} of a core`;
      process.stdout.write(
        `scenarios, ${what}: ${(sum("realMs") / 1_000).toFixed(1)} s, ${words}\n`,
      );
    };
    figure(`all ${took.length}`, took);
    figure(
      "all but the month",
      took.filter(({ name }) => name !== MONTH),
    );
    figure(
      "the month",
      took.filter(({ name }) => name === MONTH),
    );
  });
});

describe("a scenario", () => {
  test("I15: is the same run to the byte each time, and another from another seed", async () => {
    const more = `network: { lossPerMille: 20 }\nsteps: [${SALE}]\nend: 2 min`;
    const [one, again, other] = [
      await charger(more),
      await charger(more),
      await charger(`seed: 2\n${more}`),
    ];
    expect(one.report.frames).toMatch(/^[0-9a-f]{64}$/);
    expect(again.lines).toEqual(one.lines);
    expect(again.report).toEqual(one.report);
    expect(other.report.frames).not.toBe(one.report.frames);
  });

  test.each([
    ["an amount", "{ order: 1, capturedMinor: 46 }", "capturedMinor is 46; seen: 45"],
    ["too few pulses", "{ order: 1, pulses: { least: 1001 } }", "is at least 1001; seen: 1000"],
    ["too many", "{ outlet: socket-1, flowed: { most: 900 } }", "is at most 900; seen: 1000"],
    ["a reason", "{ order: 1, reason: weld }", "reason is weld; seen: exhausted"],
    ["an order that is not", "{ order: 2, state: closed }", "state is closed; seen: none"],
    ["an event", "{ event: { is: power, on: false } }", "count is at least 1; seen: 0"],
    ["a buyer", "{ buyer: anna, receipts: 3 }", "receipts is 3; seen: 2"],
    ["a text", "{ device: charger, why: { has: weld } }", 'why has "weld"; seen: '],
    ["readiness", "{ device: charger, ready: false }", "ready is false; seen: true"],
    ["the wire", `{ frames: "${"0".repeat(64)}" }`, `digest is ${"0".repeat(64)}; seen:`],
  ])("says what was seen in place of what was expected: %s", async (_, expectation, words) => {
    const one = await charger(`steps: [${SALE}]\nend: 2 min\nexpect: [${expectation}]`);
    expect(broken(one)).toEqual([expect.stringContaining(words)]);
    expect(one.report.broken).toBe(1);
  });

  test("says of a step that does not come which one, and what it waited for", async () => {
    const step = "{ when: { outlet: socket-1, flowed: 5 }, within: 10 s, do: kill-loop }";
    const one = await charger(`steps: [${step}]\nend: 2 min`);
    expect(broken(one)).toEqual([
      "step 1: 5 pulses at socket-1 within 10000 ms; seen: it does not come",
    ]);
  });

  test("says of a step that comes after the end that it does", async () => {
    const steps = "[{ after: 30 s, do: kill-loop }, { after: 31 s, do: kill-loop }]";
    const one = await charger(`steps: ${steps}\nend: 1 min`);
    expect(broken(one)).toEqual([
      "step 2 comes before the end at 60000 ms; seen: it comes at 61000 ms",
    ]);
    expect(one.report.worldMs).toBe(60_000);
  });

  test("a step hears of what the step before it did at once", async () => {
    const steps = [
      "{ at: 5 s, do: power-off, for: 3 s }",
      "{ when: { is: power, on: false }, expect: [{ device: charger, powered: false }] }",
      // It does not hear of it twice.
      "{ when: { is: power, on: false }, within: 1 s, do: kill-loop }",
    ];
    const one = await charger(`steps: [${steps.join(", ")}]\nend: 1 min`);
    expect(broken(one)).toEqual([expect.stringMatching(/^step 3: .*it does not come$/)]);
  });

  test("says what a hand could not do", async () => {
    const one = await charger("steps: [{ at: 1 s, do: press, button: bell }]\nend: 1 min");
    expect(broken(one)).toEqual([
      expect.stringMatching(/^step 1: press is done; seen: .*no button/),
    ]);
  });

  test("I6: that ends in the middle of a sale is broken, unless it may, and says what to do", async () => {
    const one = await charger(`steps: [${SALE}]\nend: 10 s`);
    expect(broken(one)).toEqual([
      expect.stringMatching(
        /^charger, in the end: no sale is under way; seen: order [0-9a-f]{16} is still paid: let `end` be later, or say `mayLeaveOpen: true`$/,
      ),
    ]);
    const may = await charger(`steps: [${SALE}]\nend: 10 s\nmayLeaveOpen: true`);
    expect(broken(may)).toEqual([]);
  });

  test("I7: a contact that closes while nothing is sold is always told", async () => {
    const one = await meddled(1_000, (site) => site.onClosing("socket-1"));
    expect(broken(one)).toEqual([
      expect.stringMatching(
        /^charger, always:.*seen: I7: the switch closes and no grant is on disk$/,
      ),
    ]);
  });

  test("I10: so are pulses on receipts that never flowed", async () => {
    const one = await meddled(15_000, ({ board }) =>
      board.metal.jumpMeter("socket-1", "energy", 2),
    );
    expect(broken(one)).toEqual([
      expect.stringMatching(/always:.*seen: I10: 99\d flowed and 1000 are accounted for/),
    ]);
  });

  test("I1: so is money that the device claims and the payment host knows nothing of", async () => {
    const one = await meddled(100_000, ({ host }) => {
      Object.assign(host, { charges: async () => new Map() });
    });
    expect(broken(one)).toEqual([
      expect.stringMatching(
        /always:.*seen: I1: order [0-9a-f]{16} claims 45 by sim-[0-9a-f]+, and the host has no such charge$/,
      ),
    ]);
  });

  test("things flow as fast as the board says, where nothing else is said", async () => {
    const text = `
version: 1
about: A test
boards: { charger: { device: boards/virtual-charger.yaml } }
buyers: { anna: {} }
steps: [${SALE}]
end: 1 min
expect: [{ outlet: socket-1, flowed: { least: 300, most: 331 } }]
mayLeaveOpen: true`;
    expect(broken(await ran(value(readScenario(text, { folder: ROOT }))))).toEqual([]);
  });

  test("tells who did what in plain words, in order", async () => {
    const { lines } = await charger(`steps: [${SALE}]\nend: 2 min`);
    const told = lines.map(({ who, text }) => `${who}: ${text.replace(/[0-9a-f]{16}/g, "ORDER")}`);
    const wanted = [
      "anna: is offered 1 unit of service 1 for 0.45 EUR",
      "charger: order ORDER of 0.45 EUR is paid",
      "charger: socket-1: order ORDER begins, 1000 pulses granted",
      "charger: socket-1: coil on, contact closed",
      "charger: socket-1: it flows, 7 pulses of order ORDER so far",
      "charger: socket-1: coil off, contact open",
      "charger: socket-1: order ORDER ends after 1000 pulses: exhausted",
      "charger: receipt 2, 1.000 kWh, 0.45 EUR, settlement, captured 0.45 EUR, exhausted",
      "anna: has a receipt: 1000 pulses for 0.45 EUR, exhausted",
    ];
    expect(told.filter((line) => wanted.includes(line))).toEqual(wanted);
    expect(told.filter((line) => line.includes("it flows"))).toHaveLength(1);
    expect(lines.map(({ atMs }) => atMs)).toEqual(
      lines.map(({ atMs }) => atMs).sort((a, b) => a - b),
    );
  });
});
