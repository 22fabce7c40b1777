// Rows of docs/worldpay-within.md, groups 8.1 to 8.4, that no other test shows: who a device is, what it lists,
// how it is found, and what an offer binds to. A name begins with its rows.

import { expect, test } from "vitest";
import { crypto, ENERGY, Site } from "../../bench/site.ts";
import type { Consumer } from "../../firmware/consumer/consumer.ts";
import { FAULT_CODES } from "../../firmware/fault.ts";
import type { Service } from "../../firmware/producer/catalogue.ts";
import type { Producer } from "../../firmware/producer/producer.ts";
import { encodeMessage } from "../../firmware/protocol/message-codec.ts";
import { announcementTopic } from "../../firmware/protocol/topics.ts";
import { deviceName } from "../../firmware/token/certificate.ts";
import { verifyToken } from "../../firmware/token/delivery-token.ts";
import { thumbprint } from "../../firmware/token/signed.ts";
import { RawClient } from "./raw-client.ts";
import { CARD, deal, kind, paid, story, value, wait } from "./story.ts";

const ONE = { service: 1, price: 1, units: 1 };
const ignore = (): void => undefined;

function producerOf({ producer }: Site): Producer {
  if (producer === undefined) throw new Error("the device is not up");
  return producer;
}

/** A device whose steps the test takes itself, and one who looks for it. */
async function byHand(tell: (site: Site, consumer: Consumer) => Promise<void>): Promise<void> {
  const site = new Site({ seed: 8, byHand: true });
  const done = await site.run(async () => {
    await site.powerOn();
    await tell(site, await site.consumer("a"));
    return true;
  });
  expect([done, site.bugs]).toEqual([true, []]);
}

test("1.1 1.6 4.1: a device has a name, may describe itself, and says what it is and what it sells", async () => {
  await byHand(async (site, consumer) => {
    const producer = producerOf(site);
    expect(kind(await producer.init())).toBe("out-of-order");
    for (const name of ["", "x".repeat(33), "two\nlines"]) {
      expect(kind(producer.setup(name))).toBe("out-of-range");
    }
    expect(kind(producer.setup("Yard", "x".repeat(97)))).toBe("out-of-range");
    value(producer.setup("Yard", "Two sockets behind the barn"));
    value(await producer.addService({ ...ENERGY, type: "ev-charging", description: "22 kW" }));
    value(await producer.init());
    value(producer.startBroadcast());
    const dealer = await deal(site, consumer);
    expect(value(await consumer.choose())).toMatchObject({ device: site.device, name: "Yard" });
    expect(value(await dealer.description())).toBe("Two sockets behind the barn");
    expect(value(await dealer.requestServices())).toMatchObject([
      { service: 1, name: "Energy", free: true, type: "ev-charging", description: "22 kW" },
    ]);
  });
});

test("1.4 1.5: an application brings the identities; seller and buyer in one process have their own", async () => {
  await story(async (met) => {
    const { site, consumer } = met;
    const signKey = crypto.signer(site.secrets.signSeed).publicKey;
    expect(met.dealer.device).toBe(deviceName(crypto, signKey));
    const purchase = await paid(met);
    const token = value(verifyToken(purchase.token ?? new Uint8Array(), signKey, crypto));
    const own = thumbprint(crypto, consumer.connection.boxKey);
    expect(token.consumer).toEqual(own);
    const sellers = crypto.boxPublicKey(site.secrets.boxSecret);
    expect(consumer.connection.boxKey).not.toEqual(sellers);
    expect(token.consumer).not.toEqual(thumbprint(crypto, sellers));
  });
});

test("1.12: each role is closed once and for all, and does nothing afterwards", async () => {
  await story(async (met) => {
    const { site, consumer, dealer } = met;
    const purchase = await paid(met, 1);
    consumer.close();
    consumer.close();
    expect(kind(await consumer.setup())).toBe("out-of-order");
    expect(kind(await consumer.discover({ timeoutMs: 10 }))).toBe("out-of-order");
    expect(kind(await dealer.begin(purchase, undefined, ignore))).toBe("out-of-order");
    const producer = producerOf(site);
    value(await producer.close());
    expect(site.broker.retained(announcementTopic(site.device)) ?? []).toHaveLength(0);
    const raw = await new RawClient(site, "late", dealer.peer.boxKey).open();
    expect((await raw.say(encodeMessage({ is: "get-services" }))).code).toBe(
      FAULT_CODES["not-ready"],
    );
    expect(kind(producer.startBroadcast())).toBe("out-of-order");
  });
});

test("2.5 2.7 5.6: a service has prices in several currencies, each paid in its own; a unit has a name", async () => {
  const prices = [
    { id: 1, name: "Pounds", amountMinor: 500, currency: "GBP" },
    { id: 2, name: "Yen", amountMinor: 650, currency: "JPY" },
    { id: 3, name: "Dinars", amountMinor: 1_250, currency: "KWD" },
  ];
  const minutes = { ...ENERGY, id: 2, name: "Minutes", meter: "time" };
  const site = await story(
    async ({ dealer }) => {
      const listed = value(await dealer.getPrices(1));
      expect(listed).toMatchObject(
        prices.map(({ id, ...price }) => ({ ...price, price: id, unit: "kWh" })),
      );
      expect(value(await dealer.getPrices(2))).toMatchObject([{ unit: "min" }]);
      for (const { id } of prices) {
        const { purchase } = value(await dealer.select({ service: 1, price: id, units: 2 }));
        value(await dealer.pay(purchase, CARD));
      }
    },
    { services: [{ ...ENERGY, prices }, minutes] },
  );
  const charges = [...(await site.host.charges()).values()];
  expect(
    charges.map(({ capturedMinor, currency }) => `${capturedMinor} ${currency}`).sort(),
  ).toEqual(["1000 GBP", "1300 JPY", "2500 KWD"]);
});

test("2.1 2.6: a second service, or price, of one number is refused, before the start and while it runs", async () => {
  await byHand(async (site, consumer) => {
    const producer = producerOf(site);
    const [price] = ENERGY.prices;
    const twice = { ...ENERGY, id: 2, prices: [...ENERGY.prices, ...ENERGY.prices] };
    const add = async (service: Service): Promise<string> =>
      kind(await producer.addService(service));
    value(producer.setup("Yard"));
    for (const phase of ["before", "while"]) {
      expect([phase, await add(ENERGY)]).toEqual([phase, phase === "before" ? "ok" : "exists"]);
      expect([phase, await add(ENERGY), await add(twice)]).toEqual([phase, "exists", "exists"]);
      if (phase === "before") value(await producer.init());
    }
    expect(producer.services().map(({ service }) => service)).toEqual([ENERGY]);
    // A price that is set again takes the place of the one of its number.
    if (price === undefined) throw new Error("no price");
    value(await producer.setPrice(1, { ...price, amountMinor: 50 }));
    value(producer.startBroadcast());
    const dealer = await deal(site, consumer);
    expect(value(await dealer.getPrices(1))).toMatchObject([{ price: 1, amountMinor: 50 }]);
    value(await producer.removePrice(1, 1));
    expect(value(await dealer.getPrices(1))).toEqual([]);
  });
});

test("2.8 2.10: services, prices and devices are listed with their names in one order, also after a restart", async () => {
  const named = (id: number): Service => ({ ...ENERGY, id, name: `Service ${id}` });
  const price = (id: number) => ({ ...ENERGY.prices[0], id, name: `Price ${id}` }) as const;
  const file = [named(20), { ...named(3), prices: [price(12), price(2)] }, named(10)] as Service[];
  await story(
    async (met) => {
      const { site, consumer } = met;
      value(await producerOf(site).setPrice(3, price(100) as Service["prices"][0]));
      value(await producerOf(site).setPrice(3, price(9) as Service["prices"][0]));
      value(await producerOf(site).addService(named(1)));
      const lists = async (): Promise<unknown> => {
        const dealer = await deal(site, consumer);
        const services = value(await dealer.requestServices());
        const prices = value(await dealer.getPrices(3));
        return [services.map((one) => one.name), prices.map((one) => one.name)];
      };
      const expected = [
        [1, 3, 10, 20].map((id) => `Service ${id}`),
        [2, 9, 12, 100].map((id) => `Price ${id}`),
      ];
      expect(await lists()).toEqual(expected);
      site.cut();
      await site.powerOn();
      expect(await lists()).toEqual(expected);
      const other = new Site({ seed: 9, beside: site, name: "Annex" });
      await other.powerOn();
      await wait(site, 500);
      const all = value(await consumer.discover({ timeoutMs: 500 }));
      expect(all.map(({ name }) => name)).toEqual(["Annex", "Bench charger"]);
    },
    { services: file },
  );
});

test("2.14 4.8: a price binds for the time that the offer states, and unpaid offers are forgotten", async () => {
  const site = await story(async ({ site, dealer }) => {
    const { clock } = site.world;
    const first = value(await dealer.select(ONE));
    const second = value(await dealer.select(ONE));
    const statedMs = first.offer.expiresS * 1000 - clock.wallMs();
    expect(statedMs).toBeGreaterThan(100_000);
    expect(statedMs).toBeLessThanOrEqual(120_000);
    const dear = { id: 1, name: "Dear", amountMinor: 99_999, currency: "EUR" };
    value(await producerOf(site).setPrice(1, dear));
    await wait(site, statedMs - 2_000);
    expect(kind(await dealer.pay(first.purchase, CARD))).toBe("ok");
    await wait(site, 4_000);
    expect(kind(await dealer.pay(second.purchase, CARD))).toBe("offer-expired");
    value(await dealer.select(ONE));
    expect(producerOf(site).status().offers).toBe(1);
  });
  const charges = [...(await site.host.charges()).values()];
  expect(charges.map(({ capturedMinor }) => capturedMinor)).toEqual([45]);
});

test("3.2 3.3 3.5: a device announces itself for a time or for ever, stops at once, and is listed once", async () => {
  await story(async ({ site, consumer }) => {
    const producer = producerOf(site);
    const announced = (): boolean =>
      (site.broker.retained(announcementTopic(site.device))?.length ?? 0) > 0;
    value(producer.startBroadcast(5_000));
    await wait(site, 4_900);
    expect(announced()).toBe(true);
    await wait(site, 200);
    expect(announced()).toBe(false);
    value(producer.startBroadcast());
    await wait(site, 40 * 60_000);
    expect(announced()).toBe(true);
    value(producer.stopBroadcast());
    await wait(site, 10);
    expect(announced()).toBe(false);
    for (let again = 0; again < 3; again++) {
      value(producer.startBroadcast());
      await wait(site, 300);
    }
    site.cut();
    await site.powerOn();
    await wait(site, 300);
    const found = value(await consumer.discover({ timeoutMs: 500 }));
    expect(found.map(({ device }) => device)).toEqual([site.device]);
  });
});

test("3.12: a device whose power goes is known to be gone, also to who comes later", async () => {
  await story(async ({ site, consumer }) => {
    const gone: string[] = [];
    const search = consumer.discover({ timeoutMs: 5_000, onGone: ({ name }) => gone.push(name) });
    await wait(site, 500);
    site.cut();
    expect(value(await search)).toEqual([]);
    expect(gone).toEqual(["Bench charger"]);
    const later = await site.consumer("later");
    expect(value(await later.discover({ timeoutMs: 500 }))).toEqual([]);
  });
});
