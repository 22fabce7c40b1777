// The seller's side while it runs: the catalogue changes under the feet of buyers and over restarts, the host
// application hears what happens and may say no, and a producer may be opened again where one was closed.

import { expect, test } from "vitest";
import { durableOrders } from "../../bench/invariants.ts";
import { ENERGY, type Site } from "../../bench/site.ts";
import type { Price, Service } from "../../firmware/producer/catalogue.ts";
import type { Producer, SaleEvent } from "../../firmware/producer/producer.ts";
import { fail, ok, type Result } from "../../firmware/result.ts";
import { CARD, deal, kind, type Met, paid, story, value, wait } from "./story.ts";

const ONE = { service: 1, price: 1, units: 1 };
const NIGHT: Price = { id: 2, name: "Night rate", amountMinor: 30, currency: "EUR" };
const SECOND: Service = { ...ENERGY, id: 2, name: "Second" };

function producerOf(site: Site): Producer {
  const { producer } = site;
  if (producer === undefined) throw new Error("the device is not up");
  return producer;
}

async function restart(met: Met): Promise<Met> {
  met.site.cut();
  await wait(met.site, 2_000);
  await met.site.powerOn();
  return { ...met, dealer: await deal(met.site, met.consumer) };
}

/** Service and prices with their origins, such as "1 file 1:file 2:changed". */
function origins(site: Site): string[] {
  return producerOf(site)
    .services()
    .map(({ service, origin, prices }) => {
      const lines = [...prices].map(([id, from]) => `${id}:${from}`);
      return [service.id, origin, ...lines].join(" ");
    });
}

test("what is changed while running is sold at once, is told apart from the file, and outlives a power cut", async () => {
  await story(async (met) => {
    const { site } = met;
    expect(origins(site)).toEqual(["1 file 1:file"]);
    expect(kind(await producerOf(site).setPrice(1, NIGHT))).toBe("ok");
    expect(kind(await producerOf(site).addService(SECOND))).toBe("ok");
    expect(origins(site)).toEqual(["1 file 1:file 2:changed", "2 changed 1:changed"]);
    const { offer } = value(await met.dealer.select({ ...ONE, price: 2 }));
    expect(offer.priceMinor).toBe(30);
    const again = await restart(met);
    expect(origins(site)).toEqual(["1 file 1:file 2:changed", "2 changed 1:changed"]);
    expect(kind(await again.dealer.select({ ...ONE, service: 2 }))).toBe("ok");
    expect(kind(await producerOf(site).removePrice(1, 1))).toBe("ok");
    expect(kind(await producerOf(site).removeService(2))).toBe("ok");
    const third = await restart(again);
    expect(origins(site)).toEqual(["1 file 2:changed"]);
    expect(kind(await third.dealer.select(ONE))).toBe("price-unknown");
    expect(kind(await third.dealer.select({ ...ONE, service: 2 }))).toBe("service-unknown");
  });
});

test("a reset takes back what was changed, and the file says again what is sold", async () => {
  await story(async (met) => {
    const { site } = met;
    expect(kind(await producerOf(site).setPrice(1, { ...NIGHT, id: 1 }))).toBe("ok");
    expect(kind(await producerOf(site).addService(SECOND))).toBe("ok");
    expect(kind(await producerOf(site).removeService(1))).toBe("ok");
    const again = await restart(met);
    expect(origins(site)).toEqual(["2 changed 1:changed"]);
    site.options.resetCatalogue = true;
    const third = await restart(again);
    site.options.resetCatalogue = false;
    expect(origins(site)).toEqual(["1 file 1:file"]);
    const { offer } = value(await third.dealer.select(ONE));
    expect(offer.priceMinor).toBe(45);
    await restart(third);
    expect(origins(site)).toEqual(["1 file 1:file"]);
  });
});

test("the device says who it is and what its sensors read; removed and added again is another service", async () => {
  await story(async (met) => {
    const { connection } = met.consumer;
    const identity = await connection.request(met.dealer.peer, { is: "get-identity" });
    expect(identity).toMatchObject({ ok: true, value: { is: "identity" } });
    expect(identity.ok && "description" in identity.value).toBe(false);
    const readings = await connection.request(met.dealer.peer, { is: "get-readings" });
    expect(readings).toEqual({ ok: true, value: { is: "readings", readings: [] } });
    const bought = await paid(met, 1);
    expect(kind(await producerOf(met.site).removeService(1, "honour"))).toBe("ok");
    expect(kind(await producerOf(met.site).addService(ENERGY))).toBe("ok");
    expect(origins(met.site)).toEqual(["1 changed 1:changed"]);
    expect(kind(await met.dealer.select(ONE))).toBe("ok");
    expect(kind(await met.dealer.begin(bought, undefined, () => undefined))).toBe("ok");
  });
});

test("a service without its last price is listed and cannot be bought; what is unknown or wrong changes nothing", async () => {
  await story(async ({ site, dealer }) => {
    const producer = producerOf(site);
    const before = JSON.stringify([
      ...site.store.durable("service"),
      ...site.store.durable("price"),
    ]);
    expect(kind(await producer.removeService(9))).toBe("service-unknown");
    expect(kind(await producer.setPrice(9, NIGHT))).toBe("service-unknown");
    expect(kind(await producer.removePrice(1, 9))).toBe("price-unknown");
    expect(kind(await producer.addService(ENERGY))).toBe("exists");
    expect(kind(await producer.addService({ ...SECOND, outlet: "nowhere" }))).toBe("not-found");
    expect(kind(await producer.setPrice(1, { ...NIGHT, amountMinor: 0 }))).toBe("out-of-range");
    expect(origins(site)).toEqual(["1 file 1:file"]);
    expect(JSON.stringify([...site.store.durable("service"), ...site.store.durable("price")])).toBe(
      before,
    );
    expect(kind(await producer.removePrice(1, 1))).toBe("ok");
    expect(value(await dealer.requestServices()).map(({ service }) => service)).toEqual([1]);
    expect(value(await dealer.getPrices(1))).toEqual([]);
    expect(kind(await dealer.select(ONE))).toBe("price-unknown");
    expect(producer.status()).toMatchObject({
      ready: false,
      reasons: ["there is no service with a price"],
    });
    expect(kind(await producer.setPrice(1, NIGHT))).toBe("ok");
    expect(kind(await dealer.select({ ...ONE, price: 2 }))).toBe("ok");
    expect(producer.status()).toMatchObject({ ready: true, reasons: [] });
  });
});

test("a full disk refuses a change, and then nothing has changed", async () => {
  await story(async ({ site }) => {
    site.store.setFull(true);
    expect(kind(await producerOf(site).setPrice(1, NIGHT))).toBe("internal");
    expect(origins(site)).toEqual(["1 file 1:file"]);
    expect(producerOf(site).status()).toMatchObject({ ready: false });
    expect(producerOf(site).status().reasons[0]).toContain("the store has trouble: full");
    site.store.setFull(false);
    expect(kind(await producerOf(site).setPrice(1, NIGHT))).toBe("ok");
    expect(producerOf(site).status().ready).toBe(true);
  });
});

test("I4 I6: removed and honoured, an unpaid offer is paid and a token taken, also after a restart", async () => {
  await story(async (met) => {
    const offered = value(await met.dealer.select(ONE)).purchase;
    const bought = await paid(met, 1);
    expect(kind(await producerOf(met.site).removeService(1, "honour"))).toBe("ok");
    expect(kind(await met.dealer.select(ONE))).toBe("service-unknown");
    const late = value(await met.dealer.pay(offered, CARD));
    const again = await restart(met);
    for (const purchase of [bought, late]) {
      const delivered = value(await again.dealer.begin(purchase, undefined, () => undefined));
      expect(delivered.receipts[0]).toMatchObject({ reason: "exhausted", pulses: 1000 });
    }
    expect(kind(await again.dealer.select(ONE))).toBe("service-unknown");
  });
});

test("I6: removed with a refund, an unpaid offer is refused and an idle order gets its money back", async () => {
  const site = await story(async (met) => {
    const offered = value(await met.dealer.select(ONE)).purchase;
    const bought = await paid(met, 2);
    expect(kind(await producerOf(met.site).removeService(1, "refund"))).toBe("ok");
    expect(kind(await met.dealer.pay(offered, CARD))).toBe("offer-withdrawn");
    await wait(met.site, 2_000);
    expect(met.site.settlements(bought.id)).toMatchObject([
      { reason: "operator-stop", refundedMinor: 90, amountMinor: 0 },
    ]);
    expect(kind(await met.dealer.begin(bought, undefined, () => undefined))).toBe("order-closed");
    expect(met.site.store.durable("withdrawn")).toEqual([]);
  });
  const charges = [...(await site.host.charges()).values()];
  expect(charges.map(({ refundedMinor }) => refundedMinor)).toEqual([90]);
});

test("I6: a removal cuts no running session; its order is refunded when it has ended by itself", async () => {
  await story(
    async (met) => {
      const bought = await paid(met, 2);
      const ended = met.dealer.begin(bought, 1, () => undefined);
      await wait(met.site, 5_000);
      expect(kind(await producerOf(met.site).removeService(1, "refund"))).toBe("ok");
      await wait(met.site, 1_000);
      expect(met.site.board.metal.outlet("socket-1").contact).toBe(true);
      const delivered = value(await ended);
      expect(delivered.receipts[0]).toMatchObject({ reason: "exhausted", pulses: 1000 });
      await wait(met.site, 2_000);
      expect(met.site.settlements(bought.id)).toMatchObject([
        { reason: "operator-stop", amountMinor: 45, refundedMinor: 45 },
      ]);
    },
    { services: [{ ...ENERGY, undelivered: "credit-forfeit" }] },
  );
});

test("I6: the power may fail anywhere in a removal with a refund: either nothing happened, or all of it does", async () => {
  const outcomes = new Set<string>();
  for (let place = 1; place <= 12; place++) {
    let left = Number.POSITIVE_INFINITY;
    await story(
      async (met) => {
        const bought = await paid(met, 2);
        left = place;
        void met.site.producer?.removeService(1, "refund");
        await wait(met.site, 30_000);
        left = Number.POSITIVE_INFINITY;
        if (met.site.producer === undefined) await wait(met.site, 10_000);
        const [order] = durableOrders(met.site);
        const sold = producerOf(met.site).services().length;
        const settled = met.site.settlements(bought.id);
        outcomes.add(`${sold} ${order?.state}`);
        if (sold === 0) expect(settled).toMatchObject([{ refundedMinor: 90 }]);
        else expect(order?.state).toBe("paid");
        expect(met.site.store.durable("withdrawn")).toEqual([]);
      },
      {
        cutAt: () => {
          left -= 1;
          return left === 0;
        },
      },
    );
  }
  expect([...outcomes].sort()).toEqual(["0 closed", "1 paid"]);
});

test("events come in the order of what happens, each with its order, and a listener that throws breaks nothing", async () => {
  const heard: SaleEvent[] = [];
  await story(async (met) => {
    const producer = producerOf(met.site);
    producer.onEvent((event) => {
      heard.push(event);
      throw new Error("listener of a test");
    });
    producer.stopBroadcast();
    producer.startBroadcast();
    const purchase = await paid(met, 1);
    value(await met.dealer.begin(purchase, undefined, () => undefined));
    await met.dealer.select({ ...ONE, service: 7 });
    const names = heard.map(({ event }) => event).filter((name) => name !== "progress");
    expect(names).toEqual(["discovery", "discovery", "quote", "payment", "begin", "end", "fault"]);
    const [gone, back, quote, payment, begun] = heard;
    expect([gone?.announced, back?.announced]).toEqual([false, true]);
    const about = { device: met.site.device, order: purchase.id, service: 1, price: 1, units: 1 };
    for (const one of [quote, payment, begun]) expect(one).toMatchObject(about);
    expect(new Set(heard.map(({ consumer }) => consumer)).size).toBe(2);
    expect(begun).toMatchObject({ event: "begin", session: 1, pulses: 1000 });
    expect(heard.find(({ event }) => event === "end")).toMatchObject({
      ...about,
      pulses: 1000,
      reason: "exhausted",
    });
    const progress = heard.filter(({ event }) => event === "progress");
    expect(progress.length).toBeGreaterThan(5);
    expect(progress.length).toBeLessThan(30);
    expect(heard.at(-1)).toMatchObject({ event: "fault", reason: "service-unknown" });
    expect(met.site.log.some((line) => line.includes("listener-threw"))).toBe(true);
  });
});

test("events are handed over one after the other: the next waits for the listener to be done", async () => {
  await story(async (met) => {
    const steps: string[] = [];
    producerOf(met.site).onEvent(async ({ event }) => {
      steps.push(`${event} begins`);
      await wait(met.site, 300);
      steps.push(`${event} is done`);
    });
    value(await met.dealer.select(ONE));
    await met.dealer.select({ ...ONE, service: 7 });
    await wait(met.site, 1_000);
    expect(steps).toEqual(["quote begins", "quote is done", "fault begins", "fault is done"]);
    producerOf(met.site).onEvent(undefined);
    value(await met.dealer.select(ONE));
    await wait(met.site, 1_000);
    expect(steps).toHaveLength(4);
  });
});

test("I5 I7: after the host's no, or its silence, no money has moved and no switch has closed", async () => {
  const site = await story(async (met) => {
    const producer = producerOf(met.site);
    const asked: string[] = [];
    let answer: () => Result<void> | Promise<Result<void>> = () =>
      fail("out-of-range", "not today");
    producer.onRequest((request) => {
      asked.push(`${request.step} ${request.service}/${request.price} ${request.units}`);
      return answer();
    });
    const no = await met.dealer.select(ONE);
    expect(no).toMatchObject({ ok: false, fault: { kind: "refused", message: "not today" } });
    answer = () => ok(undefined);
    const { purchase } = value(await met.dealer.select(ONE));
    answer = () => new Promise(() => undefined);
    expect(kind(await met.dealer.pay(purchase, CARD))).toBe("refused");
    expect((await met.site.host.charges()).size).toBe(0);
    answer = () => ok(undefined);
    const { purchase: second } = value(await met.dealer.select(ONE));
    const bought = value(await met.dealer.pay(second, CARD));
    let closings = 0;
    met.site.onClosing = () => {
      closings += 1;
    };
    answer = () => {
      throw new Error("trouble of the host's own");
    };
    expect(kind(await met.dealer.begin(bought, undefined, () => undefined))).toBe("refused");
    expect(closings).toBe(0);
    answer = () => ok(undefined);
    value(await met.dealer.begin(bought, undefined, () => undefined));
    expect(closings).toBe(1);
    expect(asked.at(0)).toBe("quote 1/1 1");
    expect(asked.at(-1)).toBe("begin 1/1 1");
  });
  expect((await site.host.charges()).size).toBe(1);
});

test("each step is told, a call out of order changes nothing, and a closed device may be opened again", async () => {
  await story(async (met) => {
    const producer = producerOf(met.site);
    expect([producer.step, producer.broadcasting]).toEqual(["started", true]);
    expect(kind(producer.setup("again"))).toBe("out-of-order");
    expect(kind(await producer.init())).toBe("out-of-order");
    producer.stopBroadcast();
    expect(producer.broadcasting).toBe(false);
    const bought = await paid(met, 2);
    const ended = met.dealer.begin(bought, undefined, () => undefined);
    await wait(met.site, 5_000);
    expect(kind(await producer.close())).toBe("ok");
    expect(value(await ended).receipts[0]).toMatchObject({ reason: "restart" });
    expect([producer.step, producer.broadcasting]).toEqual(["closed", false]);
    for (const refused of [
      await producer.close(),
      await producer.addService(SECOND),
      await producer.removeService(1),
      await producer.setPrice(1, NIGHT),
      await producer.init(),
      producer.startBroadcast(),
      producer.stopBroadcast(),
      producer.setup("again"),
    ]) {
      expect(kind(refused)).toBe("out-of-order");
    }
    const next = await met.site.reopenProducer();
    expect(next.step).toBe("started");
    await wait(met.site, 2_000);
    const dealer = await deal(met.site, met.consumer);
    const rest = value(await dealer.begin(bought, undefined, () => undefined));
    expect(rest.purchase.state).toBe("closed");
  });
});
