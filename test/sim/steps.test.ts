// Both flows on two devices at once: every step, every pair of steps that the tables of docs/flows.md allow, and
// every other pair, which is refused and leaves no trace.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { crypto, ENERGY, Site } from "../../bench/site.ts";
import type { SiteOptions } from "../../bench/site-options.ts";
import { Consumer } from "../../firmware/consumer/consumer.ts";
import { Dealer } from "../../firmware/consumer/dealer.ts";
import type { Found } from "../../firmware/consumer/discovery.ts";
import type { Purchase } from "../../firmware/consumer/purchase.ts";
import { FAULT_CODES } from "../../firmware/fault.ts";
import type { Producer } from "../../firmware/producer/producer.ts";
import { MESSAGES } from "../../firmware/protocol/messages.ts";
import { connectionName } from "../../firmware/protocol/topics.ts";
import { ok, type Result } from "../../firmware/result.ts";
import { type SimStore, simStore } from "../../hal/sim/sim-store.ts";
import { FLOWS, flowSteps, wayTo } from "./flow-steps.ts";
import { CARD, kind, value, wait } from "./story.ts";

const SELLING = flowSteps("Selling");
const BUYING = flowSteps("Buying");
const MINUTES = { ...ENERGY, meter: "time" };

/** Two devices on one broker, under one operator. */
async function twoSites(
  tell: (sites: readonly [Site, Site]) => Promise<void>,
  options: Partial<SiteOptions> = {},
): Promise<void> {
  const first = new Site({ seed: 5, name: "First", services: [MINUTES], ...options });
  const second = new Site({ ...first.options, name: "Second", beside: first });
  const done = await first.run(async () => {
    for (const site of [first, second]) await site.powerOn();
    // Until the loops have found their outlets healthy.
    await wait(first, 1_000);
    await tell([first, second]);
    return true;
  }, 24 * 3_600_000);
  expect([...first.bugs, ...second.bugs]).toEqual([]);
  expect(done).toBe(true);
}

type Results = readonly Result<unknown>[];
const kinds = (results: Results): string[] => results.map(kind);

describe("the tables", () => {
  test("name every public method, every step value and every request of a sale, and only commands there are", () => {
    const methodsOf = (type: { prototype: object }): string[] =>
      Object.getOwnPropertyNames(type.prototype).filter((name) => name !== "constructor");
    const named = BUYING.map(({ cells }) => cells["method"]?.split(".")[1] ?? "");
    // What asks, tells or waits and is no step of the flow, or stands for two of them.
    const apart = [
      "step",
      "onEvent",
      "onPay",
      "device",
      "description",
      "readings",
      "redeem",
      "standing",
      "leave",
      "settled",
    ];
    const methods = new Set([...methodsOf(Consumer), ...methodsOf(Dealer)]);
    expect([...named, ...apart].sort()).toEqual([...methods].sort());
    expect(BUYING.map(({ cells }) => cells["says"])).toEqual(BUYING.map(({ name }) => name));
    const asked = BUYING.flatMap(({ cells }) => cells["asks the device"]?.match(/^[a-z-]+/) ?? []);
    for (const message of asked) expect(Object.keys(MESSAGES)).toContain(message);
    expect(asked).toContain("get-identity");
    const program = readFileSync(join(import.meta.dirname, "../../tools/sluice.ts"), "utf8");
    for (const [, command] of FLOWS.matchAll(/`sluice ([a-z]+)/g)) {
      expect(program).toMatch(new RegExp(`^  ${command}: async`, "m"));
    }
    const kindsNamed = [...FLOWS.matchAll(/`([a-z]+-[a-z-]+)`/g)].map((match) => match[1] ?? "");
    const others = [...Object.keys(MESSAGES), ...SELLING.map(({ cells }) => cells["says"] ?? "")];
    for (const one of kindsNamed) expect([...Object.keys(FAULT_CODES), ...others]).toContain(one);
  });
});

describe("selling", () => {
  const price = { id: 2, name: "Night rate", amountMinor: 30, currency: "EUR" };
  type Act = (producer: Producer, count: number) => Result<unknown> | Promise<Result<unknown>>;
  const ACTS: Readonly<Record<string, Act>> = {
    setup: (producer) => producer.setup("Charger"),
    addService: (producer, count) => producer.addService({ ...MINUTES, id: count + 1 }),
    setPrice: (producer) => producer.setPrice(1, price),
    removePrice: (producer) => producer.removePrice(1, 1),
    removeService: (producer) => producer.removeService(1),
    init: (producer) => producer.init(),
    startBroadcast: (producer) => producer.startBroadcast(),
    stopBroadcast: (producer) => producer.stopBroadcast(),
    close: (producer) => producer.close(),
  };

  function producersOf(sites: readonly Site[]): readonly Producer[] {
    return sites.flatMap(({ producer }) => (producer === undefined ? [] : [producer]));
  }

  async function take(producers: readonly Producer[], step: string, count = 0): Promise<Results> {
    return Promise.all(producers.map(async (producer) => ACTS[step]?.(producer, count) ?? ok(0)));
  }

  test("has an act for each step of the table", () => {
    expect(SELLING.map(({ name }) => name)).toEqual(Object.keys(ACTS));
  });

  test.each(["", ...Object.keys(ACTS)])(
    "right after '%s', what the table allows and no more",
    async (a) => {
      for (const { name: b, after } of SELLING) {
        await twoSites(
          async (sites) => {
            const producers = producersOf(sites);
            expect(producers).toHaveLength(2);
            const way = wayTo(SELLING, a);
            for (const step of way) {
              expect(kinds(await take(producers, step)), `${way} at ${step}`).toEqual(["ok", "ok"]);
              const says = SELLING.find(({ name }) => name === step)?.cells["says"] ?? "";
              if (says === "as before") continue;
              expect(producers.map(({ step: now }) => now)).toEqual([says, says]);
            }
            await wait(sites[0], 10);
            const trace = (): unknown =>
              sites.map(({ store, broker, device }, at) => {
                const { step, broadcasting } = producers[at] as Producer;
                const sold = producers[at]?.services();
                return [store.commits(), broker.retained(device), step, broadcasting, sold];
              });
            const before = trace();
            const count = way.filter((step) => step === "addService").length;
            const told = kinds(await take(producers, b, count));
            if (after.has(a)) expect(told, `${b} after ${a}`).toEqual(["ok", "ok"]);
            else {
              const wanted = /^(out-of-order|service-unknown|price-unknown)$/;
              for (const one of told) expect(one, `${b} after ${a}`).toMatch(wanted);
              expect(trace(), `${b} after ${a}`).toEqual(before);
            }
          },
          { byHand: true },
        );
      }
    },
  );

  test("may begin again on the same ports once it is closed", async () => {
    await twoSites(async (sites) => {
      for (const site of sites) {
        value((await site.producer?.close()) ?? ok(undefined));
        site.cut();
        await site.powerOn();
      }
      expect(producersOf(sites).map(({ step }) => step)).toEqual(["started", "started"]);
    });
  });
});

/** A consumer whose every word is counted, and what its steps have brought so far. */
interface Buyer {
  consumer: Consumer;
  store: SimStore;
  said: string[];
  found: readonly Found[];
  dealers: Dealer[];
  purchases: Purchase[];
}

function openBuyer(site: Site, name: string): Buyer {
  const entropy = site.world.entropy(`buyer ${name}`);
  const boxSecret = entropy.bytes(32);
  const connection = connectionName(entropy.bytes(6));
  const link = site.broker.connect(connection);
  const said: string[] = [];
  const publish = link.publish.bind(link);
  link.publish = (topic, ...rest) => {
    said.push(topic);
    publish(topic, ...rest);
  };
  const store = simStore();
  const { clock } = site.world;
  const consumer = new Consumer(
    { clock, store: store.store(), link, crypto, entropy },
    {
      ...{ connection, boxSecret, operators: [site.operatorKey] },
      ...{ trustNew: false, simulatedHost: true },
    },
  );
  return { consumer, store, said, found: [], dealers: [], purchases: [] };
}

describe("buying", () => {
  type Act = (buyer: Buyer, strange: Buyer) => Promise<Results>;
  const selection = { service: 1, price: 1, units: 2 };
  const quietly = (): void => undefined;
  const each = (dealers: readonly Dealer[], act: (dealer: Dealer) => Promise<Result<unknown>>) =>
    Promise.all(dealers.map(act));
  /** Of the journal, or what somebody else has bought where this one has selected nothing. */
  const ofDealer = (buyer: Buyer, strange: Buyer, { device }: Dealer): Purchase => {
    const all = buyer.purchases.length > 0 ? buyer.purchases : strange.purchases;
    const purchase = all.find((one) => one.device === device);
    if (purchase === undefined) throw new Error("no purchase of that device");
    return purchase;
  };
  const ACTS: Readonly<Record<string, Act>> = {
    setup: async ({ consumer }) => [await consumer.setup()],
    discover: async (buyer) => {
      const found = await buyer.consumer.discover({ timeoutMs: 300 });
      if (found.ok) buyer.found = found.value;
      return [found];
    },
    choose: async ({ consumer }, { found }) =>
      Promise.all(found.map(({ device }) => consumer.choose({ id: device }))),
    init: async (buyer, strange) => {
      const dealers = await Promise.all(strange.found.map((one) => buyer.consumer.init(one)));
      if (dealers.every(({ ok }) => ok)) buyer.dealers = dealers.map(value);
      return dealers;
    },
    services: ({ dealers }) => each(dealers, (dealer) => dealer.requestServices()),
    prices: ({ dealers }) => each(dealers, (dealer) => dealer.getPrices(1)),
    select: async (buyer) => {
      const offers = await Promise.all(buyer.dealers.map((dealer) => dealer.select(selection)));
      if (offers.every(({ ok }) => ok)) buyer.purchases = offers.map((one) => value(one).purchase);
      return offers;
    },
    pay: (buyer, strange) =>
      each(buyer.dealers, (dealer) => dealer.pay(ofDealer(buyer, strange, dealer), CARD)),
    begin: (buyer, strange) =>
      each(buyer.dealers, (dealer) => dealer.begin(ofDealer(buyer, strange, dealer), 1, quietly)),
    end: (buyer, strange) =>
      each(buyer.dealers, async (dealer) => {
        const purchase = ofDealer(buyer, strange, dealer);
        const ended = await dealer.end(purchase, "settle");
        if (ended.ok) await dealer.settled(purchase, 20_000);
        return ended;
      }),
    close: async ({ consumer }) => {
      consumer.close();
      return [ok(undefined)];
    },
  };
  /** What has no dealer cannot be called at all. */
  const needsDealer = (step: string): boolean =>
    BUYING.find(({ name }) => name === step)?.cells["method"]?.startsWith("Dealer") === true;

  async function walk(buyer: Buyer, strange: Buyer, way: readonly string[]): Promise<void> {
    for (const step of way) {
      const told = kinds((await ACTS[step]?.(buyer, strange)) ?? []);
      expect(new Set(told), `${way} at ${step}`).toEqual(new Set(["ok"]));
      const { consumer, dealers } = buyer;
      const says = needsDealer(step) ? dealers.map((one) => one.step) : [consumer.step];
      expect(new Set(says)).toEqual(new Set([step]));
    }
  }

  async function strangerOf(site: Site): Promise<Buyer> {
    const strange = openBuyer(site, "stranger");
    for (const step of ["setup", "discover"]) await ACTS[step]?.(strange, strange);
    expect(strange.found).toHaveLength(2);
    await walk(strange, strange, ["init", "select", "pay"]);
    return strange;
  }

  test("has an act for each step of the table", () => {
    expect(BUYING.map(({ name }) => name)).toEqual(Object.keys(ACTS));
  });

  test("walks every step, at two devices at once, and leaves both settled", async () => {
    await twoSites(async (sites) => {
      const strange = await strangerOf(sites[0]);
      const buyer = openBuyer(sites[0], "walker");
      await walk(buyer, strange, Object.keys(ACTS));
      for (const { id } of buyer.purchases) {
        expect(await buyer.consumer.purchases.get(id)).toMatchObject({
          state: "closed",
          sessions: 1,
        });
      }
      const charges = await Promise.all(sites.map(({ host }) => host.charges()));
      for (const all of charges) {
        const kept = [...all.values()].map((one) => one.capturedMinor - one.refundedMinor);
        // One minute of two; the stranger has taken nothing yet.
        expect(kept.sort()).toEqual([45, 90]);
      }
    });
  });

  test.each(["", ...Object.keys(ACTS)])(
    "right after '%s', what the table allows and no more",
    async (a) => {
      await twoSites(async (sites) => {
        const strange = await strangerOf(sites[0]);
        for (const { name: b, after } of BUYING) {
          const about = `${b} after ${a === "" ? "nothing" : a}`;
          const buyer = openBuyer(sites[0], about);
          // So that there is something to do out of order.
          const way = a === "close" ? [...wayTo(BUYING, "pay"), "close"] : wayTo(BUYING, a);
          await walk(buyer, strange, way);
          if (needsDealer(b) && buyer.dealers.length === 0) {
            const method = BUYING.find(({ name }) => name === b)?.cells["method"]?.split(".")[1];
            expect(method !== undefined && method in buyer.consumer, about).toBe(false);
            continue;
          }
          await wait(sites[0], 200);
          const trace = (): unknown => [
            buyer.said.length,
            buyer.store.commits(),
            buyer.consumer.step,
            buyer.dealers.map(({ step }) => step),
            sites.map(({ store }) => store.commits()),
          ];
          const before = trace();
          const told = kinds((await ACTS[b]?.(buyer, strange)) ?? []);
          expect(told.length, about).toBeGreaterThan(0);
          if (after.has(a)) expect(new Set(told), about).toEqual(new Set(["ok"]));
          else {
            const wanted = b === "begin" && a === "end" ? "order-closed" : "out-of-order";
            expect(new Set(told), about).toEqual(new Set([wanted]));
            expect(trace(), about).toEqual(before);
          }
        }
      });
    },
  );

  test("keeps two devices apart: what was bought of one is no business of the other", async () => {
    await twoSites(async (sites) => {
      const strange = await strangerOf(sites[0]);
      const [first, second] = strange.purchases as [Purchase, Purchase];
      const [one, other] = strange.dealers as [Dealer, Dealer];
      expect([one.device, other.device]).toEqual([first.device, second.device]);
      const said = strange.said.length;
      for (const [dealer, purchase] of [[one, second] as const, [other, first] as const]) {
        const tried = [
          await dealer.pay(purchase, CARD),
          await dealer.begin(purchase, 1, quietly),
          await dealer.end(purchase, "settle"),
          await dealer.standing(purchase),
        ];
        expect(new Set(kinds(tried))).toEqual(new Set(["wrong-device"]));
      }
      expect(strange.said).toHaveLength(said);
    });
  });

  test("waits for one delivery of an order at a time, and that one goes on", async () => {
    await twoSites(async ([site]) => {
      const strange = await strangerOf(site);
      const [dealer] = strange.dealers as [Dealer];
      const [purchase] = strange.purchases as [Purchase];
      const asked = dealer.begin(purchase, 1, quietly);
      expect(kind(await dealer.begin(purchase, 1, quietly))).toBe("out-of-order");
      await wait(site, 5_000);
      expect(kind(await dealer.begin(purchase, 1, quietly))).toBe("out-of-order");
      expect(value(await asked).purchase).toMatchObject({ state: "paid", sessions: 1 });
      expect(value(await dealer.begin(purchase, 1, quietly)).purchase).toMatchObject({
        sessions: 2,
      });
    });
  });

  test("whose delivery was left may be taken up again, and leaves nothing waiting when it closes", async () => {
    await twoSites(async ([site]) => {
      const strange = await strangerOf(site);
      const [dealer] = strange.dealers as [Dealer];
      const [purchase] = strange.purchases as [Purchase];
      void dealer.begin(purchase, 1, quietly);
      await wait(site, 5_000);
      dealer.leave(purchase.id);
      const joined = dealer.begin(purchase, 1, quietly);
      await wait(site, 5_000);
      strange.consumer.close();
      expect(kind(await joined)).toBe("timed-out");
      const commits = strange.store.commits();
      await wait(site, 120_000);
      expect(strange.store.commits()).toBe(commits + 1);
    });
  });
});
