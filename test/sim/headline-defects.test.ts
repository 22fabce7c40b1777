// The ten ways in which the ancestor of this protocol lost money or gave goods away, each tried here.

import { describe, expect, test } from "vitest";
import { buy } from "../../bench/buyer.ts";
import { durableOrders, SOCKET_1, violations } from "../../bench/invariants.ts";
import { crypto, ENERGY, Site } from "../../bench/site.ts";
import type { Dealer } from "../../firmware/consumer/dealer.ts";
import { FAULT_CODES } from "../../firmware/fault.ts";
import { encodeCbor } from "../../firmware/protocol/cbor.ts";
import { encodeMessage } from "../../firmware/protocol/message-codec.ts";
import { MESSAGES } from "../../firmware/protocol/messages.ts";
import { announcementTopic } from "../../firmware/protocol/topics.ts";
import { signToken, verifyToken } from "../../firmware/token/delivery-token.ts";
import { TEST_CARDS } from "../../hal/sim/sim-payment-host.ts";
import { RawClient } from "./raw-client.ts";
import { CARD, deal, kind, type Met, paid, story, value, wait } from "./story.ts";

test("I3: first headline, a token is good once, also after a restart", async () => {
  const site = await story(async (met) => {
    const purchase = await paid(met);
    const delivered = value(await met.dealer.begin(purchase, undefined, () => undefined));
    expect(delivered.purchase.state).toBe("closed");
    const order = { is: "begin" as const, order: purchase.id, session: 2 };
    expect(kind(await met.dealer.begin(purchase, undefined, () => undefined))).toBe("order-closed");
    const again = await met.consumer.connection.request(met.dealer.peer, order);
    expect(kind(again)).toBe("order-closed");
    met.site.cut();
    await met.site.powerOn();
    await wait(met.site, 2_000);
    const after = await met.consumer.connection.request(met.dealer.peer, order);
    expect(kind(after)).toBe("order-closed");
  });
  expect(await violations(site, SOCKET_1)).toEqual([]);
});

test("second headline: expiry is the device's own record; a token with another date is refused", async () => {
  await story(
    async (met) => {
      const purchase = await paid(met);
      const token = value(
        verifyToken(purchase.token ?? new Uint8Array(), met.site.signKey, crypto),
      );
      const forger = crypto.signer(new Uint8Array(32).fill(9));
      const ask = (forged: Uint8Array) =>
        met.consumer.connection.request(met.dealer.peer, {
          is: "begin",
          order: purchase.id,
          session: 1,
          token: forged,
        });
      expect(kind(await ask(signToken({ ...token, expiresS: 4_000_000_000 }, forger)))).toBe(
        "token-invalid",
      );
      // By time that passes: a clock that jumps is not believed.
      await wait(met.site, 61_000);
      expect(kind(await ask(purchase.token ?? new Uint8Array()))).toMatch(
        /token-expired|order-closed/,
      );
      await wait(met.site, 20_000);
      const [charge] = [...(await met.site.host.charges()).values()];
      expect(charge?.refundedMinor).toBe(charge?.capturedMinor);
    },
    { services: [{ ...ENERGY, tokenLifeS: 60 }] },
  );
});

test("third headline: nobody ends an order that is not paid, or not his", async () => {
  const site = await story(async (met) => {
    const unpaid = value(await met.dealer.select({ service: 1, price: 1, units: 1 })).purchase;
    // The consumer's own check stands aside: it is the device that has to refuse.
    const end = { is: "end" as const, order: unpaid.id, session: 1 };
    const told = await met.consumer.connection.request(met.dealer.peer, end);
    expect(kind(told)).toBe("order-unknown");
    const purchase = await paid(met);
    const other = await met.site.consumer("mallory");
    const mallory = await deal(met.site, other);
    for (const stolen of [purchase, unpaid]) await other.purchases.insert(stolen);
    expect(kind(await mallory.end(purchase))).toBe("order-unknown");
    expect(kind(await mallory.begin(purchase, undefined, () => undefined))).toBe("order-unknown");
    expect(kind(await mallory.pay(unpaid, CARD))).toBe("offer-unknown");
    expect(durableOrders(met.site)[0]?.state).toBe("paid");
  });
  expect(site.bugs).toEqual([]);
});

test("I2: fourth headline, paying twice charges once, also at the same time", async () => {
  const site = await story(async (met) => {
    const { purchase } = value(await met.dealer.select({ service: 1, price: 1, units: 1 }));
    const both = await Promise.all([
      met.dealer.pay(purchase, CARD),
      met.dealer.pay(purchase, CARD),
    ]);
    expect(both.map(kind)).toEqual(["ok", "ok"]);
    expect(kind(await met.dealer.pay(purchase, CARD))).toBe("ok");
  });
  const charges = [...(await site.host.charges()).values()];
  expect(charges.map(({ capturedMinor }) => capturedMinor)).toEqual([45]);
});

describe("fifth headline: units that are no units are refused", () => {
  const quantities = [
    0,
    -3,
    101,
    1_000_001,
    2n ** 53n,
    2n ** 63n - 1n,
    2n ** 64n - 1n,
    1.5,
    "5",
    null,
  ];
  for (const units of quantities) {
    test(`${String(units)} units`, async () => {
      await story(async ({ site, dealer }) => {
        const raw = await new RawClient(site, "units", dealer.peer.boxKey).open();
        // cbor-x would write a fraction as a float: the bytes are made by hand, as an attacker would.
        const float = Uint8Array.of(0xa4, 0, 7, 1, 1, 2, 1, 3, 0xf9, 0x3e, 0);
        const fields: [number, never][] = [
          [0, 7],
          [1, 1],
          [2, 1],
          [3, units],
        ] as never;
        const plain = units === 1.5 ? float : encodeCbor(new Map(fields));
        const answer = await raw.say(plain);
        expect(answer.is).toBe("fault");
        expect([FAULT_CODES.malformed, FAULT_CODES["units-out-of-range"]]).toContain(answer.code);
      });
    });
  }
});

test("I4: sixth headline, a price that changes, or a service that goes, after the offer changes nothing for it", async () => {
  const site = await story(async (met) => {
    const first = value(await met.dealer.select({ service: 1, price: 1, units: 1 })).purchase;
    const second = value(await met.dealer.select({ service: 1, price: 1, units: 1 })).purchase;
    value((await met.site.producer?.removeService(1)) ?? { ok: true, value: undefined });
    const dear = {
      ...ENERGY,
      prices: [{ id: 1, name: "Dear", amountMinor: 99_999, currency: "EUR" }],
    };
    value((await met.site.producer?.addService(dear)) ?? { ok: true, value: undefined });
    const delivered = value(
      await met.dealer.begin(value(await met.dealer.pay(first, CARD)), undefined, () => undefined),
    );
    expect(delivered.receipts.at(-1)).toMatchObject({ is: "settlement", capturedMinor: 45 });
    value((await met.site.producer?.removeService(1)) ?? { ok: true, value: undefined });
    expect(kind(await met.dealer.pay(second, CARD))).toBe("ok");
    expect(kind(await met.dealer.select({ service: 1, price: 1, units: 1 }))).toBe(
      "service-unknown",
    );
  });
  const charges = [...(await site.host.charges()).values()];
  expect(charges.map(({ capturedMinor }) => capturedMinor)).toEqual([45, 45]);
});

test("seventh headline: eight consumers with 400 quotes each at once do no harm, and memory stays bounded", async () => {
  await story(async ({ site }) => {
    const dealers = await Promise.all(
      [1, 2, 3, 4, 5, 6, 7, 8].map(async (n) => deal(site, await site.consumer(`c${n}`))),
    );
    const quote = async (dealer: Dealer): Promise<number> => {
      let offers = 0;
      for (let i = 0; i < 400; i++) {
        offers += (await dealer.select({ service: 1, price: 1, units: 1 })).ok ? 1 : 0;
      }
      return offers;
    };
    expect(await Promise.all(dealers.map(quote))).toEqual(Array(8).fill(400));
    expect(site.producer?.status().offers).toBe(64);
    expect(durableOrders(site)).toEqual([]);
    const [dealer] = dealers;
    const offer = value(await (dealer as Dealer).select({ service: 1, price: 1, units: 1 }));
    expect(kind(await (dealer as Dealer).pay(offer.purchase, CARD))).toBe("ok");
  });
}, 60_000);

test("eighth headline: a call out of order is a typed fault, never an empty success", async () => {
  const site = new Site({ seed: 4 });
  await site.run(async () => {
    await site.powerOn();
    const bare = await site.consumer("bare", undefined, false);
    expect(kind(await bare.discover({ timeoutMs: 10 }))).toBe("out-of-order");
    const nobody = {
      device: site.device,
      name: "x",
      operator: "00".repeat(8),
      types: [],
      signed: new Uint8Array(),
    };
    expect(kind(await bare.init(nobody))).toBe("out-of-order");
    expect(kind(await bare.setup())).toBe("ok");
    expect(kind(await bare.setup())).toBe("out-of-order");
    const dealer = await deal(site, await site.consumer("a"));
    const offer = value(await dealer.select({ service: 1, price: 1, units: 1 })).purchase;
    expect(kind(await dealer.begin(offer, undefined, () => undefined))).toBe("out-of-order");
    expect(kind(await dealer.getPrices(7))).toBe("service-unknown");
    expect(kind(site.producer?.setup("again") ?? { ok: true, value: 0 })).toBe("out-of-order");
    expect(kind((await site.producer?.init()) ?? { ok: true, value: 0 })).toBe("out-of-order");
    expect(kind((await site.producer?.removeService(9)) ?? { ok: true, value: 0 })).toBe(
      "service-unknown",
    );
    return true;
  });
});

test("I11: ninth headline, what is not authentic changes nothing: forged, replayed, or from a false device", async () => {
  const site = await story(async (met) => {
    const { dealer, site: here } = met;
    const raw = await new RawClient(here, "old", dealer.peer.boxKey).open();
    const get = encodeMessage({ is: "get-services" });
    expect((await raw.say(get)).is).toBe("services");
    const [yesterday] = raw.sent;
    const select = encodeMessage({ is: "select", service: 1, price: 1, units: 1 });
    expect((await raw.say(select)).is).toBe("offer");
    const before = here.producer?.status().offers;
    // The same frame again, in this life: the same bytes come back and nothing new is made.
    expect((await raw.send(raw.sent[1] ?? new Uint8Array())).is).toBe("offer");
    expect(here.producer?.status().offers).toBe(before);
    here.cut();
    await here.powerOn();
    await wait(here, 2_000);
    // In the next life it does not even open.
    expect((await raw.send(yesterday ?? new Uint8Array())).is).toBe("hint");
    expect((await raw.send(raw.sent[1] ?? new Uint8Array())).is).toBe("hint");
    expect(here.producer?.status().offers).toBe(0);
    const flipped = Uint8Array.from(yesterday ?? []);
    flipped[10] = (flipped[10] ?? 0) ^ 1;
    expect(["hint", "nothing"]).toContain((await raw.send(flipped)).is);
    await falseDevice(met);
  });
  expect(await violations(site, SOCKET_1)).toEqual([]);
});

/** Somebody copies the announcement: under another device's topic it is not believed, under its own he cannot answer. */
async function falseDevice({ site }: Met): Promise<void> {
  const announced = site.broker.retained(announcementTopic(site.device)) ?? new Uint8Array();
  const impostor = site.broker.connect("impostor");
  impostor.publish(announcementTopic("AAAAAAAAAAA"), announced, { retain: true });
  const consumer = await site.consumer("careful");
  await wait(site, 1_000);
  const found = value(await consumer.discover({ timeoutMs: 2_000 }));
  expect(found.map(({ device }) => device)).toEqual([site.device]);
  site.broker.cut(site.device);
  impostor.publish(announcementTopic(site.device), announced, { retain: true });
  const [copied] = value(await consumer.discover({ timeoutMs: 2_000 }));
  if (copied === undefined) throw new Error("no announcement");
  const dealer = value(await consumer.init(copied));
  expect(kind(await dealer.select({ service: 1, price: 1, units: 1 }))).toBe("timed-out");
}

test("tenth headline: paid orders outlive a restart, and unpaid offers do not pile up", async () => {
  const site = await story(async (met) => {
    const purchase = await paid(met, 2);
    met.site.cut();
    await met.site.powerOn();
    await wait(met.site, 2_000);
    const delivered = value(await met.dealer.begin(purchase, undefined, () => undefined));
    expect(delivered.purchase.state).toBe("closed");
    expect(met.site.producer?.status().offers).toBe(0);
  });
  expect(await violations(site, SOCKET_1)).toEqual([]);
});

test("a card that is declined, and each way a host can misbehave, ends without loss", async () => {
  for (const [behaviour, card] of Object.entries(TEST_CARDS)) {
    const site = new Site({ seed: 11 });
    const outcome = await site.run(async () => {
      await site.powerOn();
      return buy(site, await site.consumer("a"), { service: 1, price: 1, units: 1, card });
    });
    // A card that covers a part only buys nothing here, where there is no other to pay the rest.
    const pays = !["decline", "insufficient", "partial"].includes(behaviour);
    expect([behaviour, outcome?.done]).toEqual([behaviour, pays]);
    expect(await violations(site, SOCKET_1)).toEqual([]);
    const taken = [...(await site.host.charges()).values()].map(
      (charge) => charge.capturedMinor - charge.refundedMinor,
    );
    expect(taken.filter((netMinor) => netMinor !== 0)).toEqual(pays ? [45] : []);
  }
});

test("every request of the protocol is answered or refused, in no state with silence", async () => {
  await story(async ({ site, dealer }) => {
    const raw = await new RawClient(site, "all", dealer.peer.boxKey).open();
    const fields = new Map<number, never>([[1, 1 as never]]);
    for (const { kind: number } of Object.values(MESSAGES)) {
      const answer = await raw.say(encodeCbor(new Map([[0, number as never], ...fields])));
      expect(answer.is).not.toBe("nothing");
    }
    expect((await raw.say(encodeCbor(new Map([[0, 99 as never]])))).code).toBe(
      FAULT_CODES.unsupported,
    );
  });
});
