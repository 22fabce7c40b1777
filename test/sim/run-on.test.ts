// What a valve lets run on, from the loop to the receipt: learnt over sales, kept over a power cut, given and never
// charged where it is too much, and paid back where it is too little.

import { expect, test } from "vitest";
import { ENERGY, type Site } from "../../bench/site.ts";
import { virtualPump } from "../../boards/virtual-pump.ts";
import type { SessionReceipt } from "../../firmware/token/receipt.ts";
import type { RunOn } from "../../hal/loop-host.ts";
import type { StopPhysics } from "../../hal/sim/sim-stops.ts";
import { deal, type Met, paid, story, value, wait } from "./story.ts";

/** 450 pulses a litre, each worth 10. */
const LITRE_MINOR = 4500;
const LITRES = {
  ...ENERGY,
  outlet: "nozzle",
  meter: "flow",
  prices: [{ id: 1, name: "Water", amountMinor: LITRE_MINOR, currency: "EUR" }],
};
/** 60 ms in all: 12 pulses at this flow, give or take one. */
const STOPS: StopPhysics = {
  latencyMs: 40,
  runOnMs: 40,
  sigmaPermille: 100,
  driftPermillePerStop: 0,
  driftPermilleMax: 0,
};
const PUMP = { board: virtualPump, services: [LITRES], pulsesPerSecond: 200, stops: STOPS };

function flowed(site: Site): number {
  return site.board.metal.outlet("nozzle").meters["flow"]?.physical ?? 0;
}

function learnt(site: Site): RunOn | undefined {
  return site.producer?.status().outlets[0]?.runOn;
}

function compare(a: number, b: number): number {
  return a - b;
}

/** Buys a litre and takes it in one session. */
async function buyLitre(met: Met): Promise<SessionReceipt & { flowed: number }> {
  const before = flowed(met.site);
  const purchase = await paid(met);
  const delivered = value(await met.dealer.begin(purchase, undefined, () => undefined));
  const settled = await met.dealer.settled(purchase, 30_000);
  expect(settled.state).toBe("closed");
  const [session] = delivered.receipts;
  if (session?.is !== "session") throw new Error("no receipt of the session");
  return { ...session, flowed: flowed(met.site) - before };
}

test("I4 I6 I8: every sale ends exhausted and closed; what ran over is given, what is missing is paid back", async () => {
  const sales: Awaited<ReturnType<typeof buyLitre>>[] = [];
  const site = await story(async (met) => {
    for (let i = 0; i < 25; i++) sales.push(await buyLitre(met));
    const charges = [...(await met.site.host.charges()).values()];
    const taken = charges.map(({ capturedMinor, refundedMinor }) => capturedMinor - refundedMinor);
    const due = sales.map(({ pulses }) => pulses * 10);
    expect(taken.sort(compare)).toEqual(due.sort(compare));
  }, PUMP);
  for (const { reason, pulses, runOnPulses, ...sale } of sales) {
    expect(reason).toBe("exhausted");
    expect(pulses).toBeLessThanOrEqual(450);
    expect(pulses + runOnPulses).toBe(sale.flowed);
    expect(sale.endReading - sale.startReading).toBe(sale.flowed);
  }
  // Learnt at the first, or the second where the first was a trifle.
  expect(sales[0]?.runOnPulses).toBeGreaterThan(8);
  expect(Math.max(...sales.slice(3).map(({ runOnPulses }) => runOnPulses))).toBeLessThan(5);
  expect(sales.some(({ pulses }) => pulses < 450)).toBe(true);
  expect(site.bugs).toEqual([]);
});

test("what was learnt outlives the power: the next life's first sale is cut as early", async () => {
  await story(async (met) => {
    const { site } = met;
    expect(learnt(site)).toBeUndefined();
    for (let i = 0; i < 8; i++) await buyLitre(met);
    const before = learnt(site);
    expect(before).toMatchObject({ stops: 8 });
    expect(before?.delayMs).toBeGreaterThan(50);
    expect(before?.delayMs).toBeLessThan(70);
    site.cut();
    await wait(site, 1_000);
    await site.powerOn();
    expect(learnt(site)).toBeUndefined();
    const { runOnPulses } = await buyLitre({ ...met, dealer: await deal(site, met.consumer) });
    expect(runOnPulses).toBeLessThan(5);
    expect(learnt(site)).toMatchObject({ stops: 9 });
  }, PUMP);
});
