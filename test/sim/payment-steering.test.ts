// A cancel, a skip or the end of the program while the payment host decides: each is remembered, and ends in completion
// or in reversal, never in doubt.

import { describe, expect, test } from "vitest";
import { durableOrders } from "../../bench/invariants.ts";
import { card, charged, SELECTION, TOTAL } from "./money-services.ts";
import { kind, story, value, wait } from "./story.ts";

/** The host answers this card after 8 s, and then approves. */
const LATE = card("answer-late");

async function reversed(site: Awaited<ReturnType<typeof story>>): Promise<boolean[]> {
  return [...(await site.host.charges()).values()].map((one) => one.reversed);
}

describe("while the host decides", () => {
  test("a skip is refused, and the payment goes on to its end", async () => {
    const site = await story(async (met) => {
      const { purchase } = value(await met.dealer.select(SELECTION));
      const paying = met.dealer.pay(purchase, LATE);
      await wait(met.site, 1_000);
      const engine = met.site.payment?.engine;
      expect(engine?.active()).toMatchObject([{ stage: "TRANSACTION_PROCESSING" }]);
      expect(engine?.skip(purchase.id)).toBe("skipFailed");
      expect(kind(await paying)).toBe("ok");
    });
    expect(await charged(site)).toBe(TOTAL);
  });

  test("a second cancel changes nothing: the first is remembered, and what was approved is reversed", async () => {
    const site = await story(async (met) => {
      const { purchase } = value(await met.dealer.select(SELECTION));
      const paying = met.dealer.pay(purchase, LATE);
      await wait(met.site, 1_000);
      const engine = met.site.payment?.engine;
      expect(engine?.cancel(purchase.id)).toBe("wait");
      expect(engine?.cancel(purchase.id)).toBe("cancelFailed");
      expect(engine?.skip(purchase.id)).toBe("skipFailed");
      expect(kind(await paying)).toBe("payment-cancelled");
      expect(engine?.cancel(purchase.id)).toBe("cancelFailed");
    });
    expect(await charged(site)).toBe(0);
    expect(await reversed(site)).toEqual([true]);
    expect(durableOrders(site)).toMatchObject([{ state: "failed", why: "payment-cancelled" }]);
  });

  test.each([100, 3_000, 6_000])(
    "I6: the program is told to end after %i ms: the next start finds out, and nobody is charged unsold",
    async (afterMs) => {
      const site = await story(async (met) => {
        const { purchase } = value(await met.dealer.select(SELECTION));
        const paying = met.dealer.pay(purchase, LATE);
        await wait(met.site, afterMs);
        await Promise.race([met.site.payment?.close(), wait(met.site, 6_000)]);
        met.site.cut();
        await met.site.powerOn();
        await paying;
        await wait(met.site, 60_000);
      });
      const orders = durableOrders(site);
      const sold = orders.filter(({ state }) => state === "paid").length;
      expect(orders.every(({ state }) => state === "paid" || state === "failed")).toBe(true);
      expect(await charged(site)).toBe(sold * TOTAL);
      expect(site.bugs).toEqual([]);
    },
  );
});
