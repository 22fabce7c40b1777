// Money that goes back at the operator's command after an order is closed, or together with it: never more than was
// captured, once whatever is repeated or cut, and in the books as it is at whoever paid.

import { describe, expect, test } from "vitest";
import { durableOrders } from "../../bench/invariants.ts";
import { Site } from "../../bench/site.ts";
import type { SiteOptions } from "../../bench/site-options.ts";
import type { Purchase } from "../../firmware/consumer/purchase.ts";
import { type Action, signCommand } from "../../firmware/producer/command.ts";
import type { Result } from "../../firmware/result.ts";
import {
  charged,
  HOLD,
  netOf,
  newAccount,
  payingService,
  SELECTION,
  TOTAL,
  takeDelivery,
  withServices,
} from "./money-services.ts";
import { CARD, deal, kind, type Met, story, value, wait } from "./story.ts";

const HOUR_MS = 3_600_000;

type Answer = Readonly<Record<string, unknown>>;

function sign({ site }: Met, action: Action, number: number): Uint8Array {
  return value(signCommand({ device: site.device, number, atS: 1, action }, site.operator));
}

async function send({ consumer, dealer }: Met, command: Uint8Array): Promise<Result<Answer>> {
  const reply = await consumer.connection.request(dealer.peer, { is: "operate", command });
  if (!reply.ok) return reply;
  const { answer } = reply.value as { answer?: string };
  return { ok: true, value: JSON.parse(answer ?? "{}") as Answer };
}

async function command(met: Met, action: Action): Promise<Result<Answer>> {
  const next = value(
    await met.consumer.connection.request(met.dealer.peer, { is: "get-operation" }),
  );
  return send(met, sign(met, action, next.is === "operation" ? next.number : 0));
}

async function bought(met: Met, how: "all" | "half"): Promise<Purchase> {
  const { purchase } = value(await met.dealer.select(SELECTION));
  return takeDelivery(met, value(await met.dealer.pay(purchase, CARD)), how);
}

async function payment(met: Met, order: string): Promise<Answer> {
  for (;;) {
    const told = value(await command(met, { do: "payment", order }));
    if (told["pendingMinor"] === undefined && told["state"] !== "closing") return told;
    await wait(met.site, 500);
  }
}

const refund = (order: string, amountMinor: number): Action => {
  return { do: "payment-refund", order, amountMinor };
};

describe("a refund of a closed order", () => {
  test("I2: goes back in parts, never more than was captured and is left", async () => {
    const site = await story(async (met) => {
      const { id } = await bought(met, "half");
      expect(await charged(met.site)).toBe(45);
      expect(await command(met, refund(id, 46))).toMatchObject({
        fault: {
          kind: "out-of-range",
          message: expect.stringContaining("at most 0.45 EUR is left"),
        },
      });
      expect(value(await command(met, refund(id, 20)))).toMatchObject({ amountMinor: 20 });
      expect(await payment(met, id)).toMatchObject({
        ...{ takenMinor: TOTAL, refundedMinor: 45, refundedLaterMinor: 20, leftMinor: 25 },
      });
      expect(await charged(met.site)).toBe(25);
      expect(value(await command(met, refund(id, 0)))).toMatchObject({ amountMinor: 25 });
      expect(await payment(met, id)).toMatchObject({ refundedLaterMinor: 45, leftMinor: 0 });
      expect(kind(await command(met, refund(id, 0)))).toBe("refused");
    });
    expect(await charged(site)).toBe(0);
  });

  test("I2: is made once, however often the command comes", async () => {
    const site = await story(async (met) => {
      const { id } = await bought(met, "all");
      const signed = sign(met, refund(id, 30), 1);
      const answers = [value(await send(met, signed)), value(await send(met, signed))];
      expect(answers[0]).toEqual(answers[1]);
      await payment(met, id);
      expect(value(await send(met, signed))).toEqual(answers[0]);
      expect(await payment(met, id)).toMatchObject({ refundedLaterMinor: 30 });
    });
    expect(await charged(site)).toBe(TOTAL - 30);
  });

  test("I1: comes from points and card in proportion, none above what it paid", async () => {
    const account = newAccount();
    const site = await story(
      async (met) => {
        const { id } = await bought(met, "half");
        expect([netOf(account), await charged(met.site)]).toEqual([15, 30]);
        for (let part = 0; part < 15; part++) {
          value(await command(met, refund(id, 1)));
          await payment(met, id);
        }
        expect(netOf(account) + (await charged(met.site))).toBe(45 - 15);
        expect([netOf(account), await charged(met.site)]).toEqual([10, 20]);
        value(await command(met, refund(id, 0)));
        await payment(met, id);
      },
      withServices([payingService("points", "points", 30, account)]),
    );
    expect([netOf(account), await charged(site)]).toEqual([0, 0]);
  });

  test("I1: of a hold gives back what was captured, not what was held", async () => {
    const site = await story(
      async (met) => {
        const { id } = await bought(met, "half");
        expect(kind(await command(met, refund(id, 46)))).toBe("out-of-range");
        value(await command(met, refund(id, 45)));
        expect(await payment(met, id)).toMatchObject({ capturedMinor: 45, leftMinor: 0 });
      },
      { services: [HOLD] },
    );
    expect(await charged(site)).toBe(0);
  });

  test("is refused of an order that is open, unpaid or nobody's", async () => {
    await story(async (met) => {
      const { purchase } = value(await met.dealer.select(SELECTION));
      expect(kind(await command(met, refund(purchase.id, 1)))).toBe("order-unknown");
      const declined = { ...CARD, number: "4000000000000002" };
      expect(kind(await met.dealer.pay(purchase, declined))).not.toBe("ok");
      expect(["order-unknown", "order-unpaid"]).toContain(
        kind(await command(met, refund(purchase.id, 1))),
      );
      const second = value(await met.dealer.select(SELECTION)).purchase;
      const paid = value(await met.dealer.pay(second, CARD));
      expect(kind(await command(met, refund(paid.id, 1)))).toBe("out-of-order");
    });
  });
});

test("what tells who paid is kept as long as the order can be refunded, and no longer", async () => {
  const points = withServices([payingService("points", "points", 30, newAccount())]);
  const site = new Site({ seed: 6, ...points });
  const ended = await site.run(async () => {
    const met = await meet(site);
    const { id } = await bought(met, "all");
    await wait(site, 23 * HOUR_MS);
    expect(site.store.durable("tender")).toHaveLength(2);
    expect(value(await command(met, refund(id, 9)))).toMatchObject({ amountMinor: 9 });
    await wait(site, 2 * HOUR_MS);
    expect(site.store.durable("tender")).toHaveLength(0);
    expect(kind(await command(met, refund(id, 9)))).toBe("order-unknown");
    return true;
  }, 30 * HOUR_MS);
  expect(ended).toBe(true);
});

describe("a reversal", () => {
  test.each([
    ["prepaid", {}, 0],
    ["a hold", { services: [HOLD] }, 0],
  ] as const)(
    "I6: of an idle order, %s, closes it and gives all back",
    async (_, options, left) => {
      const site = await story(async (met) => {
        const { purchase } = value(await met.dealer.select(SELECTION));
        const paid = value(await met.dealer.pay(purchase, CARD));
        value(await met.dealer.begin(paid, 1, () => undefined));
        await wait(met.site, 120_000);
        value(await command(met, { do: "payment-reverse", order: paid.id }));
        expect(await payment(met, paid.id)).toMatchObject({ state: "closed", leftMinor: 0 });
        expect((await met.dealer.settled(paid, 60_000)).state).toBe("closed");
        expect(met.site.settlements(paid.id)[0]).toMatchObject({
          reason: "operator-stop",
          amountMinor: 45,
        });
        expect(kind(await command(met, { do: "payment-reverse", order: paid.id }))).toBe("refused");
      }, options);
      expect(await charged(site)).toBe(left);
    },
  );

  test("waits for the end of a delivery", async () => {
    await story(async (met) => {
      const { purchase } = value(await met.dealer.select({ ...SELECTION, units: 50 }));
      const paid = value(await met.dealer.pay(purchase, CARD));
      const ended = met.dealer.begin(paid, undefined, () => undefined);
      await wait(met.site, 2_000);
      expect(kind(await command(met, { do: "payment-reverse", order: paid.id }))).toBe("busy");
      value(await ended);
      expect(await charged(met.site)).toBe(50 * 45);
    });
  });
});

async function meet(site: Site): Promise<Met> {
  await site.powerOn();
  const consumer = await site.consumer("a");
  return { site, consumer, dealer: await deal(site, consumer) };
}

/** Cuts the power at one place after the refund was asked for. */
async function cutAt(place: number, options: Partial<SiteOptions>): Promise<[Site, boolean]> {
  let places = -1;
  let isCut = false;
  const site = new Site({
    seed: 4,
    ...options,
    cutAt: () => {
      if (places < 0) return false;
      isCut ||= places === place;
      return places++ === place;
    },
  });
  await site.run(async () => {
    const met = await meet(site);
    const { id } = await bought(met, "half");
    const signed = sign(met, refund(id, 20), 1);
    places = 0;
    for (let time = 0; time < 20; time++) {
      const sent = await send(met, signed);
      if (sent.ok) break;
      await wait(site, 2_000);
    }
    await wait(site, 30_000);
  });
  return [site, isCut];
}

test("I2: a power cut at any place of a refund leaves it done once, and in the books", async () => {
  let cuts = 0;
  for (let place = 0; ; place++) {
    const [site, isCut] = await cutAt(place, {});
    expect(await charged(site), `cut ${place}`).toBe(25);
    expect(durableOrders(site)[0]?.refunds, `cut ${place}`).toEqual([
      { number: 1, amountMinor: 20, movedMinor: 20 },
    ]);
    if (!isCut) break;
    cuts += 1;
  }
  expect(cuts).toBeGreaterThan(4);
});
