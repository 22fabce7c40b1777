// A loop that rests while nothing happens is the loop that does not, to the last byte: days of sales and of everything
// that may happen to an idle outlet, both ways on the same seeds. And it does rest.

import { expect, test } from "vitest";
import { buy } from "../../bench/buyer.ts";
import { Site } from "../../bench/site.ts";
import { toHex } from "../../firmware/bytes.ts";
import { sleep } from "../../hal/clock.ts";
import type { Random } from "../../hal/sim/random.ts";

const HOUR_MS = 3_600_000;
const OUTLETS = ["socket-1", "socket-2"];

interface Life {
  site: Site;
  /** Every frame and when it came, every line of the log, every movement of metal, and the receipts. */
  trace: readonly string[];
  sales: number;
  troubles: number;
}

/** One thing that happens to a board, mostly while nobody buys. */
async function happen(site: Site, random: Random): Promise<void> {
  const { metal, pins } = site.board;
  const outlet = OUTLETS[random.below(2)] ?? "";
  const { clock } = site.world;
  const line = `${outlet}-${["contact", "pulse", "coil"][random.below(3)] ?? ""}`;
  const pauseMs = 1 + random.below(90_000);
  const things: (() => Promise<void> | void)[] = [
    async () => {
      site.cut();
      await sleep(clock, 3_000);
      await site.powerOn();
    },
    () => site.killLoop(),
    () => site.blockDevice(2_000),
    () => metal.jumpMeter(outlet, "energy", 1 + random.below(40)),
    () => metal.jumpMeter(outlet, "energy", 100_000),
    async () => {
      metal.setFaults(outlet, { leakPulsesPerSecond: 1 });
      await sleep(clock, pauseMs);
      metal.setFaults(outlet, { leakPulsesPerSecond: 0 });
    },
    async () => {
      pins.unplug(line);
      await sleep(clock, pauseMs);
      pins.plugIn(line);
    },
    async () => {
      pins.drive(`${outlet}-contact`, true);
      await sleep(clock, pauseMs / 100);
      pins.drive(`${outlet}-contact`, false);
    },
    async () => {
      site.broker.disconnect(site.device);
      await sleep(clock, pauseMs);
      site.broker.reconnect(site.device);
    },
  ];
  await things[random.below(things.length)]?.();
}

async function live(seed: number, restless: boolean, hours: number): Promise<Life> {
  const site = new Site({ seed, restless, network: { delayMs: [1, 40], lossPerMille: 5 } });
  const frames: string[] = [];
  const spy = site.broker.connect("listener");
  spy.onMessage(({ topic, payload }) => {
    frames.push(`${site.world.nowMs()} ${topic} ${toHex(payload)}`);
  });
  const counted = { sales: 0, troubles: 0 };
  const endMs = hours * HOUR_MS;
  const isOver = (): boolean => site.world.nowMs() >= endMs;
  const trouble = async (random: Random): Promise<void> => {
    for (;;) {
      await sleep(site.world.clock, 1 + random.below(HOUR_MS));
      if (isOver()) return;
      counted.troubles += 1;
      await happen(site, random);
    }
  };
  const shop = async (random: Random): Promise<void> => {
    const consumer = await site.consumer("customer");
    for (;;) {
      await sleep(site.world.clock, random.below(2 * HOUR_MS) + random.below(1000) / 1000);
      if (isOver()) return;
      await buy(site, consumer, { service: 1, price: 1, units: 1 });
      counted.sales += 1;
    }
  };
  await site.run(
    async () => {
      await spy.subscribe("#");
      await site.powerOn();
      const { randomOf } = site.world;
      await Promise.all([trouble(randomOf("trouble")), shop(randomOf("shop"))]);
      await sleep(site.world.clock, HOUR_MS);
      return true;
    },
    endMs + 24 * HOUR_MS,
  );
  const moves = OUTLETS.flatMap((outlet) => site.board.metal.history(outlet));
  const told = [...moves, ...site.store.durable("receipt")].map((one) => JSON.stringify(one));
  return { site, trace: [...site.log, ...frames, ...told], ...counted };
}

test.each([1, 2, 15, 28])(
  "I15: what happens to a loop that rests is what happens: seed %i",
  async (seed) => {
    const rested = await live(seed, false, 8);
    const watched = await live(seed, true, 8);
    const i = rested.trace.findIndex((line, at) => line !== watched.trace[at]);
    expect(rested.trace.slice(i, i + 3)).toEqual(watched.trace.slice(i, i + 3));
    expect(rested.trace).toHaveLength(watched.trace.length);
    expect(rested.sales).toBeGreaterThan(2);
    expect(rested.troubles).toBeGreaterThan(8);
    expect(rested.site.world.eventsRun()).toBeLessThan(watched.site.world.eventsRun());
  },
);

test("a day on which nothing happens costs a few events a minute", async () => {
  const { site } = await live(1, false, 0);
  const before = site.world.eventsRun();
  await site.world.runFor(24 * HOUR_MS);
  expect((site.world.eventsRun() - before) / (24 * 60)).toBeLessThan(10);
});

test("I7: a weld, a leak and a lost line are seen by a loop that rested for hours as soon as by any", async () => {
  for (const restless of [false, true]) {
    const { site } = await live(2, restless, 0);
    await site.world.runFor(5 * HOUR_MS);
    const troubled = (): boolean => site.log.at(-1)?.includes("outlet-trouble") === true;
    site.board.metal.setFaults("socket-1", { leakPulsesPerSecond: 40 });
    expect(await site.world.runWhile(() => !troubled(), 1_000)).toBe(true);
    expect(site.log.at(-1)).toContain("leak");
    site.board.pins.unplug("socket-2-contact");
    const { length } = site.log;
    expect(await site.world.runWhile(() => site.log.length === length, 300)).toBe(true);
    expect(site.log.at(-1)).toContain("socket-2");
  }
});
