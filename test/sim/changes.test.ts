// Changes of the catalogue where they meet each other: numbers used again, a full catalogue, broken records.

import { expect, test } from "vitest";
import { ENERGY, Site } from "../../bench/site.ts";
import type { Producer } from "../../firmware/producer/producer.ts";
import { SERVICES_MAX } from "../../firmware/protocol/messages.ts";
import { CARD, deal, kind, type Met, story, value, wait } from "./story.ts";

function producerOf(site: Site): Producer {
  const { producer } = site;
  if (producer === undefined) throw new Error("the device is not up");
  return producer;
}

async function restart({ site }: Met): Promise<void> {
  site.cut();
  await wait(site, 2_000);
  await site.powerOn();
}

test("a service that took the place of another in a full catalogue is there after a restart", async () => {
  const services = Array.from({ length: SERVICES_MAX }, (_, i) => ({ ...ENERGY, id: i + 1 }));
  await story(
    async (met) => {
      const { site } = met;
      expect(kind(await producerOf(site).addService({ ...ENERGY, id: 17 }))).toBe("too-many");
      expect(kind(await producerOf(site).removeService(5))).toBe("ok");
      expect(kind(await producerOf(site).addService({ ...ENERGY, id: 17 }))).toBe("ok");
      const before = producerOf(site).services();
      await restart(met);
      expect(producerOf(site).services()).toEqual(before);
      expect(before.map(({ service }) => service.id)).toContain(17);
    },
    { services },
  );
});

test("a level by a sensor that the board has not is refused, with those that it has", async () => {
  await story(async ({ site }) => {
    const level = {
      sensor: "tank",
      readingsPerUnit: { numerator: 10, denominator: 1 },
      reserve: 0,
    };
    const refused = await producerOf(site).addService({ ...ENERGY, id: 2, level });
    expect(refused).toMatchObject({
      fault: { kind: "not-found", message: expect.stringContaining("none"), at: "level.sensor" },
    });
    expect(producerOf(site).services()).toHaveLength(1);
  });
});

test("a record that holds another service, or another price, than it says is corrupt", async () => {
  for (const [kindOf, id, other] of [
    ["service", "7", "8"],
    ["price", "1/7", "1/8"],
  ] as const) {
    const site = new Site({ seed: 5 });
    await site.run(async () => {
      await site.powerOn();
      await producerOf(site).addService({ ...ENERGY, id: 7 });
      const seven = { id: 7, name: "Seven", amountMinor: 7, currency: "EUR" };
      await producerOf(site).setPrice(1, seven);
      const [record] = site.store.durable(kindOf).filter((one) => one.id === id);
      const body = record?.body ?? "";
      await site.store.reopen().commit([{ kind: kindOf, id: other, body }]);
      site.cut();
      return true;
    });
    await site
      .run(async () => {
        await site.powerOn();
        return true;
      })
      .catch(() => undefined);
    expect(String(site.bugs[0])).toContain(`record ${kindOf} ${other} holds another`);
  }
});

test("I6: a number that is used again is the same number: a refund refunds what an earlier removal honoured", async () => {
  const site = await story(async (met) => {
    const one = { service: 1, price: 1, units: 1 };
    const first = value(await met.dealer.select(one)).purchase;
    const bought = value(await met.dealer.pay(first, CARD));
    expect(kind(await producerOf(met.site).removeService(1, "honour"))).toBe("ok");
    expect(kind(await producerOf(met.site).addService(ENERGY))).toBe("ok");
    expect(kind(await producerOf(met.site).removeService(1, "refund"))).toBe("ok");
    await wait(met.site, 2_000);
    expect(met.site.settlements(bought.id)).toMatchObject([{ refundedMinor: 45, amountMinor: 0 }]);
    const dealer = await deal(met.site, met.consumer);
    expect(kind(await dealer.begin(bought, undefined, () => undefined))).toBe("order-closed");
  });
  const charges = [...(await site.host.charges()).values()];
  expect(charges.map(({ refundedMinor }) => refundedMinor)).toEqual([45]);
});
