// `sluice bench run`: what it prints for people and for machines, and with which code it ends.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test, vi } from "vitest";
import type { Fault } from "../../firmware/result.ts";
import type { Output } from "../../tools/command.ts";
import { parseCommand } from "../../tools/command.ts";
import { bench } from "../../tools/commands/bench.ts";

// It loads all of the firmware first.
vi.setConfig({ testTimeout: 120_000 });

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sluice-run-"));
afterAll(() => rmSync(folder, { recursive: true }));

function scenario(name: string, more: object = {}): string {
  const path = join(folder, name);
  const device = join(ROOT, "boards", "virtual-charger.yaml");
  const good = {
    ...{ version: 1, about: "Somebody buys", end: "2 min", buyers: { anna: {} } },
    boards: { charger: { device, pulsesPerSecond: 40 } },
    steps: [{ at: "5 s", buyer: "anna", do: "buy", service: 1, units: 1 }],
    expect: [{ order: 1, capturedMinor: 45 }],
  };
  writeFileSync(path, JSON.stringify({ ...good, ...more }));
  return path;
}

async function run(...args: readonly string[]) {
  const lines: string[] = [];
  const facts: Readonly<Record<string, unknown>>[] = [];
  const faults: Fault[] = [];
  const progress: string[] = [];
  const out: Output = {
    json: false,
    say: (line) => lines.push(line),
    emit: (fact) => facts.push(fact),
    progress: (line) => progress.push(line),
    fault: (fault) => faults.push(fault),
  };
  const code = await bench.run({ ...parseCommand(bench, ["run", ...args]), out });
  return { code, lines, facts, faults, progress };
}

test("one scenario tells its timeline, what was expected, the digest, and how fast it went", async () => {
  const { code, lines, facts, progress } = await run(scenario("good.yaml"));
  expect(code).toBe(0);
  expect(lines[0]).toMatch(/good\.yaml: Somebody buys \(seed 1\)$/);
  expect(lines).toContain("00:02:00.000  met         charger, order 1: capturedMinor is 45");
  expect(lines.some((line) => / {2}anna {8}has paid order/.test(line))).toBe(true);
  expect(lines.at(-2)).toMatch(/^frames [0-9a-f]{64}$/);
  expect(lines.at(-1)).toMatch(
    /^2 expectations met; 00:02:00\.000 of the world in \d+\.\d s, \d+\.\d s of a core: [\d,]+ times real time$/,
  );
  expect(progress.length).toBeGreaterThan(10);
  expect(facts.map(({ type }) => type)).toEqual(
    expect.arrayContaining(["scenario", "timeline", "expectation", "report"]),
  );
  expect(facts.at(-1)).toMatchObject({ type: "report", met: 2, broken: 0, worldMs: 120_000 });
});

test("a broken expectation ends it with 1, and says what was seen", async () => {
  const file = scenario("broken.yaml", { expect: [{ order: 1, capturedMinor: 46 }] });
  const { code, lines, facts } = await run(file);
  expect(code).toBe(1);
  expect(lines).toContain(
    "00:02:00.000  BROKEN      charger, order 1: capturedMinor is 46; seen: 45",
  );
  expect(lines.at(-1)).toContain("1 of 2 expectations BROKEN");
  expect(facts).toContainEqual(
    expect.objectContaining({ type: "expectation", met: false, seen: "45" }),
  );
});

test("of several only what was expected is told, and the sum; one that cannot be read does not hold up the others", async () => {
  const files = [scenario("one.yaml"), join(folder, "none.yaml"), scenario("two.yaml")];
  const { code, lines, faults } = await run(...files, "--seed", "4");
  expect(code).toBe(1);
  expect(faults).toEqual([expect.objectContaining({ kind: "not-found" })]);
  expect(lines.some((line) => line.includes("has paid"))).toBe(false);
  expect(lines.at(-1)).toMatch(
    /^3 scenarios, 1 failed \(.*none\.yaml\): 4 expectations met; 00:04:00\.000 of the world/,
  );
});

test("called wrongly it ends with 2 and runs nothing", async () => {
  expect(await run()).toMatchObject({ code: 2, faults: [{ kind: "usage" }], lines: [] });
  const file = scenario("unused.yaml");
  for (const [option, at] of [
    [["--seed", "-1"], "--seed"],
    [["--reader", "x"], "--reader"],
  ] as const) {
    const { code, faults, lines } = await run(file, ...option);
    expect({ code, lines, at: faults[0]?.at }).toEqual({ code: 2, lines: [], at });
  }
});

test("a board that cannot be put together is refused by its file, and the other scenarios run", async () => {
  const prices = [{ id: 1, name: "per kWh", amountMinor: 45, currency: "EUR" }];
  const energy = { id: 1, name: "Energy", outlet: "socket", meter: "energy", unitsMax: 9, prices };
  const device = {
    ...{ version: 1, name: "x", board: "virtual-pi-charger" },
    payment: { host: { kind: "terminal", serial: "nowhere", test: true } },
    services: [{ ...energy, tokenLifeHours: 24, undelivered: "refund" }],
  };
  const bad = scenario("no-port.yaml", { boards: { charger: { device } } });
  const { code, faults, facts } = await run(bad, scenario("good.yaml"));
  expect(code).toBe(1);
  expect(faults).toMatchObject([{ kind: "malformed", at: "boards" }]);
  expect(faults[0]?.message).toContain("no-port.yaml: board virtual-pi-charger has no serial port");
  expect(facts.filter(({ type }) => type === "report")).toHaveLength(1);
});
