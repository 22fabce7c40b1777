// Brokers that drop everything, or take half a minute: typed time-outs on the consumer's side, a device that goes
// on delivering what was paid for, and nothing that piles up meanwhile. What a link makes of a broker that accepts
// and never answers is in test/hal/linux/mqtt.test.ts.

import { describe, expect, test } from "vitest";
import { SOCKET_1, violations } from "../../bench/invariants.ts";
import { CARD, kind, type Met, paid, story, value, wait } from "./story.ts";

/** A request is given up after so long. */
const TIMEOUT_MS = 20_000;

async function askedFor({ site, dealer }: Met): Promise<[string, number]> {
  const sinceMs = site.world.nowMs();
  const result = await dealer.requestServices();
  return [kind(result), site.world.nowMs() - sinceMs];
}

describe("a broker that drops everything", () => {
  test("is a typed time-out in bounded time, and leaves no timers", async () => {
    await story(async (met) => {
      const { site } = met;
      await wait(site, 5_000);
      const before = site.world.eventsWaiting();
      site.broker.setTamper(() => []);
      for (let i = 0; i < 20; i++) {
        const [fault, tookMs] = await askedFor(met);
        expect(fault).toBe("timed-out");
        expect(tookMs).toBeLessThanOrEqual(TIMEOUT_MS + 1);
      }
      const many = await Promise.all(Array.from({ length: 500 }, () => askedFor(met)));
      expect(new Set(many.map(([fault]) => fault))).toEqual(new Set(["timed-out"]));
      await wait(site, 1_000);
      expect(site.world.eventsWaiting()).toBeLessThan(before + 20);
      site.broker.setTamper(undefined);
      expect((await askedFor(met))[0]).toBe("ok");
    });
  }, 60_000);

  test("I6: in mid-delivery: what was paid for is delivered, and its receipts come when it is better", async () => {
    const site = await story(async (met) => {
      const { site: here, dealer } = met;
      const purchase = await paid(met, 1);
      const ended = dealer.begin(purchase, undefined, () => undefined);
      await wait(here, 5_000);
      here.broker.setTamper(() => []);
      await wait(here, 600_000);
      expect(here.board.metal.outlet("socket-1").meters["energy"]?.physical).toBeGreaterThan(999);
      const before = here.world.eventsWaiting();
      await wait(here, 600_000);
      expect(here.world.eventsWaiting()).toBeLessThan(before + 20);
      here.broker.setTamper(undefined);
      expect(value(await ended).purchase.state).toBe("closed");
    });
    expect(await violations(site, SOCKET_1)).toEqual([]);
  });

  test("I2: while a payment is asked for: told that it timed out, and charged once when asked again", async () => {
    const site = await story(async (met) => {
      const { site: here, dealer } = met;
      const { purchase } = value(await dealer.select({ service: 1, price: 1, units: 1 }));
      // Requests come through, answers do not.
      here.broker.setTamper((message) => (message.topic.startsWith("s1/r/") ? [] : [message]));
      expect(kind(await dealer.pay(purchase, CARD))).toBe("timed-out");
      here.broker.setTamper(undefined);
      const token = value(await dealer.pay(purchase, CARD));
      value(await dealer.begin(token, undefined, () => undefined));
    });
    expect([...(await site.host.charges()).values()]).toMatchObject([{ capturedMinor: 45 }]);
    expect(await violations(site, SOCKET_1)).toEqual([]);
  });
});

describe("a broker that takes 30 s for everything", () => {
  test("I2 I3: is a time-out for each step; what had come through all the same counts once", async () => {
    const site = await story(async (met) => {
      const { site: here, dealer } = met;
      const { purchase } = value(await dealer.select({ service: 1, price: 1, units: 1 }));
      here.broker.setNetwork({ delayMs: [30_000, 30_000] });
      expect((await askedFor(met))[0]).toBe("timed-out");
      expect(kind(await dealer.pay(purchase, CARD))).toBe("timed-out");
      const before = here.world.eventsWaiting();
      await wait(here, 60_000);
      expect(here.world.eventsWaiting()).toBeLessThanOrEqual(before + 20);
      here.broker.setNetwork({ delayMs: [1, 3] });
      const again = await dealer.pay(purchase, CARD);
      expect(kind(again)).toMatch(/^(ok|offer-expired|offer-unknown)$/);
      if (again.ok) value(await dealer.begin(again.value, undefined, () => undefined));
    });
    expect((await site.host.charges()).size).toBeLessThanOrEqual(1);
    expect(await violations(site, SOCKET_1)).toEqual([]);
  });
});
