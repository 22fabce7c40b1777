// One client that floods: with questions, with garbage that asks for hints, with new connections that force new
// epochs. An honest buyer still buys and is served meanwhile, and the device's memory stays bounded.

import { describe, expect, test } from "vitest";
import { buy } from "../../bench/buyer.ts";
import { SOCKET_1, violations } from "../../bench/invariants.ts";
import type { Site } from "../../bench/site.ts";
import { encodeMessage } from "../../firmware/protocol/message-codec.ts";
import { requestTopic } from "../../firmware/protocol/topics.ts";
import { RawClient } from "./raw-client.ts";
import { CARD, deal, kind, type Met, story, value, wait } from "./story.ts";

const SELECT = encodeMessage({ is: "select", service: 1, price: 1, units: 1 });
const IDENTITY = encodeMessage({ is: "get-identity" });
/** How often the flood comes again. */
const WAVE_MS = 100;

const CONNECTIONS = 1_500;

/** Connection after connection, 50 a wave, all under one key or each under its own; the n-th speaks in its epoch. */
function newConnections(
  { site, dealer }: Met,
  key: string | undefined,
  epochOf: (number: number) => number,
): { made(): number } {
  let number = 0;
  const stop = waves(site, () => {
    for (let i = 0; i < 50; i++) {
      number += 1;
      const one = new RawClient(site, `many ${number}`, dealer.peer.boxKey, key);
      one.epoch = epochOf(number);
      one.link.publish(requestTopic(site.device, one.connection), one.seal(IDENTITY));
    }
    if (number >= CONNECTIONS) stop();
  });
  return { made: () => number };
}

/** Does it again and again until the returned function is called. */
function waves(site: Site, flood: () => void): () => void {
  let on = true;
  const next = (): void => {
    if (!on) return;
    flood();
    site.world.after(WAVE_MS, next);
  };
  next();
  return () => {
    on = false;
  };
}

/** A buyer who was not there before the flood: from discovery to settlement, and how long it took. */
async function honestSale({ site }: Met): Promise<number> {
  const sinceMs = site.world.nowMs();
  const outcome = await buy(site, await site.consumer("honest"), {
    service: 1,
    price: 1,
    units: 1,
  });
  expect(outcome.done).toBe(true);
  return site.world.nowMs() - sinceMs;
}

/** With 40 pulses a second, a unit takes 25 s. */
const SALE_MS_MAX = 60_000;

describe("an honest buyer completes while one client floods", () => {
  test("with questions: they are refused with too-many beyond a few at a time", async () => {
    const site = await story(async (met) => {
      const { site: here, dealer } = met;
      // A disk of a memory card: what waits for it is what a flood would fill.
      here.store.setLatencyMs(20);
      const raw = await new RawClient(here, "flood", dealer.peer.boxKey).open();
      const topic = requestTopic(here.device, raw.connection);
      const stop = waves(here, () => {
        for (let i = 0; i < 60; i++) raw.link.publish(topic, raw.seal(SELECT));
      });
      expect(await honestSale(met)).toBeLessThan(SALE_MS_MAX);
      const offers = here.producer?.status().offers ?? 0;
      expect(offers).toBeLessThanOrEqual(16);
      stop();
    });
    expect(await violations(site, SOCKET_1)).toEqual([]);
  }, 60_000);

  test("with garbage: nobody gets so many hints that none are left for him", async () => {
    const site = await story(async (met) => {
      const { site: here, dealer } = met;
      const raw = await new RawClient(here, "garbage", dealer.peer.boxKey).open();
      const garbage = raw.seal(SELECT);
      garbage[10] = (garbage[10] ?? 0) ^ 1;
      const topic = requestTopic(here.device, raw.connection);
      const flood = (count: number) =>
        waves(here, () => {
          for (let i = 0; i < count; i++) raw.link.publish(topic, garbage);
        });
      const stopFew = flood(20);
      expect(await honestSale(met)).toBeLessThan(SALE_MS_MAX);
      stopFew();
      // A restart makes everybody need a hint at once.
      here.cut();
      await here.powerOn();
      const stop = flood(300);
      const sinceMs = here.world.nowMs();
      expect(kind(await dealer.requestServices())).toBe("ok");
      expect(here.world.nowMs() - sinceMs).toBeLessThan(500);
      stop();
    });
    expect(await violations(site, SOCKET_1)).toEqual([]);
  }, 60_000);

  test("with new connections under one key: they get no new epoch out of the device", async () => {
    const site = await story(async (met) => {
      const flood = newConnections(met, "flooder", () => met.dealer.peer.epoch);
      expect(await honestSale(met)).toBeLessThan(SALE_MS_MAX);
      expect(flood.made()).toBe(CONNECTIONS);
      expect(met.site.log.filter((line) => line.includes("new-epoch"))).toEqual([]);
    });
    expect(await violations(site, SOCKET_1)).toEqual([]);
  }, 120_000);

  test("with new connections, each under a key of its own: epochs go by, and he goes on in each", async () => {
    const site = await story(async (met) => {
      const { epochs } = met.site;
      newConnections(met, undefined, (number) => epochs.length + Math.floor(number / 1_001));
      expect(await honestSale(met)).toBeLessThan(2 * SALE_MS_MAX);
    });
    expect(site.log.filter((line) => line.includes("new-epoch")).length).toBeGreaterThan(0);
    expect(await violations(site, SOCKET_1)).toEqual([]);
  }, 120_000);
});

test("what waits too long behind a slow disk is refused with too-many, of one consumer only", async () => {
  await story(async ({ site, dealer }) => {
    const other = await deal(site, await site.consumer("b"));
    const { purchase } = value(await dealer.select({ service: 1, price: 1, units: 1 }));
    site.store.setLatencyMs(2_000);
    const payment = dealer.pay(purchase, CARD);
    await wait(site, 100);
    const many = Array.from({ length: 100 }, () =>
      dealer.select({ service: 1, price: 1, units: 1 }),
    );
    await wait(site, 100);
    expect(kind(await other.requestServices())).toBe("ok");
    const kinds = (await Promise.all(many)).map(kind);
    expect(new Set(kinds)).toEqual(new Set(["ok", "too-many"]));
    // The payment is one of those that wait.
    expect(kinds.filter((one) => one === "ok").length).toBe(15);
    expect(kind(await payment)).toBe("ok");
    site.store.setLatencyMs(1);
    value(await dealer.select({ service: 1, price: 1, units: 1 }));
  });
});
