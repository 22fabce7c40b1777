// Whole sales that are paid while they are delivered, with the consumer's role on one side and the device on the other.

import { describe, expect, test } from "vitest";
import { SOCKET_1, violations } from "../../bench/invariants.ts";
import { ENERGY } from "../../bench/site.ts";
import type { SiteOptions } from "../../bench/site-options.ts";
import type { Delivered, Progress } from "../../firmware/consumer/dealer.ts";
import type { ConsumerEvent } from "../../firmware/consumer/events.ts";
import { type Purchase, withPayer } from "../../firmware/consumer/purchase.ts";
import type { StreamChoice } from "../../firmware/consumer/streams.ts";
import type { Service } from "../../firmware/producer/catalogue.ts";
import type { SessionReceipt, SettlementReceipt } from "../../firmware/token/receipt.ts";
import { TEST_CARDS } from "../../hal/sim/sim-payment-host.ts";
import { simStore } from "../../hal/sim/sim-store.ts";
import { again, nameOf } from "./another-process.ts";
import { CARD, deal, kind, type Met, story, value, wait } from "./story.ts";

const STREAMED: Service = {
  ...ENERGY,
  payment: { way: "hold" },
  stream: { windowUnitsMax: 4 },
};
/** A unit is 1,000 pulses: 25 seconds. */
const SITE: Partial<SiteOptions> = { services: [STREAMED] };

interface Sold {
  purchase: Purchase;
  session: SessionReceipt;
  settlement: SettlementReceipt | undefined;
  proofs: readonly number[];
}

async function held(
  { dealer }: Met,
  units: number,
  terms = { step: 1, window: 1 },
): Promise<Purchase> {
  const { purchase } = value(await dealer.select({ service: 1, price: 1, units }));
  return value(await dealer.pay(purchase, CARD, { stream: terms }));
}

async function take(
  met: Met,
  purchase: Purchase,
  more: {
    units?: number;
    choice?: StreamChoice;
    onProgress?: (progress: Progress) => void;
  } = {},
): Promise<Sold> {
  const proofs: number[] = [];
  met.consumer.onEvent((told: ConsumerEvent) => {
    if (told.event === "proof") proofs.push(told.units);
  });
  const { units, choice, onProgress = () => undefined } = more;
  const begun = value(await met.dealer.begin(purchase, units, onProgress, choice));
  return { ...receiptsOf(begun), proofs };
}

function receiptsOf({ purchase, receipts }: Delivered): Omit<Sold, "proofs"> {
  const session = receipts.find((one) => one.is === "session");
  const settlement = receipts.find((one) => one.is === "settlement");
  if (session?.is !== "session") throw new Error("no receipt of the session");
  return {
    purchase,
    session,
    settlement: settlement?.is === "settlement" ? settlement : undefined,
  };
}

describe("an order that is paid while it is delivered", () => {
  test("I4: is charged by the unit, to the last one, and nothing else is captured", async () => {
    const site = await story(async (met) => {
      const [service] = value(await met.dealer.requestServices());
      expect(service?.windowMax).toBe(4);
      const purchase = await held(met, 3);
      const { session, proofs } = await take(met, purchase);
      expect(session).toMatchObject({ reason: "exhausted", amountMinor: 135, milliUnits: 3_000 });
      expect(session.breakdown?.streamed).toMatchObject({
        proof: { units: 3 },
        unpaidPulses: 0,
        caughtUpPulses: 0,
      });
      expect(proofs).toEqual([1, 2, 3]);
      const closed = await met.dealer.settled(purchase, 10_000);
      expect(closed.state).toBe("closed");
      expect(closed.stream?.released).toBe(3);
    }, SITE);
    expect(await violations(site, SOCKET_1)).toEqual([]);
  });

  test.each([
    { step: 1, window: 0, expected: [1, 2, 3, 4, 5] },
    { step: 2, window: 2, expected: [2, 4, 5] },
    { step: 3, window: 1, expected: [3, 5] },
    { step: 2, window: 4, expected: [2, 4, 5] },
  ])("with step $step and window $window comes to the same", async ({ expected, ...terms }) => {
    const site = await story(async (met) => {
      const purchase = await held(met, 5, terms);
      const { session, proofs } = await take(met, purchase);
      expect(session).toMatchObject({ reason: "exhausted", amountMinor: 225 });
      expect(proofs).toEqual(expected);
      expect((await met.dealer.settled(purchase, 10_000)).state).toBe("closed");
    }, SITE);
    expect(await violations(site, SOCKET_1)).toEqual([]);
  });

  test("ended in the middle of a unit is charged by the pulse, and the unit that was begun is proved", async () => {
    const site = await story(async (met) => {
      const purchase = await held(met, 5);
      let isEnded = false;
      const { session } = await take(met, purchase, {
        onProgress: ({ pulses }) => {
          if (pulses < 1_300 || isEnded) return;
          isEnded = true;
          void met.dealer.end(purchase);
        },
      });
      expect(session.reason).toBe("consumer-end");
      expect(session.milliUnits).toBeGreaterThan(1_000);
      expect(session.milliUnits % 1_000).toBeGreaterThan(0);
      const { proof, unpaidPulses } = session.breakdown?.streamed ?? {};
      expect(proof?.units).toBe(Math.ceil(session.milliUnits / 1_000));
      expect(unpaidPulses).toBe(0);
      const closed = await met.dealer.settled(purchase, 10_000);
      expect(closed.state).toBe("closed");
    }, SITE);
    expect(await violations(site, SOCKET_1)).toEqual([]);
  });

  test("in two sessions is charged as in one", async () => {
    const keep: Service = { ...STREAMED, undelivered: "credit-refund" };
    const site = await story(
      async (met) => {
        const purchase = await held(met, 4);
        const first = await take(met, purchase, { units: 1 });
        expect(first.session).toMatchObject({ reason: "exhausted", amountMinor: 45 });
        const second = await take(met, first.purchase, { choice: { step: 2, window: 0 } });
        expect(second.session).toMatchObject({ session: 2, reason: "exhausted", amountMinor: 135 });
        expect(second.proofs).toEqual([2, 4]);
      },
      { ...SITE, services: [keep] },
    );
    expect(await violations(site, SOCKET_1)).toEqual([]);
  });
});

describe("a payer with a meter of his own", () => {
  test("pays what he has counted himself: a device that says more waits, and stops", async () => {
    const site = await story(async (met) => {
      const purchase = await held(met, 5);
      let own = 2;
      const { session, proofs } = await take(met, purchase, { choice: { ownUnits: () => own } });
      expect(proofs).toEqual([1, 2]);
      own = 5;
      await wait(met.site, 5_000);
      expect(proofs).toEqual([1, 2]);
      expect(session.reason).toBe("proof-late");
      expect(session).toMatchObject({ amountMinor: 90, milliUnits: 2_000 });
      expect(session.breakdown?.streamed?.unpaidPulses).toBeGreaterThan(0);
      // The order stays good, for who can prove more; its payer has it settled.
      value(await met.dealer.end(purchase, "settle"));
      expect((await met.dealer.settled(purchase, 20_000)).state).toBe("closed");
    }, SITE);
    expect(await violations(site, SOCKET_1)).toEqual([]);
  });
});

test("whoever leaves a delivery pays no more for it, until he joins it again", async () => {
  await story(async (met) => {
    const purchase = await held(met, 3);
    let own = 0;
    const proofs: number[] = [];
    met.consumer.onEvent((told) => {
      if (told.event === "proof") proofs.push(told.units);
    });
    const choice = { ownUnits: () => own };
    void met.dealer.begin(purchase, undefined, () => undefined, choice);
    await wait(met.site, 27_000);
    met.dealer.leave(purchase.id);
    own = 3;
    await wait(met.site, 3_000);
    expect(proofs).toEqual([]);
    const { session } = await take(met, purchase, { choice });
    expect(session).toMatchObject({ session: 1, reason: "exhausted", amountMinor: 135 });
  }, SITE);
});

describe("what cannot be streamed", () => {
  test("a service that says nothing of it: refused, and payable in one piece afterwards", async () => {
    const site = await story(async (met) => {
      const { purchase } = value(await met.dealer.select({ service: 1, price: 1, units: 1 }));
      const terms = { step: 1, window: 0 };
      expect(kind(await met.dealer.pay(purchase, CARD, { stream: terms }))).toBe("not-streamed");
      const paid = value(await met.dealer.pay(purchase, CARD));
      expect(paid.stream).toBeUndefined();
      const begun = await met.dealer.begin(paid, undefined, () => undefined, { step: 1 });
      expect(kind(begun)).toBe("not-streamed");
      expect(kind(await met.dealer.begin(paid, undefined, () => undefined))).toBe("ok");
    });
    expect(await violations(site, SOCKET_1)).toEqual([]);
  });

  test("what is being paid in one way is not paid in the other", async () => {
    const site = await story(async ({ dealer, consumer }) => {
      const stream = { step: 1, window: 1 };
      const plain = value(await dealer.select({ service: 1, price: 1, units: 1 })).purchase;
      await consumer.purchases.change(plain.id, (current) => withPayer(current));
      expect(kind(await dealer.pay(plain, CARD, { stream }))).toBe("out-of-order");
      expect(value(await dealer.pay(plain, CARD)).stream).toBeUndefined();
      const held = value(await dealer.select({ service: 1, price: 1, units: 1 })).purchase;
      const first = dealer.pay(held, CARD, { stream });
      // Another process of ours, which was not told how.
      const second = dealer.pay(held, CARD);
      expect(value(await first).stream).toMatchObject(stream);
      expect([kind(await second), (await consumer.purchases.get(held.id))?.state]).toEqual([
        "out-of-order",
        "paid",
      ]);
      for (const one of [plain, held]) {
        expect(kind(await dealer.begin(one, undefined, () => undefined))).toBe("ok");
      }
    }, SITE);
    expect(await violations(site, SOCKET_1)).toEqual([]);
  });

  test("what was begun by the unit and not answered is paid so, however it is asked again", async () => {
    const site = await story(async ({ site: place, dealer }) => {
      const { purchase } = value(await dealer.select({ service: 1, price: 1, units: 1 }));
      place.broker.setTamper(() => []);
      const first = await dealer.pay(purchase, CARD, { stream: { step: 1, window: 1 } });
      expect(kind(first)).toBe("timed-out");
      place.broker.setTamper(undefined);
      expect(value(await dealer.pay(purchase, CARD)).stream).toMatchObject({ window: 1 });
      expect(kind(await dealer.begin(purchase, undefined, () => undefined))).toBe("ok");
    }, SITE);
    expect(await violations(site, SOCKET_1)).toEqual([]);
  });

  test("a window above the service's, a step of none, extras and a second card are refused", async () => {
    await story(async (met) => {
      const { purchase } = value(await met.dealer.select({ service: 1, price: 1, units: 2 }));
      const stream = { step: 1, window: 1 };
      const extras = { stream, maximumMinor: 500 };
      expect(kind(await met.dealer.pay(purchase, CARD, extras))).toBe("not-streamed");
      const second = { ...CARD, number: TEST_CARDS.approve };
      const cards = { stream, further: [second] };
      expect(kind(await met.dealer.pay(purchase, CARD, cards))).toBe("not-streamed");
      const paid = value(await met.dealer.pay(purchase, CARD, { stream }));
      const begin = (choice: StreamChoice) =>
        met.dealer.begin(paid, undefined, () => undefined, choice);
      expect(kind(await begin({ window: 5 }))).toBe("out-of-range");
      expect(kind(await begin({ step: 0 }))).toBe("out-of-range");
      expect(kind(await begin({ window: 4 }))).toBe("ok");
    }, SITE);
  });
});

describe("when things go wrong", () => {
  test("proofs, counts and answers that are lost or doubled change nothing", async () => {
    const network = { lossPerMille: 200, duplicationPerMille: 200, reorderingPerMille: 200 };
    const site = await story(
      async (met) => {
        const purchase = await held(met, 5, { step: 1, window: 2 });
        const { session } = await take(met, purchase);
        expect(session).toMatchObject({ reason: "exhausted", amountMinor: 225 });
        await met.dealer.settled(purchase, 120_000);
      },
      { ...SITE, network, seed: 11 },
    );
    expect(await violations(site, SOCKET_1)).toEqual([]);
  });

  test("a payer who is away for a moment goes on where he was", async () => {
    const site = await story(async (met) => {
      const purchase = await held(met, 4);
      const client = nameOf(met.consumer);
      met.site.world.after(40_000, () => met.site.broker.disconnect(client));
      met.site.world.after(58_000, () => met.site.broker.reconnect(client));
      const { session, proofs } = await take(met, purchase);
      expect(session).toMatchObject({ reason: "exhausted", amountMinor: 180 });
      expect(proofs).toEqual([1, 2, 3, 4]);
      expect((await met.dealer.settled(purchase, 60_000)).state).toBe("closed");
    }, SITE);
    expect(await violations(site, SOCKET_1)).toEqual([]);
  });

  test("one who is away for too long owes no more than the window, and pays it when he comes back", async () => {
    const site = await story(async (met) => {
      const purchase = await held(met, 4, { step: 1, window: 2 });
      const client = nameOf(met.consumer);
      met.site.world.after(40_000, () => met.site.broker.disconnect(client));
      met.site.world.after(150_000, () => met.site.broker.reconnect(client));
      const first = await take(met, purchase);
      expect(first.session).toMatchObject({ reason: "proof-late", amountMinor: 45 });
      expect(first.session.breakdown?.streamed).toMatchObject({ unpaidPulses: 2_000 });
      const second = await take(met, first.purchase);
      expect(second.session).toMatchObject({ session: 2, reason: "exhausted", amountMinor: 135 });
      expect(second.session.breakdown?.streamed).toMatchObject({ caughtUpPulses: 2_000 });
      expect((await met.dealer.settled(purchase, 60_000)).state).toBe("closed");
    }, SITE);
    expect(await violations(site, SOCKET_1)).toEqual([]);
  });

  test("another process of the payer's joins the session, and makes the chain anew", async () => {
    const store = simStore();
    const site = await story(async ({ site: place }) => {
      const before = await place.consumer("b", store);
      const dealer = await deal(place, before);
      const purchase = await held({ site: place, consumer: before, dealer }, 4);
      void dealer.begin(purchase, undefined, () => undefined);
      await wait(place, 60_000);
      dealer.leave();
      before.close();
      expect((await before.purchases.get(purchase.id))?.stream?.released).toBe(2);
      const after = await again(place, store);
      const other = await deal(place, after);
      const { session, proofs } = await take(
        { site: place, consumer: after, dealer: other },
        purchase,
      );
      expect(session).toMatchObject({ session: 1, reason: "exhausted", amountMinor: 180 });
      expect(proofs).toEqual([3, 4]);
      expect((await other.settled(purchase, 60_000)).state).toBe("closed");
    }, SITE);
    expect(await violations(site, SOCKET_1)).toEqual([]);
  });

  test("a payer who was killed goes on from the receipt that the device kept for him", async () => {
    const store = simStore();
    const site = await story(async ({ site: place }) => {
      const before = await place.consumer("b", store);
      const dealer = await deal(place, before);
      const purchase = await held({ site: place, consumer: before, dealer }, 4);
      void dealer.begin(purchase, undefined, () => undefined);
      await wait(place, 40_000);
      place.broker.cut(nameOf(before));
      dealer.leave();
      before.close();
      await wait(place, 60_000);
      const after = await again(place, store);
      const met = { site: place, consumer: after, dealer: await deal(place, after) };
      // The receipt is lost at first, and comes long after the answer that tells of it.
      const untilMs = place.world.nowMs() + 1_500;
      let lost = 0;
      place.broker.setTamper((told) => {
        const isReceipt = told.topic === after.connection.replies && told.payload.length > 200;
        if (!isReceipt || place.world.nowMs() > untilMs) return [told];
        lost += 1;
        return [];
      });
      const { session, proofs } = await take(met, purchase);
      expect(lost).toBeGreaterThan(0);
      expect(session).toMatchObject({ session: 2, reason: "exhausted" });
      expect(proofs).toEqual([2, 3, 4]);
      const closed = await met.dealer.settled(purchase, 60_000);
      expect(closed).toMatchObject({ state: "closed", sessions: 2 });
    }, SITE);
    expect(await violations(site, SOCKET_1)).toEqual([]);
  });

  test("a device that loses its power takes up where proof had come to", async () => {
    const keep: Service = { ...STREAMED, undelivered: "credit-refund" };
    const site = await story(
      async (met) => {
        const purchase = await held(met, 5, { step: 1, window: 1 });
        met.site.world.after(60_000, () => {
          met.site.cut();
          met.site.world.after(3_000, () => void met.site.powerOn());
        });
        const first = await take(met, purchase);
        expect(first.session.reason).toBe("power-loss");
        await wait(met.site, 5_000);
        const second = await take(met, first.purchase);
        expect(second.session).toMatchObject({ session: 2, reason: "exhausted" });
        const [a, b] = [first.session.amountMinor, second.session.amountMinor];
        expect(a + b).toBe(225);
      },
      { ...SITE, services: [keep] },
    );
    expect(await violations(site, SOCKET_1)).toEqual([]);
  });
});
