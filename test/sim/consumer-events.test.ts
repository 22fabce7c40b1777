// What an application that buys is told, in which order, and what it can refuse; and that nothing it does wrong
// harms a purchase.

import { describe, expect, test } from "vitest";
import { ENERGY, Site } from "../../bench/site.ts";
import type { ConsumerEvent } from "../../firmware/consumer/events.ts";
import type { Allow } from "../../firmware/consumer/paying.ts";
import { fail, ok } from "../../firmware/result.ts";
import { CARD, deal, kind, type Met, paid, story, value, wait } from "./story.ts";

const SELECTION = { service: 1, price: 1, units: 1 };
const quietly = (): void => undefined;

function record({ consumer }: Pick<Met, "consumer">): ConsumerEvent[] {
  const events: ConsumerEvent[] = [];
  consumer.onEvent((event) => {
    events.push(event);
  });
  return events;
}

const names = (events: readonly ConsumerEvent[]): string[] => events.map(({ event }) => event);

describe("an application that buys is told", () => {
  test("of discovery, quote, payment, begin, progress and end, in this order", async () => {
    await story(async (met) => {
      const events = record(met);
      const { consumer, site } = met;
      await consumer.discover({ timeoutMs: 500 });
      const dealer = await deal(site, consumer);
      const { purchase } = value(await dealer.select({ ...SELECTION, units: 2 }));
      value(await dealer.pay(purchase, CARD));
      value(await dealer.begin(purchase, 1, quietly));
      value(await dealer.begin(purchase, undefined, quietly));
      const seen = names(events).filter((name, at, all) => name !== all[at - 1]);
      const session = ["begin", "progress", "end"];
      expect(seen).toEqual(["discovery", "quote", "payment", ...session, ...session]);
      const order = purchase.id;
      const bought = {
        device: site.device,
        order,
        service: 1,
        price: 1,
        units: 2,
        currency: "EUR",
      };
      expect(events.filter(({ event }) => event === "quote")).toEqual([
        { event: "quote", ...bought, totalMinor: 90 },
      ]);
      expect(events.filter(({ event }) => event === "payment")).toEqual([
        { event: "payment", ...bought, totalMinor: 90 },
      ]);
      expect(events.filter(({ event }) => event === "end")).toMatchObject([
        { order, session: 1, pulses: 1_000, amountMinor: 45, reason: "exhausted", closed: false },
        { order, session: 2, pulses: 1_000, amountMinor: 45, reason: "exhausted", closed: true },
      ]);
      const pulses = events.flatMap((one) => (one.event === "progress" ? [one.pulses] : []));
      expect(pulses.length).toBeGreaterThan(4);
    });
  });

  test("of every fault, with the step and the order that it is about", async () => {
    await story(async (met) => {
      const events = record(met);
      const { dealer, consumer, site } = met;
      await dealer.getPrices(7);
      const { purchase } = value(await dealer.select(SELECTION));
      await dealer.begin(purchase, 1, quietly);
      await consumer.choose({ name: "Nobody" });
      expect(events.filter(({ event }) => event === "fault")).toMatchObject([
        { step: "prices", device: site.device, fault: { kind: "service-unknown" } },
        { step: "begin", order: purchase.id, fault: { kind: "out-of-order" } },
        { step: "choose", fault: { kind: "not-found" } },
      ]);
    });
  });

  test("one after the other, also of what it brings about itself while it is told", async () => {
    await story(async ({ consumer, dealer }) => {
      const order: string[] = [];
      consumer.onEvent(({ event }) => {
        order.push(`${event} begins`);
        // The device is there: that is told before discover has answered.
        if (event === "quote") void consumer.discover({ timeoutMs: 0 });
        order.push(`${event} ends`);
      });
      value(await dealer.select(SELECTION));
      const whole = ["quote", "discovery"].flatMap((event) => [`${event} begins`, `${event} ends`]);
      expect(order).toEqual(whole);
    });
  });

  test("of what concerns the listener that was set last, and of nothing when there is none", async () => {
    await story(async (met) => {
      const [first, second] = [record(met), record(met)];
      value(await met.dealer.select(SELECTION));
      met.consumer.onEvent(undefined);
      value(await met.dealer.select(SELECTION));
      expect([first.length, names(second)]).toEqual([0, ["quote"]]);
    });
  });

  test("and may throw, now or later, at every event and in every callback: the purchase goes on", async () => {
    const unhandled: unknown[] = [];
    const onUnhandled = (error: unknown): void => {
      unhandled.push(error);
    };
    process.on("unhandledRejection", onUnhandled);
    await story(async ({ site }) => {
      const consumer = await site.consumer("clumsy");
      let told = 0;
      consumer.onEvent((event) => {
        told += 1;
        if (told % 2 === 0) return Promise.reject(new Error(event.event));
        throw new Error(event.event);
      });
      const clumsy = (): never => {
        throw new Error("clumsy");
      };
      await consumer.discover({ timeoutMs: 500, onFound: clumsy, onGone: clumsy, enough: clumsy });
      const dealer = value(await consumer.init(value(await consumer.choose())));
      const purchase = await paid({ dealer } as Met);
      expect(value(await dealer.begin(purchase, undefined, clumsy)).purchase.state).toBe("closed");
      expect(told).toBeGreaterThan(5);
    });
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", onUnhandled);
    expect(unhandled).toEqual([]);
  });
});

describe("an application that buys may refuse", () => {
  const never: Allow = () => new Promise(() => undefined);
  test.each<[string, Allow, string]>([
    ["in words", () => fail("refused", "too dear for me"), "too dear for me"],
    ["later", async () => fail("refused", "too dear for me"), "too dear for me"],
    [
      "by throwing",
      () => {
        throw new Error("oh");
      },
      "the application failed: Error: oh",
    ],
    ["by not answering", never, "the application does not answer"],
  ])("a payment %s: nothing is sent, and it may be paid later", async (_how, allow, words) => {
    const site = await story(async (met) => {
      const { dealer, consumer, site: here } = met;
      const { purchase } = value(await dealer.select(SELECTION));
      consumer.onPay(allow);
      const asked = dealer.pay(purchase, CARD);
      const refused = await asked;
      expect(refused).toMatchObject({ ok: false, fault: { kind: "refused", message: words } });
      expect(await consumer.purchases.get(purchase.id)).toEqual(purchase);
      expect((await here.host.charges()).size).toBe(0);
      consumer.onPay((offer, one) => {
        expect([offer.totalMinor, one.id]).toEqual([45, purchase.id]);
        return ok(undefined);
      });
      expect(kind(await dealer.pay(purchase, CARD))).toBe("ok");
    });
    expect((await site.host.charges()).size).toBe(1);
  });
});

describe("a search", () => {
  test("ends on the millisecond when nothing is there, and when the broker does not answer", async () => {
    const site = new Site({ seed: 3 });
    const done = await site.run(async () => {
      const consumer = await site.consumer("a");
      for (const timeoutMs of [0, 1, 999, 5_000]) {
        const startMs = site.world.nowMs();
        expect(value(await consumer.discover({ timeoutMs }))).toEqual([]);
        expect(site.world.nowMs() - startMs).toBe(timeoutMs);
      }
      const deaf = await site.consumer("deaf");
      site.broker.setNetwork({ delayMs: [60_000, 60_000] });
      const startMs = site.world.nowMs();
      expect(value(await deaf.discover({ timeoutMs: 2_000 }))).toEqual([]);
      expect(site.world.nowMs() - startMs).toBe(2_000);
      for (const timeoutMs of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
        expect(kind(await deaf.discover({ timeoutMs }))).toBe("out-of-range");
      }
      return true;
    });
    expect(done).toBe(true);
  });

  test("tells of a device that is withdrawn meanwhile, and leaves it out", async () => {
    await story(async ({ site, consumer }) => {
      const heard: string[] = [];
      const events = record({ consumer });
      const search = consumer.discover({
        timeoutMs: 3_000,
        onFound: ({ name }) => heard.push(`found ${name}`),
        onGone: ({ name }) => heard.push(`gone ${name}`),
      });
      await wait(site, 1_000);
      site.producer?.stopBroadcast();
      expect(value(await search)).toEqual([]);
      expect(heard).toEqual(["found Bench charger", "gone Bench charger"]);
      expect(events).toMatchObject([
        { event: "discovery", device: site.device, verified: true, gone: false },
        { event: "discovery", device: site.device, gone: true },
      ]);
      expect(kind(await consumer.choose())).toBe("not-found");
    });
  });

  test("ends at once where there is enough, and when the consumer leaves", async () => {
    await story(async ({ site, consumer }) => {
      const startMs = site.world.nowMs();
      const enough = (): boolean => true;
      const filter = { name: "Bench charger" };
      expect(value(await consumer.discover({ timeoutMs: 9_000, filter, enough }))).toHaveLength(1);
      expect(site.world.nowMs()).toBe(startMs);
      const other = consumer.discover({ timeoutMs: 9_000, filter: { name: "Nobody" }, enough });
      await wait(site, 100);
      consumer.close();
      await other;
      expect(site.world.nowMs()).toBe(startMs + 100);
    });
  });
});

test("a device is found by the types of its services, also of those that it is given while it runs", async () => {
  const first = { ...ENERGY, type: "ev-charging" };
  const second = { ...ENERGY, id: 2, outlet: "socket-2", type: "air" };
  await story(
    async ({ site, consumer }) => {
      const foundBy = async (type: string): Promise<string> => {
        await consumer.discover({ timeoutMs: 200 });
        return kind(await consumer.choose({ type }));
      };
      expect([await foundBy("ev-charging"), await foundBy("air")]).toEqual(["ok", "not-found"]);
      value((await site.producer?.addService(second)) ?? ok(undefined));
      expect([await foundBy("ev-charging"), await foundBy("air")]).toEqual(["ok", "ok"]);
      value((await site.producer?.removeService(1)) ?? ok(undefined));
      expect([await foundBy("ev-charging"), await foundBy("air")]).toEqual(["not-found", "ok"]);
    },
    { services: [first] },
  );
});
