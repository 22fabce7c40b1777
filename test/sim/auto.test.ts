// Standing needs in virtual time: cheapest first, on time, within limits, and never beyond the budget, whatever
// moment the buyer's power is cut at.

import { expect, test } from "vitest";
import { crypto, ENERGY, Site } from "../../bench/site.ts";
import type { SiteOptions } from "../../bench/site-options.ts";
import {
  AutoBuyer,
  type AutoEnd,
  type AutoEvent,
  type StandingNeed,
} from "../../firmware/consumer/auto.ts";
import { Consumer } from "../../firmware/consumer/consumer.ts";
import type { Card } from "../../firmware/consumer/credential.ts";
import { connectionName } from "../../firmware/protocol/topics.ts";
import { fail, type Result } from "../../firmware/result.ts";
import { type SimStore, simStore } from "../../hal/sim/sim-store.ts";
import { CARD, value, wait } from "./story.ts";

const NEED: StandingNeed = {
  name: "charging",
  device: {},
  service: { name: "Energy" },
  units: 2,
  currency: "EUR",
  when: { is: "every", everyMs: 60_000 },
  budgetMinor: 300,
};
/** A purchase of two kWh takes 40 s. */
const FAST = { pulsesPerSecond: 50 };

interface Process {
  auto: AutoBuyer;
  consumer: Consumer;
  events: { atMs: number; event: AutoEvent }[];
  run(): Promise<Result<AutoEnd>>;
  /** Gone this instant: nothing of it reaches the broker any more. */
  kill(): void;
}

let processes = 0;

/** A process of one buyer; `store` is what its earlier processes left. */
async function start(
  site: Site,
  store: SimStore,
  need: StandingNeed = NEED,
  card: Card = CARD,
): Promise<Process> {
  const { clock } = site.world;
  const boxSecret = site.world.entropy("auto buyer").bytes(32);
  const entropy = site.world.entropy(`auto process ${processes++}`);
  const connection = connectionName(entropy.bytes(6));
  const link = site.broker.connect(connection);
  const own = store.store();
  const consumer = new Consumer(
    { clock, store: own, link, crypto, entropy },
    {
      connection,
      boxSecret,
      operators: [site.operatorKey],
      trustNew: false,
      simulatedHost: true,
    },
  );
  value(await consumer.setup());
  const events: Process["events"] = [];
  const auto = new AutoBuyer({ clock, store: own, consumer }, need, card, (event) =>
    events.push({ atMs: site.world.nowMs(), event }),
  );
  const kill = (): void => site.broker.cut(connection);
  return { auto, consumer, events, run: () => auto.run(), kill };
}

async function tell<T>(
  story: (site: Site, store: SimStore) => Promise<T>,
  options: Partial<SiteOptions> = {},
  store = simStore(),
): Promise<{ site: Site; told: T }> {
  const site = new Site({ seed: 5, ...FAST, ...options });
  const done = await site.run(async () => {
    await site.powerOn();
    await wait(site, 1_000);
    return { told: await story(site, store) };
  });
  if (done === undefined) throw new Error(`the story does not end:\n${site.log.join("\n")}`);
  return { site, told: done.told };
}

/** What all cards were charged, by the payment host's own books. */
function chargedMinor(site: Site): number {
  return site.hostStore.durable("charge").reduce((sum, { body }) => {
    const { capturedMinor, refundedMinor } = JSON.parse(body);
    return sum + capturedMinor - refundedMinor;
  }, 0);
}

function on<K extends AutoEvent["on"]>(process: Process, name: K) {
  return process.events.flatMap(({ atMs, event }) =>
    event.on === name ? [{ atMs, ...(event as Extract<AutoEvent, { on: K }>) }] : [],
  );
}

test("buys at its intervals and stops at its budget", async () => {
  const { site, told } = await tell(async (at, store) => {
    const process = await start(at, store);
    return { end: value(await process.run()), paid: on(process, "paid") };
  });
  expect(told.end).toEqual({
    ...{ why: "budget", spentMinor: 270, openMinor: 0, purchases: 3, milliUnits: 6_000 },
  });
  expect(chargedMinor(site)).toBe(270);
  const [first, second, third] = told.paid.map(({ atMs }) => atMs);
  expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(60_000);
  expect((third ?? 0) - (first ?? 0)).toBeLessThan(130_000);
});

test("takes the cheapest that fits, by the offer's own total", async () => {
  const price = { id: 1, name: "each", amountMinor: 45, currency: "EUR" };
  const services = [
    ENERGY,
    { ...ENERGY, id: 2, outlet: "socket-2", prices: [price, { ...price, id: 2, amountMinor: 40 }] },
    { ...ENERGY, id: 3, name: "Cheap", prices: [{ ...price, amountMinor: 1 }] },
    { ...ENERGY, id: 4, prices: [{ ...price, amountMinor: 2, currency: "USD" }] },
  ];
  const { told } = await tell(
    async (at, store) => {
      const process = await start(at, store, { ...NEED, count: 1 });
      return { end: value(await process.run()), paid: on(process, "paid") };
    },
    { services },
  );
  expect(told.end).toMatchObject({ why: "count", spentMinor: 80 });
  expect(told.paid).toMatchObject([{ totalMinor: 80, units: 2 }]);
});

test("finds a service by its type, and takes fewer units where no more can be supplied", async () => {
  const price = { id: 1, name: "each", amountMinor: 50, currency: "EUR", maxUnits: 1 };
  const typed = { ...ENERGY, id: 2, outlet: "socket-2", type: "ev-charging", prices: [price] };
  const service = { type: "ev-charging" };
  const { told } = await tell(
    async (at, store) => {
      const process = await start(at, store, { ...NEED, service, count: 1 });
      return { end: value(await process.run()), paid: on(process, "paid") };
    },
    { services: [ENERGY, typed] },
  );
  expect(told.end).toMatchObject({ why: "count", spentMinor: 50 });
  expect(told.paid).toMatchObject([{ totalMinor: 50, units: 1 }]);
});

test("offers that are not taken are not kept", async () => {
  const other = { ...ENERGY, id: 2, outlet: "socket-2" };
  const { told } = await tell(
    async (at, store) => {
      value(await (await start(at, store, { ...NEED, count: 2 })).run());
      return store.durable("purchase").map(({ body }) => JSON.parse(body).state);
    },
    { services: [ENERGY, other] },
  );
  expect(told).toEqual(["closed", "closed"]);
});

test("nor are those that were not paid after all, however often", async () => {
  const { site, told } = await tell(async (at, store) => {
    const process = await start(at, store);
    process.consumer.onPay(() => fail("refused", "not today"));
    const run = process.run();
    await wait(at, 300_000);
    process.auto.stop();
    const end = value(await run);
    return { end, refused: on(process, "refused").length, kept: store.durable("purchase") };
  });
  expect(told.refused).toBeGreaterThan(4);
  expect(told.end).toMatchObject({ why: "stopped", spentMinor: 0, openMinor: 0 });
  expect(told.kept).toEqual([]);
  expect(chargedMinor(site)).toBe(0);
});

test("buys when less is left than the level, and counts what comes in", async () => {
  const when = { is: "level", startMilli: 5_000, perHourMilli: 60_000, belowMilli: 3_000 } as const;
  const { told } = await tell(async (at, store) => {
    const startMs = at.world.nowMs();
    const process = await start(at, store, { ...NEED, when, count: 3 });
    value(await process.run());
    return on(process, "paid").map(({ atMs }) => (atMs - startMs) / 60_000);
  });
  // One unit a minute: two minutes down to the level, and two more for each purchase of two.
  expect(told).toHaveLength(3);
  for (const [i, minutes] of told.entries()) expect(minutes).toBeCloseTo(2 + 2 * i, 0);
});

test("what is too dear is waited for, longer and longer, and costs nothing", async () => {
  const { site, told } = await tell(async (at, store) => {
    const process = await start(at, store, { ...NEED, priceMinorMax: 44 });
    const run = process.run();
    await wait(at, 100_000);
    process.auto.stop();
    return { end: value(await run), refused: on(process, "refused") };
  });
  expect(told.end).toMatchObject({ why: "stopped", spentMinor: 0 });
  expect(told.refused.map(({ fault }) => fault.kind)).toContain("over-limit");
  expect(told.refused.map(({ againMs }) => againMs)).toEqual(
    [5, 10, 20, 40, 80].map((s) => s * 1000),
  );
  expect(chargedMinor(site)).toBe(0);
});

test("a limit for one purchase holds too", async () => {
  const { told } = await tell(async (at, store) => {
    const process = await start(at, store, { ...NEED, totalMinorMax: 89 });
    const run = process.run();
    await wait(at, 6_000);
    process.auto.stop();
    value(await run);
    return on(process, "refused");
  });
  expect(told[0]).toMatchObject({ fault: { kind: "over-limit", at: "offer.totalMinor" } });
});

test("a card that is declined again and again is not tried for ever", async () => {
  const { site, told } = await tell(async (at, store) => {
    const declined = { ...CARD, number: "4000000000000002" };
    const process = await start(at, store, NEED, declined);
    return { end: await process.run(), refused: on(process, "refused") };
  });
  expect(told.end).toMatchObject({ ok: false, fault: { kind: "declined" } });
  expect(told.refused).toHaveLength(4);
  expect(chargedMinor(site)).toBe(0);
});

test("told to stop in mid-delivery it ends it and counts what that cost", async () => {
  const { site, told } = await tell(async (at, store) => {
    const process = await start(at, store, { ...NEED, units: 5 });
    const run = process.run();
    await wait(at, 20_000);
    expect(on(process, "progress").length).toBeGreaterThan(0);
    process.auto.stop();
    return value(await run);
  });
  expect(told).toMatchObject({ why: "stopped", openMinor: 0, purchases: 1 });
  expect(told.spentMinor).toBeGreaterThan(0);
  expect(told.spentMinor).toBeLessThan(225);
  expect(chargedMinor(site)).toBe(told.spentMinor);
});

test("a later run goes on where the earlier one stopped, and another currency is refused", async () => {
  const { site, told } = await tell(async (at, store) => {
    value(await (await start(at, store, { ...NEED, budgetMinor: 100 })).run());
    const more = value(await (await start(at, store, { ...NEED, budgetMinor: 200 })).run());
    const other = await (await start(at, store, { ...NEED, currency: "USD" })).run();
    return { more, other };
  });
  expect(told.more).toMatchObject({ why: "budget", spentMinor: 180, purchases: 2 });
  expect(told.other).toMatchObject({ ok: false, fault: { kind: "usage", at: "budget.currency" } });
  expect(chargedMinor(site)).toBe(180);
});

test("two processes with one need do not spend its budget twice", async () => {
  const { site, told } = await tell(async (at, store) => {
    const [one, two] = [await start(at, store), await start(at, store)];
    return Promise.all([one.run(), two.run()]);
  });
  const kinds = told.map((end) => (end.ok ? end.value.why : end.fault.kind));
  expect(kinds.sort()).toEqual(["budget", "exists"]);
  expect(chargedMinor(site)).toBe(270);
});

/** Good for two purchases. */
const two: StandingNeed = { ...NEED, budgetMinor: 200 };

/** Runs until the commit of that number, where the buyer's power goes; then another process goes on. */
async function cutAndGoOn(cutAt: number, phase: "before" | "after") {
  let commits = 0;
  let cut: () => void = () => undefined;
  const store = simStore({
    onCommit: (now) => {
      if (now !== phase || ++commits !== cutAt) return;
      cut();
      store.crash();
    },
  });
  return tell(
    async (at) => {
      const first = await start(at, store, two);
      const dark = new Promise<"dark">((resolve) => {
        cut = () => {
          first.kill();
          resolve("dark");
        };
      });
      const how = await Promise.race([first.run(), dark]);
      if (how !== "dark") return { end: value(how), wasCut: false, boughtMs: boughtMs(store) };
      await wait(at, 10_000);
      store.reopen();
      const next = await start(at, store, two);
      return { end: value(await next.run()), wasCut: true, boughtMs: boughtMs(store) };
    },
    {},
    store,
  );
}

/** When what was paid was quoted. */
function boughtMs(store: SimStore): number[] {
  const all = store.durable("purchase").map(({ body }) => JSON.parse(body));
  return all.filter(({ state }) => state === "closed").map(({ madeMs }) => madeMs as number);
}

test("I4: power cut at any commit of the buyer, its budget is neither exceeded nor forgotten", async () => {
  let cuts = 0;
  for (const phase of ["before", "after"] as const) {
    for (let cutAt = 1; ; cutAt++) {
      const { site, told } = await cutAndGoOn(cutAt, phase);
      const where = `${phase} commit ${cutAt}`;
      expect(chargedMinor(site), where).toBeLessThanOrEqual(two.budgetMinor);
      expect(told.end, where).toMatchObject({ why: "budget", openMinor: 0 });
      expect(told.end.spentMinor, where).toBe(chargedMinor(site));
      expect(told.end.purchases, where).toBe(2);
      const [first = 0, second = 0] = told.boughtMs.sort();
      expect(second - first, where).toBeGreaterThanOrEqual(55_000);
      if (!told.wasCut) break;
      cuts += 1;
    }
  }
  expect(cuts).toBeGreaterThan(20);
});
