// The power fails at every store commit, switch write and publish of sales that are paid in several parts, from an
// account, with a tip, or held: in the end the payer has paid exactly what his closed orders say, wherever the parts
// of it are, and nobody holds anything else of his.

import { expect, test } from "vitest";
import { buy } from "../../bench/buyer.ts";
import { durableOrders } from "../../bench/invariants.ts";
import { ENERGY, Site } from "../../bench/site.ts";
import type { SiteOptions } from "../../bench/site-options.ts";
import {
  card,
  charged,
  HOLD,
  netOf,
  newAccount,
  payingService,
  storedValue,
  tipService,
} from "./money-services.ts";
import { smallCharger } from "./power-cuts.ts";

type Buying = Partial<Parameters<typeof buy>[2]>;
type Account = ReturnType<typeof newAccount>;

const POINTS = 30;
const EARLY: Buying = { endAfterPulses: 50 };
const YES: Buying = {
  pay: { maximumMinor: 100, onQuestion: () => Promise.resolve(["approve"]) },
};
const points = (account: Account): Partial<SiteOptions> => {
  const service = payingService("points", "points", POINTS, account);
  return { payment: () => ({ services: [service] }) };
};

const SCENARIOS: readonly [string, (account: Account) => Partial<SiteOptions>, Buying][] = [
  ["points and a card, ended early", points, EARLY],
  [
    "points and a hold, ended early",
    (account) => ({ ...points(account), services: [HOLD] }),
    EARLY,
  ],
  [
    "two cards",
    () => ({}),
    { card: card("partial").number, pay: { further: [card("approve")] }, ...EARLY },
  ],
  ["an account", storedValue, { account: true, ...EARLY }],
  ["a tip", () => ({ payment: () => ({ services: [tipService(10, "asks")] }) }), YES],
];

async function cutAt(place: number, options: Partial<SiteOptions>, account: Account, how: Buying) {
  let places = 0;
  let name = "";
  const site = new Site({
    seed: 5,
    board: smallCharger(true),
    services: [ENERGY],
    policy: { quantumPulses: 40, loss: "seller" },
    ...options,
    cutAt: (where) => {
      places += 1;
      if (places === place) name = where;
      return places === place;
    },
  });
  const outcome = await site.run(async () => {
    void site.powerOn();
    const consumer = await site.consumer("a");
    return buy(site, consumer, { service: 1, price: 1, units: 2, ...how });
  });
  await site.world.runFor(120_000);
  const wrong: string[] = [];
  if (outcome?.done !== true) wrong.push("the buyer never came to an end");
  const orders = durableOrders(site);
  const open = orders.filter(({ state }) => state !== "closed" && state !== "failed");
  if (open.length > 0) wrong.push(`${open.length} orders are left open`);
  const due = orders.reduce((sum, { settlement }) => sum + (settlement?.amountMinor ?? 0), 0);
  const net = (await charged(site)) + netOf(account);
  if (net !== due) wrong.push(`${net} are gone, ${due} are due`);
  const owed = orders.reduce((sum, { settlement }) => sum + (settlement?.owedMinor ?? 0), 0);
  if (owed > 0) wrong.push(`${owed} are owed`);
  for (const [reference, charge] of await site.host.charges()) {
    const isHeld = charge.capturedMinor === 0 && !charge.reversed;
    if (isHeld) wrong.push(`${reference} is still held`);
  }
  return { places, wrong: wrong.map((text) => `${name} ${place}: ${text}`) };
}

test.each(SCENARIOS)(
  "I1 I2 I6: no power cut takes more or less than was delivered: %s",
  async (_name, options, how) => {
    const run = (place: number) => {
      const account = newAccount();
      return cutAt(place, options(account), account, how);
    };
    const whole = await run(0);
    expect(whole.wrong).toEqual([]);
    const wrong: string[] = [];
    for (let place = 1; place <= whole.places; place++) wrong.push(...(await run(place)).wrong);
    expect(wrong).toEqual([]);
    expect(whole.places).toBeGreaterThan(30);
  },
  120_000,
);
