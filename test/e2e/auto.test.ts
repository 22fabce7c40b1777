// A standing need by its command, and the health answer, on the program as it is shipped.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { pause } from "./program.ts";
import { PRICE_MINOR, Site } from "./site.ts";

let site: Site;
beforeEach(() => {
  site = new Site();
});
afterEach(() => site.close());

const BUDGET_MINOR = 5 * PRICE_MINOR;

/** Two units a purchase: the budget is good for two, with one unit over. */
function profile(units = 2): string {
  const path = join(site.folder, "need.yaml");
  const lines = [
    "version: 1",
    "name: e2e",
    "service: { name: Energy 1 }",
    `units: ${units}`,
    "everySeconds: 1",
    `budget: { amountMinor: ${BUDGET_MINOR}, currency: EUR }`,
    "",
  ];
  writeFileSync(path, lines.join("\n"));
  return path;
}

async function chargedMinor(): Promise<number> {
  const charges = site.charges();
  return charges.reduce((sum, one) => sum + one.capturedMinor - one.refundedMinor, 0);
}

test("auto stops at its budget, over a kill -9 and a second run too", async () => {
  // A second for each unit.
  const device = await site.startDevice({ benchRate: 1000 / 6 });
  const killed = site.consume(device, "fleet", ["auto", profile()]);
  await killed.until("progress");
  await killed.kill();
  const auto = site.consume(device, "fleet", ["auto", profile()]);
  expect(await auto.ended(30_000)).toBe(0);
  const spentMinor = 4 * PRICE_MINOR;
  expect(auto.of("resume")).toHaveLength(1);
  expect(auto.of("end").at(-1)).toMatchObject({ why: "budget", spentMinor, openMinor: 0 });
  const again = site.consume(device, "fleet", ["auto", profile()]);
  expect(await again.ended(30_000)).toBe(0);
  expect(again.of("end").at(-1)).toMatchObject({ why: "budget", spentMinor });
  expect(again.of("pay")).toHaveLength(0);
  expect(await chargedMinor()).toBe(spentMinor);
}, 60_000);

test("Ctrl-C ends the running delivery, waits until it is settled, and says what was spent", async () => {
  const device = await site.startDevice({ benchRate: 20 });
  const auto = site.consume(device, "fleet", ["auto", profile(5)]);
  await auto.until("progress", (line) => Number(line["pulses"]) > 0);
  auto.signal("SIGINT");
  expect(await auto.ended(20_000)).toBe(0);
  const end = auto.of("end").at(-1);
  expect(end).toMatchObject({ why: "stopped", openMinor: 0 });
  expect(Number(end?.["spentMinor"])).toBeLessThan(5 * PRICE_MINOR);
  expect(await chargedMinor()).toBe(end?.["spentMinor"]);
}, 40_000);

test("auto without a profile, or with a wrong one, is told what to do", async () => {
  const bare = await site.run(["auto", "--json"]);
  expect(await bare.ended()).toBe(2);
  expect(bare.output).toContain("sluice auto FILE");
  const path = join(site.folder, "bad.yaml");
  writeFileSync(path, "version: 1\nname: x\nbugdet: 3\n");
  const wrong = await site.run(["auto", path]);
  expect(await wrong.ended()).toBe(1);
  expect(wrong.output).toContain(path);
});

test("health and readiness follow the metering loop; off unless asked for", async () => {
  const run = site.start(["run", "--json", "--health", "0", "--log-level", "warn"]);
  const ready = await run.until("ready");
  const url = String(ready["health"]);
  const ask = async (path: string): Promise<number> => (await fetch(`${url}${path}`)).status;
  const deadlineMs = performance.now() + 10_000;
  const until = async (path: string, status: number): Promise<void> => {
    while ((await ask(path)) !== status) {
      if (performance.now() > deadlineMs) throw new Error(`${path} does not turn ${status}`);
      await pause(5);
    }
  };
  await until("/ready", 200);
  expect(await ask("/health")).toBe(200);
  process.kill(Number(ready["loopPid"]), "SIGKILL");
  await until("/health", 503);
  await until("/ready", 200);
  const lost = await run.until("log", ({ event }) => event === "loop-lost");
  expect(lost).toMatchObject({ level: "error", time: expect.stringMatching(/Z$/) });
  run.signal("SIGINT");
  expect(await run.ended()).toBe(0);
  await expect(fetch(`${url}/health`)).rejects.toThrow("fetch failed");
  const plain = site.start(["run", "--json"]);
  expect(await plain.until("ready")).not.toHaveProperty("health");
}, 40_000);
