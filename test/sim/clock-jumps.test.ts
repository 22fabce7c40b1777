// A wall clock that jumps by a year, either way, while it says that it is set: in mid-session, while orders idle,
// over a restart, and on the buyer's side. Nobody's units expire by it, nothing lives for ever, no receipt is
// refused.

import { describe, expect, test } from "vitest";
import { crypto, ENERGY, Site } from "../../bench/site.ts";
import type { SiteOptions } from "../../bench/site-options.ts";
import { Consumer } from "../../firmware/consumer/consumer.ts";
import type { Purchase } from "../../firmware/consumer/purchase.ts";
import { orderRecord } from "../../firmware/producer/order.ts";
import { readRecord } from "../../firmware/protocol/record.ts";
import { connectionName } from "../../firmware/protocol/topics.ts";
import { verifyReceipt } from "../../firmware/token/receipt.ts";
import { type SimStore, simStore } from "../../hal/sim/sim-store.ts";
import { CARD, deal, kind, type Met, paid, value, wait } from "./story.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const YEAR_MS = 365 * DAY_MS;
const YEARS: readonly [string, number][] = [
  ["a year forward", YEAR_MS],
  ["a year back", -YEAR_MS],
];
const HOUR_MS = 60 * MINUTE_MS;
/** Of a token; the device looks at its clock every 10 s of it. */
const LIFE_MS = 3 * HOUR_MS;
const ignore = (): void => undefined;

/** A site that is told of for weeks. */
async function story(
  tell: (met: Met & { store: SimStore }) => Promise<void>,
  options: Partial<SiteOptions> = {},
): Promise<Site> {
  const services = [{ ...ENERGY, tokenLifeS: LIFE_MS / 1000 }];
  const site = new Site({ seed: 3, services, ...options });
  const ended = await site.run(async () => {
    await site.powerOn();
    const store = simStore();
    const consumer = await site.consumer("a", store);
    const dealer = await deal(site, consumer);
    await wait(site, MINUTE_MS);
    await tell({ site, consumer, dealer, store });
    return true;
  }, 30 * DAY_MS);
  if (ended !== true) throw new Error(`the story does not end:\n${site.log.join("\n")}`);
  return site;
}

function jump({ world }: Site, byMs: number): void {
  world.setWall(world.clock.wallMs() + byMs);
}

async function restart(site: Site, darkMs = 1_000): Promise<void> {
  site.cut();
  await wait(site, darkMs);
  await site.powerOn();
}

/** The same buyer, in another process. */
async function returned(site: Site, store: SimStore): Promise<Met> {
  const boxSecret = site.world.entropy("consumer a").bytes(32);
  const entropy = site.world.entropy("consumer a returned");
  const connection = connectionName(entropy.bytes(6));
  const link = site.broker.connect(connection);
  const { clock } = site.world;
  const consumer = new Consumer(
    { clock, store: store.store(), link, crypto, entropy },
    { connection, boxSecret, operators: [site.operatorKey], trustNew: false, simulatedHost: true },
  );
  value(await consumer.setup());
  return { site, consumer, dealer: await deal(site, consumer) };
}

function stateOf(site: Site, { id }: Purchase): string | undefined {
  const kept = site.store.durable("order").find((one) => one.id === id);
  return kept && readRecord(orderRecord, "order", id, kept.body).state;
}

function clockOf(site: Site, signed: Uint8Array): string {
  return value(verifyReceipt(signed, site.signKey, crypto)).clock;
}

function jumps(site: Site): number {
  return site.log.filter((line) => line.includes("clock-jumped")).length;
}

async function finish({ dealer, consumer }: Met, purchase: Purchase): Promise<Purchase> {
  value(await dealer.begin(purchase, undefined, ignore));
  const settled = await dealer.settled(purchase, MINUTE_MS);
  return (await consumer.purchases.get(purchase.id)) ?? settled;
}

describe.each(YEARS)("I6: a wall clock that jumps %s", (_, byMs) => {
  test("in mid-session: it is delivered to the end, and the receipts say that the clock was in doubt", async () => {
    await story(async (met) => {
      const { site, dealer } = met;
      const purchase = await paid(met, 2);
      const begun = dealer.begin(purchase, undefined, ignore);
      await wait(site, 5_000);
      jump(site, byMs);
      const delivered = value(await begun);
      expect(clockOf(site, delivered.purchase.receipts[0] ?? new Uint8Array())).toBe("unset");
      const settled = await dealer.settled(purchase, MINUTE_MS);
      expect(settled.state).toBe("closed");
      expect(site.settlements(purchase.id)).toMatchObject([{ refundedMinor: 0, owedMinor: 0 }]);
      expect(jumps(site)).toBe(1);
    });
  });

  test("while an order idles: it stays good for what is left of its time, and no longer", async () => {
    await story(async (met) => {
      const { site } = met;
      const [early, late] = [await paid(met), await paid(met)];
      await wait(site, 30 * MINUTE_MS);
      jump(site, byMs);
      await wait(site, 30 * MINUTE_MS);
      expect([stateOf(site, early), stateOf(site, late)]).toEqual(["paid", "paid"]);
      expect((await finish(met, early)).state).toBe("closed");
      // I4: what is delivered is charged, whatever the clock said.
      expect(site.settlements(early.id)).toMatchObject([{ amountMinor: 45, refundedMinor: 0 }]);
      await wait(site, LIFE_MS - 90 * MINUTE_MS);
      expect(stateOf(site, late)).toBe("paid");
      await wait(site, HOUR_MS);
      expect(stateOf(site, late)).toBe("closed");
      expect(site.settlements(late.id)).toMatchObject([{ reason: "expired", refundedMinor: 45 }]);
    });
  });

  test("and back again: as if nothing had been", async () => {
    await story(async (met) => {
      const { site } = met;
      const purchase = await paid(met);
      jump(site, byMs);
      await wait(site, MINUTE_MS);
      jump(site, -byMs);
      await wait(site, MINUTE_MS);
      const settled = await finish(met, purchase);
      expect(settled.receipts.map((signed) => clockOf(site, signed))).toEqual(["set", "set"]);
    });
  });

  test("again and again: no order lives longer by it, and none shorter", async () => {
    await story(async (met) => {
      const { site } = met;
      const purchase = await paid(met);
      for (let time = 0; time < 5; time++) {
        jump(site, time % 2 === 0 ? byMs : -byMs);
        await wait(site, 30 * MINUTE_MS);
        expect(stateOf(site, purchase)).toBe("paid");
      }
      await wait(site, HOUR_MS + 30 * MINUTE_MS);
      expect(stateOf(site, purchase)).toBe("closed");
    });
  });

  test("while the power is away: the order keeps the time that it had left", async () => {
    const services = [{ ...ENERGY, tokenLifeS: (8 * HOUR_MS) / 1000 }];
    await story(
      async (met) => {
        const { site } = met;
        const purchase = await paid(met);
        await wait(site, HOUR_MS);
        site.cut();
        jump(site, byMs);
        await restart(site);
        await wait(site, 6 * HOUR_MS);
        expect(stateOf(site, purchase)).toBe("paid");
        // What the clock says is kept every six hours: here the hour before the cut is given once more.
        await wait(site, 3 * HOUR_MS);
        expect(stateOf(site, purchase)).toBe("closed");
      },
      { services },
    );
  });

  test("and the power goes right after: the order lives on all the same", async () => {
    await story(async (met) => {
      const { site } = met;
      const purchase = await paid(met);
      jump(site, byMs);
      await wait(site, 20_000);
      await restart(site);
      await wait(site, 30 * MINUTE_MS);
      expect(stateOf(site, purchase)).toBe("paid");
      await restart(site);
      await wait(site, 30 * MINUTE_MS);
      expect(stateOf(site, purchase)).toBe("paid");
      expect(jumps(site)).toBe(2);
    });
  });

  test("sells on: offers live by the monotonic clock, and what is paid then is good", async () => {
    await story(async (met) => {
      const { site, dealer } = met;
      const { purchase } = value(await dealer.select({ service: 1, price: 1, units: 1 }));
      const stale = value(await dealer.select({ service: 1, price: 1, units: 1 })).purchase;
      jump(site, byMs);
      const bought = value(await dealer.pay(purchase, CARD));
      await wait(site, 3 * MINUTE_MS);
      expect(kind(await dealer.pay(stale, CARD))).toBe("offer-expired");
      await wait(site, 30 * MINUTE_MS);
      expect((await finish(met, bought)).state).toBe("closed");
    });
  });

  test("leaves receipts that wait to be acknowledged where they are", async () => {
    await story(async (met) => {
      const { site, consumer, dealer } = met;
      const purchase = await paid(met);
      void dealer.begin(purchase, undefined, ignore);
      await wait(site, 2_000);
      // The buyer is gone before the receipts come.
      consumer.close();
      site.broker.cut(consumer.connection.replies.slice("s1/r/".length));
      await wait(site, 5 * MINUTE_MS);
      jump(site, byMs);
      await wait(site, 60 * MINUTE_MS);
      const { dealer: again, consumer: same } = await returned(site, met.store);
      await again.standing(purchase);
      await wait(site, 5_000);
      expect(await same.purchases.get(purchase.id)).toMatchObject({
        state: "closed",
        receipts: [expect.anything(), expect.anything()],
      });
    });
  });
});

describe("a clock in step with the world's", () => {
  test("is believed at once: a board without a battery that learns the time loses nobody's units", async () => {
    await story(async (met) => {
      const { site } = met;
      const purchase = await paid(met);
      site.world.setWall(site.world.clock.wallMs() + 3 * DAY_MS, "synchronised");
      await wait(site, 20_000);
      const settled = await finish(met, purchase);
      const clocks = settled.receipts.map((signed) => clockOf(site, signed));
      expect(clocks).toEqual(["synchronised", "synchronised"]);
    });
  });

  test("knows how long the power was away: what expired then has expired", async () => {
    await story(async (met) => {
      const { site } = met;
      const purchase = await paid(met);
      site.world.setWallQuality("synchronised");
      await wait(site, 20_000);
      site.cut();
      jump(site, YEAR_MS);
      await restart(site);
      await wait(site, 2 * MINUTE_MS);
      expect(site.settlements(purchase.id)).toMatchObject([{ reason: "expired" }]);
    });
  });
});

test("a clock that is never set sells, delivers and says so on every receipt", async () => {
  const site = await story(async (met) => {
    met.site.world.setWallQuality("unset");
    await restart(met.site);
    await wait(met.site, 5_000);
    const dealer = await deal(met.site, met.consumer);
    const settled = await finish({ ...met, dealer }, await paid({ ...met, dealer }));
    const clocks = settled.receipts.map((signed) => clockOf(met.site, signed));
    expect(clocks).toEqual(["unset", "unset"]);
  });
  expect(ENERGY.undelivered).toBe("refund");
  expect(jumps(site)).toBe(0);
});

test.each([
  ["", false],
  [", over a restart too", true],
])(
  "I6: what was closed before the clock was set waits for its buyer all the same%s",
  async (_, over) => {
    await story(async (met) => {
      const { site } = met;
      site.world.setWall(5_000, "unset");
      await restart(site);
      await wait(site, 5_000);
      const dealer = await deal(site, met.consumer);
      const purchase = await paid({ ...met, dealer });
      void dealer.begin(purchase, undefined, ignore);
      await wait(site, 2_000);
      met.consumer.close();
      site.broker.cut(met.consumer.connection.replies.slice("s1/r/".length));
      await wait(site, 5 * MINUTE_MS);
      expect(stateOf(site, purchase)).toBe("closed");
      if (over) await restart(site);
      site.world.setWall(1_800_000_000_000, "synchronised");
      await wait(site, MINUTE_MS);
      await restart(site, 2 * DAY_MS);
      await wait(site, MINUTE_MS);
      const { dealer: again, consumer: same } = await returned(site, met.store);
      await again.standing(purchase);
      await wait(site, 5_000);
      expect((await same.purchases.get(purchase.id))?.state).toBe("closed");
      // Told, it is kept for a day more, and not for ever.
      await restart(site, 2 * DAY_MS);
      await wait(site, MINUTE_MS);
      expect(stateOf(site, purchase)).toBeUndefined();
    });
  },
);

describe("the buyer's clock", () => {
  const inAYear = { expiresS: 1_767_225_600 + 200 * 24 * 3600 };

  test.each(YEARS)(
    "that jumps %s in mid-business does not judge the certificate",
    async (_, byMs) => {
      expect.assertions(1);
      await story(async ({ site, dealer }) => {
        jump(site, byMs);
        const { purchase } = value(await dealer.select({ service: 1, price: 1, units: 1 }));
        expect(kind(await dealer.pay(purchase, CARD))).toBe("ok");
      }, inAYear);
    },
  );
});
