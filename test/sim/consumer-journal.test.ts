// What a consumer keeps of its orders: two processes of one identity, two deliveries at once, a journal that
// cannot be read, and a device or a network that lies about which order and which device it is.

import { afterEach, expect, test } from "vitest";
import { crypto, ENERGY, Site } from "../../bench/site.ts";
import { Consumer } from "../../firmware/consumer/consumer.ts";
import type { Dealer } from "../../firmware/consumer/dealer.ts";
import { encodeHint } from "../../firmware/protocol/envelope.ts";
import { connectionName } from "../../firmware/protocol/topics.ts";
import { type SimStore, simStore } from "../../hal/sim/sim-store.ts";
import { RawClient } from "./raw-client.ts";
import { CARD, deal, kind, type Met, paid, story, value, wait } from "./story.ts";

const unhandled: unknown[] = [];
const onUnhandled = (error: unknown): void => {
  unhandled.push(error);
};
afterEach(() => {
  process.off("unhandledRejection", onUnhandled);
});

/** Another process of consumer "a", on the same store. */
async function again(site: Site, store: SimStore, operators = [site.operatorKey]) {
  const boxSecret = site.world.entropy("consumer a").bytes(32);
  const entropy = site.world.entropy("another process");
  const connection = connectionName(entropy.bytes(6));
  const link = site.broker.connect(connection);
  const { clock } = site.world;
  const trustNew = operators.length === 0;
  const consumer = new Consumer(
    { clock, store: store.store(), link, crypto, entropy },
    { connection, boxSecret, operators, trustNew, simulatedHost: true },
  );
  value(await consumer.setup());
  return { consumer, link };
}

/** A device, a consumer on a store of ours, and another process of it. */
async function twice(tell: (met: Met, other: Dealer) => Promise<void>): Promise<void> {
  const store = simStore();
  const site = new Site({ seed: 3, services: [{ ...ENERGY, undelivered: "credit-refund" }] });
  const done = await site.run(async () => {
    await site.powerOn();
    const consumer = await site.consumer("a", store);
    const dealer = await deal(site, consumer);
    const other = await deal(site, (await again(site, store)).consumer);
    await tell({ site, consumer, dealer }, other);
    return true;
  });
  expect(done).toBe(true);
}

const quietly = (): void => undefined;

test("a payment that another process made too does not wipe what came of it", async () => {
  await twice(async ({ site, consumer, dealer }, other) => {
    const { purchase } = value(await dealer.select({ service: 1, price: 1, units: 2 }));
    const paying = [dealer.pay(purchase, CARD), other.pay(purchase, CARD)];
    const first = value(await Promise.race(paying));
    const begun = value(await dealer.begin(first, 1, quietly));
    expect(begun.purchase.receipts).toHaveLength(1);
    await Promise.all(paying);
    // Long after, and from what it read before any of it.
    expect(await other.pay(purchase, CARD)).toMatchObject({ ok: true });
    await wait(site, 5_000);
    expect(await consumer.purchases.get(purchase.id)).toMatchObject({
      state: "paid",
      sessions: 1,
      receipts: begun.purchase.receipts,
    });
    const rest = value(await dealer.begin(first, undefined, quietly));
    expect(rest.purchase).toMatchObject({ state: "closed", sessions: 2 });
  });
});

test("a refusal that one process is told does not undo what another was paid for", async () => {
  await twice(async ({ consumer, dealer }, other) => {
    const { purchase } = value(await dealer.select({ service: 1, price: 1, units: 1 }));
    const { connection } = consumer;
    const request = connection.request.bind(connection);
    // Our own `pay` is refused late: by then the other process has the token.
    connection.request = async () => {
      value(await other.pay(purchase, CARD));
      return { ok: false, fault: { kind: "declined", message: "the device says no" } };
    };
    const told = await dealer.pay(purchase, CARD);
    connection.request = request;
    expect(told).toMatchObject({ ok: true, value: { state: "paid" } });
    expect(await consumer.purchases.get(purchase.id)).toEqual(value(told));
  });
});

test("an order that we have already is refused as an offer, and stays as it is", async () => {
  await twice(async ({ consumer, dealer }) => {
    const { request } = consumer.connection;
    const purchase = await paid({ dealer } as Met);
    const offer = { ok: true as const, value: { is: "offer" as const, offer: purchase.offer } };
    consumer.connection.request = () => Promise.resolve(offer);
    const selected = await dealer.select({ service: 1, price: 1, units: 1 });
    consumer.connection.request = request;
    expect(selected).toMatchObject({
      ok: false,
      fault: { kind: "offer-mismatch", at: "offer.id" },
    });
    expect(await consumer.purchases.get(purchase.id)).toEqual(purchase);
  });
});

test("two orders are delivered at once to one dealer, each told of its own progress", async () => {
  const second = { ...ENERGY, id: 2, name: "Energy 2", outlet: "socket-2" };
  await story(
    async ({ dealer }) => {
      const buy = async (service: number, units: number) => {
        const { purchase } = value(await dealer.select({ service, price: 1, units }));
        return value(await dealer.pay(purchase, CARD));
      };
      const purchases = [await buy(1, 1), await buy(2, 3)];
      const most = [0, 0];
      const delivered = await Promise.all(
        purchases.map((purchase, at) =>
          dealer.begin(purchase, undefined, ({ pulses }) => {
            most[at] = Math.max(most[at] ?? 0, pulses);
          }),
        ),
      );
      expect(delivered.map((one) => value(one).purchase.id)).toEqual(purchases.map(({ id }) => id));
      expect(delivered.map((one) => value(one).receipts[0])).toMatchObject([
        { pulses: 1_000 },
        { pulses: 3_000 },
      ]);
      expect(most[0]).toBeLessThanOrEqual(1_000);
      expect(most[1]).toBeGreaterThan(2_000);
    },
    { services: [ENERGY, second] },
  );
});

test.each([
  ["while the delivery runs", 2_000],
  ["while the device is still asked to begin", 0],
])("a journal that cannot be read ends the waiting, %s, and nothing else", async (_when, ms) => {
  process.on("unhandledRejection", onUnhandled);
  unhandled.length = 0;
  const store = simStore();
  const site = new Site({ seed: 3 });
  const done = await site.run(async () => {
    await site.powerOn();
    const consumer = await site.consumer("a", store);
    const dealer = await deal(site, consumer);
    const purchase = await paid({ site, consumer, dealer }, 2);
    if (ms === 0) site.broker.setNetwork({ lossPerMille: 1_000 });
    const begun = dealer.begin(purchase, undefined, quietly).then(kind, (error) => error.kind);
    await wait(site, ms + 1);
    store.setUnreadable("purchase");
    await wait(site, 25_000);
    expect(await begun).toMatch(/^(corrupt|timed-out)$/);
    store.setUnreadable(undefined);
    return true;
  });
  expect(done).toBe(true);
  await new Promise((resolve) => setImmediate(resolve));
  expect(unhandled).toEqual([]);
});

test("forged hints cost a request no more than one resend", async () => {
  await story(async ({ site, consumer, dealer }) => {
    const forger = await new RawClient(site, "forger", dealer.peer.boxKey).open();
    const startMs = site.world.nowMs();
    const asked = dealer.requestServices();
    for (let id = 1; id < 40; id++) {
      for (let time = 0; time < 9; time++) {
        forger.link.publish(consumer.connection.replies, encodeHint({ id, epoch: 7_777 }));
      }
    }
    expect(kind(await asked)).toBe("ok");
    expect(site.world.nowMs() - startMs).toBeLessThan(1_500);
    expect(kind(await dealer.requestServices())).toBe("ok");
  });
});

test("a device that stands under another's topic is refused before it is spoken to", async () => {
  await story(async ({ site }) => {
    const { consumer, link } = await again(site, simStore(), []);
    await wait(site, 500);
    const [found] = value(await consumer.discover({ timeoutMs: 2_000, enough: () => true }));
    if (found === undefined) throw new Error("no device");
    const said: string[] = [];
    const publish = link.publish.bind(link);
    link.publish = (topic, ...rest) => {
      said.push(topic);
      publish(topic, ...rest);
    };
    expect(kind(await consumer.init({ ...found, device: "BBBBBBBBBBB" }))).toBe("wrong-device");
    expect(said).toEqual([]);
    expect(kind(await consumer.init(found))).toBe("ok");
  });
});

test("where no named operator vouches for any device, that is said", async () => {
  await story(async ({ site }) => {
    const stranger = crypto.signer(new Uint8Array(32).fill(9)).publicKey;
    const { consumer } = await again(site, simStore(), [stranger]);
    const found = await consumer.discover({ timeoutMs: 2_000 });
    expect(found).toMatchObject({ ok: false, fault: { kind: "untrusted", at: "operatorKey" } });
  });
});
