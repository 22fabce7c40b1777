// The power cut at every store commit, switch write and publish of a sale of two items: each run ends with every
// invariant in place, and no more than the one item that was under way is given away.

import { expect, test } from "vitest";
import { buy } from "../../bench/buyer.ts";
import { checkClosing, type Expectation, violations } from "../../bench/invariants.ts";
import { ENERGY, Site } from "../../bench/site.ts";
import { virtualWasher } from "../../boards/virtual-washer.ts";
import type { Board } from "../../hal/board.ts";

const CYCLE_MS = 1_500;
const PRICES = [{ id: 1, name: "per portion", amountMinor: 80, currency: "EUR" }];
const PORTION = { ...ENERGY, outlet: "slot", meter: "done", prices: PRICES };

/** The slot alone, quick and always alike, whose counter forgets in the dark what it did not tell. */
function slot(): Board {
  const outlets = virtualWasher.outlets.slice(1).map((outlet) => ({
    ...outlet,
    meters: outlet.meters.map((meter) => ({ ...meter, retains: false })),
  }));
  const cycle = [CYCLE_MS, CYCLE_MS] as const;
  const virtual = { pulsesPerSecond: 1, operateMs: [0, 0] as const, cycleMs: { slot: cycle } };
  return { ...virtualWasher, outlets, virtual };
}

const EXPECTED: Expectation = {
  outlet: "slot",
  meter: "done",
  quantumPulses: 1,
  runOnPulsesMax: 0,
  retains: false,
  loss: "seller",
};

async function cutAt(cutPlace: number): Promise<{ places: number; wrong: readonly string[] }> {
  const wrong: string[] = [];
  let places = 0;
  const site = new Site({
    seed: 7,
    board: slot(),
    services: [PORTION],
    policy: { quantumPulses: 100, loss: "seller" },
    cutAt: () => {
      places += 1;
      return places === cutPlace;
    },
  });
  site.onClosing = () => wrong.push(...checkClosing(site, "slot"));
  const outcome = await site.run(async () => {
    void site.powerOn();
    return buy(site, await site.consumer("a"), { service: 1, price: 1, units: 2 });
  });
  if (outcome?.done !== true) wrong.push("I6: the buyer never came to an end");
  await site.world.runFor(20_000);
  wrong.push(...(await violations(site, EXPECTED)));
  return { places, wrong };
}

test("I1 I3 I7 I10: the power cut at every place of a sale of two items", async () => {
  const { places, wrong } = await cutAt(0);
  expect(wrong).toEqual([]);
  expect(places).toBeGreaterThan(30);
  const found: string[] = [];
  for (let place = 1; place <= places; place++) {
    for (const each of (await cutAt(place)).wrong) found.push(`at place ${place}: ${each}`);
  }
  expect(found).toEqual([]);
}, 60_000);
