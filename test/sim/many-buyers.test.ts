// Several who buy at once, of several devices; one who buys and sells; what a spending limit and an undecided
// payment mean to them.

import { describe, expect, test } from "vitest";
import { buy } from "../../bench/buyer.ts";
import { ENERGY, Site } from "../../bench/site.ts";
import type { Dealer } from "../../firmware/consumer/dealer.ts";
import { type Purchase, Purchases, withPayer } from "../../firmware/consumer/purchase.ts";
import type { Message } from "../../firmware/protocol/messages.ts";
import { fail, type Result } from "../../firmware/result.ts";
import { simStore } from "../../hal/sim/sim-store.ts";
import { CARD, deal, kind, type Met, paid, story, value, wait } from "./story.ts";

const MINUTES = { ...ENERGY, meter: "time" };
const SOCKETS = [MINUTES, { ...MINUTES, id: 2, name: "Energy 2", outlet: "socket-2" }];
const quietly = (): void => undefined;

/** Two devices on one broker, under one operator. */
async function neighbours(tell: (sites: readonly [Site, Site]) => Promise<void>): Promise<void> {
  const first = new Site({ seed: 7, name: "First", services: SOCKETS });
  const second = new Site({ ...first.options, name: "Second", beside: first });
  const done = await first.run(async () => {
    for (const site of [first, second]) await site.powerOn();
    await wait(first, 1_000);
    await tell([first, second]);
    return true;
  });
  expect([...first.bugs, ...second.bugs]).toEqual([]);
  expect(done).toBe(true);
}

async function keptMinor({ host }: Site): Promise<readonly number[]> {
  const all = [...(await host.charges()).values()];
  return all.map((one) => one.capturedMinor - one.refundedMinor);
}

test("I1: four consumers buy at once of two devices on one broker, and each gets what it paid for", async () => {
  await neighbours(async (sites) => {
    const startMs = sites[0].world.nowMs();
    const buyers = sites.flatMap((site) => SOCKETS.map(({ id }) => ({ site, service: id })));
    const closed = await Promise.all(
      buyers.map(async ({ site, service }, index) => {
        const consumer = await site.consumer(`buyer ${index}`);
        const dealer = await deal(site, consumer);
        const { purchase } = value(await dealer.select({ service, price: 1, units: index + 1 }));
        value(await dealer.pay(purchase, CARD));
        return value(await dealer.begin(purchase, undefined, quietly));
      }),
    );
    expect(closed.map(({ purchase }) => purchase.state)).toEqual(Array(4).fill("closed"));
    expect(closed.map(({ receipts }) => receipts[0]?.pulses)).toEqual([60, 120, 180, 240]);
    expect((await keptMinor(sites[0])).toSorted((a, b) => a - b)).toEqual([45, 90]);
    expect((await keptMinor(sites[1])).toSorted((a, b) => a - b)).toEqual([135, 180]);
    // Beside each other, not after each other.
    expect(sites[0].world.nowMs() - startMs).toBeLessThan(4.5 * 60_000);
  });
});

test("two nodes buy of each other at the same time, each with one store for both of its roles", async () => {
  await neighbours(async (sites) => {
    const [first, second] = sites;
    const outcomes = await Promise.all(
      sites.map(async (site) => {
        const other = site === first ? second : first;
        const consumer = await site.consumer(`owner of ${site.device}`, site.store);
        const dealer = await deal(other, consumer);
        // Its own device is one that it finds like any other.
        expect(value(await consumer.choose({ id: site.device })).device).toBe(site.device);
        const purchase = await paid({ dealer } as Met, 2);
        return value(await dealer.begin(purchase, undefined, quietly)).purchase;
      }),
    );
    expect(outcomes.map(({ state, device }) => [state, device])).toEqual([
      ["closed", second.device],
      ["closed", first.device],
    ]);
    for (const site of sites) {
      expect(await keptMinor(site)).toEqual([90]);
      expect(site.store.durable("purchase")).toHaveLength(1);
      expect(site.store.durable("order")).toHaveLength(1);
    }
  });
});

test("a spending limit holds over two devices at once, and counts what was charged in the end", async () => {
  await neighbours(async (sites) => {
    const consumer = await sites[0].consumer("limited");
    await consumer.spending.limit({ currency: "EUR", amountMinor: 140 });
    const dealers = await Promise.all(sites.map((site) => deal(site, consumer)));
    const select = (dealer: Dealer) => dealer.select({ service: 1, price: 1, units: 2 });
    const offers = await Promise.all(dealers.map(select));
    const purchases = offers.map((one) => value(one).purchase);
    const tried = await Promise.all(
      dealers.map((dealer, at) => dealer.pay(purchases[at] as Purchase, CARD)),
    );
    expect(tried.map(kind).sort()).toEqual(["ok", "over-limit"]);
    const at = tried.findIndex((one) => one.ok);
    const [lucky, unlucky] = [dealers[at] as Dealer, dealers[1 - at] as Dealer];
    expect(kind(await select(unlucky))).toBe("over-limit");
    expect(await keptMinor(sites[1 - at] as Site)).toEqual([]);
    const running = lucky.begin(purchases[at] as Purchase, undefined, ({ pulses }) => {
      if (pulses >= 30) void lucky.end(purchases[at] as Purchase);
    });
    value(await running);
    await lucky.settled(purchases[at] as Purchase, 20_000);
    const [used] = await consumer.spending.list();
    expect(used).toMatchObject({ limitMinor: 140, openMinor: 0 });
    expect(used?.spentMinor).toBe((await keptMinor(sites[at] as Site))[0]);
    expect(used?.spentMinor).toBeLessThan(45);
    expect(kind(await unlucky.pay(purchases[1 - at] as Purchase, CARD))).toBe("ok");
  });
});

/** Whoever pays is answered by us instead of the device. */
function answerPays(
  { consumer }: Met,
  answer: (send: () => Promise<Result<Message>>) => Promise<Result<Message>>,
): () => void {
  const { connection } = consumer;
  const request = connection.request.bind(connection);
  connection.request = (peer, message, ...rest) => {
    const send = () => request(peer, message, ...rest);
    return message.is === "pay" ? answer(send) : send();
  };
  return () => {
    connection.request = request;
  };
}

const busyNow = async () => fail("not-ready", "the outlet does not answer");
const unanswered = async () => fail("timed-out", "the device does not answer");

describe("a payment that the device puts off", () => {
  const quote = async ({ dealer }: Met): Promise<Purchase> =>
    value(await dealer.select({ service: 1, price: 1, units: 1 })).purchase;

  test("is quoted again, and is paid later", async () => {
    await story(async (met) => {
      const purchase = await quote(met);
      const heal = answerPays(met, busyNow);
      expect(kind(await met.dealer.pay(purchase, CARD))).toBe("not-ready");
      expect(await met.consumer.purchases.get(purchase.id)).toEqual(purchase);
      heal();
      expect(kind(await met.dealer.pay(purchase, CARD))).toBe("ok");
    });
  });

  test("stays under way when another process is paying it, or when an earlier request may still arrive", async () => {
    const store = simStore();
    const site = new Site({ seed: 3 });
    await site.run(async () => {
      await site.powerOn();
      const consumer = await site.consumer("a", store);
      const met = { site, consumer, dealer: await deal(site, consumer) };
      const state = async ({ id }: Purchase) => (await consumer.purchases.get(id))?.state;
      const first = await quote(met);
      const heal = answerPays(met, async () => {
        await new Purchases(store.store()).change(first.id, withPayer);
        return busyNow();
      });
      expect(kind(await met.dealer.pay(first, CARD))).toBe("not-ready");
      expect(await state(first)).toBe("paying");
      heal();
      const second = await quote(met);
      let asked = 0;
      answerPays(met, () => {
        asked += 1;
        return asked === 1 ? unanswered() : busyNow();
      });
      expect(kind(await met.dealer.pay(second, CARD))).toBe("not-ready");
      expect(await state(second)).toBe("paying");
      return true;
    });
  });
});

describe("a payment that nobody heard the end of", () => {
  const left = async (met: Met, answer: Parameters<typeof answerPays>[1]): Promise<Purchase> => {
    const { purchase } = value(await met.dealer.select({ service: 1, price: 1, units: 1 }));
    const heal = answerPays(met, answer);
    expect(kind(await met.dealer.pay(purchase, CARD))).toBe("timed-out");
    heal();
    expect(await met.consumer.purchases.get(purchase.id)).toMatchObject({ state: "paying" });
    return purchase;
  };

  test("is known as paid when the device is asked, without a card, and is delivered", async () => {
    await story(async (met) => {
      const purchase = await left(met, async (send) => {
        await send();
        return unanswered();
      });
      value(await met.dealer.standing(purchase));
      expect(await met.consumer.purchases.get(purchase.id)).toMatchObject({ state: "paid" });
      expect(value(await met.dealer.begin(purchase, undefined, quietly)).purchase.state).toBe(
        "closed",
      );
      expect(await keptMinor(met.site)).toEqual([45]);
    });
  });

  test("is given up when the offer is long over and the device never heard of it", async () => {
    await story(async (met) => {
      const purchase = await left(met, unanswered);
      const asked = async (): Promise<unknown> => {
        expect(kind(await met.dealer.standing(purchase))).toBe("order-unknown");
        return (await met.consumer.purchases.get(purchase.id))?.state;
      };
      expect(await asked()).toBe("paying");
      await wait(met.site, 3_000_000);
      expect(await asked()).toBe("failed");
    });
  });
});

test("buyers who never give up share one device: all are served, one after the other", async () => {
  const site = new Site({ seed: 9, services: [MINUTES] });
  await site.run(async () => {
    await site.powerOn();
    const outcomes = await Promise.all(
      [1, 2, 3].map(async (number) => {
        const consumer = await site.consumer(`stubborn ${number}`);
        return buy(site, consumer, { service: 1, price: 1, units: number });
      }),
    );
    expect(outcomes.map(({ done }) => done)).toEqual([true, true, true]);
    return true;
  });
  expect((await keptMinor(site)).toSorted((a, b) => a - b)).toEqual([45, 90, 135]);
});
