// What each driver counts of the same pulses, beside a program that runs and one that is stalled for two seconds.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { requireBuilt } from "../support/built.ts";
import { type GpioSim, openGpioSim } from "./gpio-sim-bench.ts";
import { figure, guestMissing, pause, startPulses } from "./guest.ts";

const missing = guestMissing();
const RATE = 5_000;
const DRIVERS = ["onoff", "gpiochip"] as const;
const LINE = { onoff: 1, gpiochip: 2 } as const;

interface Counter {
  child: ChildProcess;
  ask(): Promise<number>;
}

let sim: GpioSim;
let counters: Record<(typeof DRIVERS)[number], Counter>;

async function startCounter(driver: string, offset: number): Promise<Counter> {
  requireBuilt("hal/linux/onoff-lines.js");
  const entry = fileURLToPath(new URL("counter.mjs", import.meta.url));
  const child = spawn(process.execPath, [entry, driver, sim.label, String(offset)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const line = async (): Promise<string> => String((await once(child.stdout, "data"))[0]).trim();
  expect(await line()).toBe("open");
  const ask = async (): Promise<number> => {
    child.stdin.write("?\n");
    return Number(await line());
  };
  return { child, ask };
}

beforeEach(async () => {
  if (missing !== undefined) return;
  sim = openGpioSim();
  const [onoff, gpiochip] = await Promise.all(
    DRIVERS.map((each) => startCounter(each, LINE[each])),
  );
  counters = { onoff: onoff as Counter, gpiochip: gpiochip as Counter };
});

afterEach(async () => {
  if (missing !== undefined) return;
  for (const { child } of Object.values(counters)) {
    const gone = once(child, "close");
    child.kill("SIGCONT");
    child.stdin?.end();
    child.kill("SIGTERM");
    await gone;
  }
  sim.close();
});

/** Pulses on both lines at once, and what was made of them. */
async function count(what: string, rate: number, pulses: number, stallMs: number) {
  const startMs = performance.now();
  const meter = startPulses(sim, { rate, pulses, lines: Object.values(LINE) });
  if (stallMs > 0) {
    await expect.poll(() => meter.generated(), { timeout: 10_000 }).toBeGreaterThan(rate / 10);
    const before = meter.generated();
    for (const { child } of Object.values(counters)) child.kill("SIGSTOP");
    await pause(stallMs);
    const during = meter.generated() - before;
    for (const { child } of Object.values(counters)) child.kill("SIGCONT");
    // The pulses went on all the while.
    expect(during).toBeGreaterThan(1_024);
  }
  const generated = await meter.ended;
  const perSecond = Math.round((generated * 1_000) / (performance.now() - startMs));
  await pause(100);
  const onoff = await counters.onoff.ask();
  const gpiochip = await counters.gpiochip.ask();
  await meter.stop();
  figure({ what, "pulses generated": generated, "a second": perSecond, onoff, gpiochip });
  return { generated, onoff, gpiochip };
}

function testCounting(): void {
  test("the character device counts every one at 5,000 a second, onoff does not", async () => {
    const counted = await count("counting, running", RATE, 2 * RATE, 0);
    expect(counted.gpiochip).toBe(counted.generated);
    expect(counted.onoff).toBeLessThan(counted.generated);
  });

  test("the character device counts every one through a stall of 2 s at 5,000 a second", async () => {
    const counted = await count("counting, stalled for 2 s", RATE, 3 * RATE, 2_000);
    expect(counted.gpiochip).toBe(counted.generated);
    expect(counted.onoff).toBeLessThan(counted.generated);
  });

  test("and at the highest rate that this machine can generate", async () => {
    const counted = await count("counting, as fast as can be", 1_000_000, 10_000, 0);
    expect(counted.gpiochip).toBe(counted.generated);
  });
}

if (missing === undefined) describe("pulses of a real kernel", testCounting);
else test("what is counted of them on a real kernel", ({ skip }) => skip(missing));
