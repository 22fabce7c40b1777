// A disk that is full from any commit of a sale on, for a while: nothing is delivered beyond what was reserved,
// nothing is lost, and when there is room again all goes on by itself.

import { expect, test } from "vitest";
import { buy } from "../../bench/buyer.ts";
import { durableOrders, violations } from "../../bench/invariants.ts";
import { ENERGY, Site } from "../../bench/site.ts";
import { smallCharger } from "./power-cuts.ts";

const EXPECTED = {
  outlet: "socket-1",
  meter: "energy",
  quantumPulses: 40,
  runOnPulsesMax: 3,
  retains: true,
  loss: "seller",
} as const;
const FULL_MS = 40_000;

interface Run {
  commits: number;
  wrong: string[];
  broke: boolean;
}

/** One sale of two sessions and a refund; the disk is full from commit number `full` of it on, 0 for never. */
async function sell(full: number): Promise<Run> {
  const site = new Site({
    seed: 9,
    board: smallCharger(true),
    services: [{ ...ENERGY, undelivered: "refund" }],
    policy: { quantumPulses: EXPECTED.quantumPulses, loss: EXPECTED.loss },
  });
  const wrong: string[] = [];
  let started = 0;
  const watch = (): void => {
    if (site.store.commits() < started + full - 1) {
      site.world.after(0.5, watch);
      return;
    }
    site.store.setFull(true);
    site.world.after(FULL_MS, () => site.store.setFull(false));
  };
  const outcome = await site.run(async () => {
    await site.powerOn();
    started = site.store.commits();
    if (full > 0) watch();
    const buying = { service: 1, price: 1, units: 3, unitsPerSession: 1 };
    return buy(site, await site.consumer("a"), {
      ...buying,
      endAfterPulses: 20,
      endFromSession: 2,
    });
  });
  await site.world.runFor(FULL_MS);
  if (outcome?.done !== true) wrong.push(`not done: ${outcome?.faults.join(", ")}`);
  wrong.push(...(await violations(site, EXPECTED)));
  const broke = site.log.some((line) => line.includes("world-broke"));
  return { commits: site.store.commits() - started, wrong, broke };
}

test("I6 I8: the disk full at any commit of a sale: nothing is lost, and it goes on when there is room", async () => {
  const whole = await sell(0);
  expect(whole).toMatchObject({ wrong: [], broke: false });
  let broke = 0;
  for (let full = 1; full <= whole.commits; full++) {
    const run = await sell(full);
    expect([full, run.wrong]).toEqual([full, []]);
    if (run.broke) broke += 1;
  }
  console.log(`full disk: at each of ${whole.commits} commits, ${broke} times met by the device`);
  expect(broke).toBeGreaterThan(whole.commits / 2);
}, 60_000);

test("I8: while the disk is full, no more is delivered than was reserved before", async () => {
  const site = new Site({
    seed: 2,
    board: smallCharger(true),
    policy: { quantumPulses: 40, loss: "seller" },
  });
  await site.run(async () => {
    await site.powerOn();
    const consumer = await site.consumer("a");
    void buy(site, consumer, { service: 1, price: 1, units: 5 });
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (site.board.metal.outlet("socket-1").contact) resolve();
        else site.world.after(10, look);
      };
      look();
    });
    site.store.setFull(true);
    await new Promise<void>((resolve) => site.world.after(30_000, () => resolve()));
    return true;
  });
  const [order] = durableOrders(site);
  const { physical = 0 } = site.board.metal.outlet("socket-1").meters["energy"] ?? {};
  expect(order?.running?.reserved).toBe(40);
  expect(physical).toBeGreaterThanOrEqual(40);
  expect(physical).toBeLessThanOrEqual(40 + 1 + EXPECTED.runOnPulsesMax);
  expect(site.board.metal.outlet("socket-1").contact).toBe(false);
});
