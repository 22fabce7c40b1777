// The three ways to pay, and payments of several parts, each with all, a part, or nothing delivered: whoever holds
// money of the payer's in the end holds exactly what was delivered, and what he accepted on top.

import { describe, expect, test } from "vitest";
import { durableOrders } from "../../bench/invariants.ts";
import { DEFAULT_SETTINGS } from "../../firmware/payment/config/settings.ts";
import {
  bound,
  card,
  charged,
  DELIVERED,
  HOLD,
  netOf,
  newAccount,
  payingService,
  SELECTION,
  settlementOf,
  storedValue,
  TOTAL,
  takeDelivery,
  VALUE,
  withServices,
} from "./money-services.ts";
import { CARD, kind, story, value, wait } from "./story.ts";

describe.each(DELIVERED)("I1: %s of a sale is delivered", (how) => {
  test("prepaid: all was captured, the rest is refunded", async () => {
    const site = await story(async (met) => {
      const { purchase } = value(await met.dealer.select(SELECTION));
      const paid = value(await met.dealer.pay(purchase, CARD));
      expect(await charged(met.site)).toBe(TOTAL);
      expect((await takeDelivery(met, paid, how)).state).toBe("closed");
    });
    expect(await charged(site)).toBe(VALUE[how]);
    expect(settlementOf(site)).toMatchObject({
      amountMinor: VALUE[how],
      capturedMinor: TOTAL,
      refundedMinor: TOTAL - VALUE[how],
    });
  });

  test("held: nothing is captured before delivery, and then what was delivered", async () => {
    const site = await story(
      async (met) => {
        const { purchase } = value(await met.dealer.select(SELECTION));
        const paid = value(await met.dealer.pay(purchase, CARD));
        expect(await charged(met.site)).toBe(0);
        expect([...(await met.site.host.charges()).values()]).toMatchObject([
          { authorisedMinor: TOTAL, reversed: false },
        ]);
        expect((await takeDelivery(met, paid, how)).state).toBe("closed");
      },
      { services: [HOLD] },
    );
    expect(await charged(site)).toBe(VALUE[how]);
    expect([...(await site.host.charges()).values()]).toMatchObject([
      { refundedMinor: 0, reversed: how === "nothing" },
    ]);
    expect(settlementOf(site)).toMatchObject({
      amountMinor: VALUE[how],
      capturedMinor: VALUE[how],
      refundedMinor: 0,
    });
  });

  test("stored value: the account pays without a card, and gets the rest back", async () => {
    const account = newAccount();
    const site = await story(async (met) => {
      const { purchase } = value(await met.dealer.select(SELECTION));
      const paid = value(await met.dealer.pay(purchase, undefined));
      expect(netOf(account)).toBe(TOTAL);
      expect((await takeDelivery(met, paid, how)).state).toBe("closed");
    }, storedValue(account));
    expect(netOf(account)).toBe(VALUE[how]);
    expect((await site.host.charges()).size).toBe(0);
    expect(settlementOf(site)).toMatchObject({ refundedMinor: TOTAL - VALUE[how], owedMinor: 0 });
  });

  test("points and a card share the refund in proportion", async () => {
    const account = newAccount();
    const site = await story(
      async (met) => {
        const { purchase } = value(await met.dealer.select(SELECTION));
        const paid = value(await met.dealer.pay(purchase, CARD));
        expect([netOf(account), await charged(met.site)]).toEqual([30, 60]);
        expect((await takeDelivery(met, paid, how)).state).toBe("closed");
      },
      withServices([payingService("points", "points", 30, account)]),
    );
    expect([netOf(account), await charged(site)]).toEqual(
      how === "all" ? [30, 60] : how === "half" ? [15, 30] : [0, 0],
    );
  });

  test("points and a hold: the card's share is captured, the points' rest goes back", async () => {
    const account = newAccount();
    const site = await story(
      async (met) => {
        const { purchase } = value(await met.dealer.select(SELECTION));
        const paid = value(await met.dealer.pay(purchase, CARD));
        expect((await takeDelivery(met, paid, how)).state).toBe("closed");
      },
      { ...withServices([payingService("points", "points", 30, account)]), services: [HOLD] },
    );
    expect([netOf(account), await charged(site)]).toEqual(
      how === "all" ? [30, 60] : how === "half" ? [15, 30] : [0, 0],
    );
  });

  test("two cards, of which the first covers half", async () => {
    const site = await story(async (met) => {
      const { purchase } = value(await met.dealer.select(SELECTION));
      const options = { further: [card("approve")] };
      const paid = value(await met.dealer.pay(purchase, card("partial"), options));
      const charges = [...(await met.site.host.charges()).values()];
      expect(charges.map(({ capturedMinor }) => capturedMinor)).toEqual([45, 45]);
      expect((await takeDelivery(met, paid, how)).state).toBe("closed");
    });
    expect(await charged(site)).toBe(VALUE[how]);
  });
});

describe("I2: a payment that is not the whole is none at all", () => {
  test("a card that covers half, and no other: it is given back", async () => {
    const site = await story(async ({ dealer, site }) => {
      const { purchase } = value(await dealer.select(SELECTION));
      expect(kind(await dealer.pay(purchase, card("partial")))).toBe("declined");
      await wait(site, 5_000);
    });
    expect(await charged(site)).toBe(0);
    const audits = site.store.durable("flow-audit").map(({ body }) => body);
    expect(audits.join().match(/"undone"[^}]*/g)).toEqual([
      expect.stringContaining("0.45 EUR given back"),
    ]);
  });

  test("points, and a card that is declined: the points come back", async () => {
    const account = newAccount();
    const site = await story(
      async ({ dealer, site }) => {
        const { purchase } = value(await dealer.select(SELECTION));
        expect(kind(await dealer.pay(purchase, card("decline")))).toBe("declined");
        expect(netOf(account)).toBe(0);
        await wait(site, 1_000);
        expect(site.store.durable("tender")).toEqual([]);
      },
      withServices([payingService("points", "points", 30, account)]),
    );
    expect(await charged(site)).toBe(0);
  });

  test("a card that is declined, and another that is not", async () => {
    const site = await story(async ({ dealer }) => {
      const { purchase } = value(await dealer.select(SELECTION));
      const options = { further: [card("approve")] };
      value(await dealer.pay(purchase, card("decline"), options));
    });
    expect(await charged(site)).toBe(TOTAL);
  });

  test("a service without a card or an account that pays is refused", async () => {
    await story(async ({ dealer }) => {
      const { purchase } = value(await dealer.select(SELECTION));
      expect(kind(await dealer.pay(purchase, undefined))).toBe("credential-invalid");
    });
  });

  test("a method that nobody takes is rejected before any money moves", async () => {
    const site = await story(async ({ dealer }) => {
      const { purchase } = value(await dealer.select(SELECTION));
      expect(kind(await dealer.pay(purchase, CARD, { method: "cheque" }))).toBe("payment-rejected");
    });
    expect((await site.host.charges()).size).toBe(0);
  });
});

describe("a host that decides late", () => {
  test("I6: an approval after the time-out is recorded, and given back", async () => {
    const settings = { ...DEFAULT_SETTINGS, paymentResponseTimeoutSeconds: 3 };
    let order = "";
    const site = await story(
      async (met) => {
        const { purchase } = value(await met.dealer.select(SELECTION));
        order = purchase.id;
        expect(kind(await met.dealer.pay(purchase, card("answer-late")))).toBe("payment-timeout");
        await wait(met.site, 20_000);
        const codes = (await met.site.payment?.engine.audit(order))?.map(({ code }) => code);
        expect(codes).toContain(102);
      },
      { payment: () => ({ settings }) },
    );
    expect(await charged(site)).toBe(0);
    expect([...(await site.host.charges()).values()]).toMatchObject([{ reversed: true }]);
  });

  test("I6: a cancel while it decides is remembered, and ends in a reversal", async () => {
    const site = await story(async (met) => {
      const { purchase } = value(await met.dealer.select(SELECTION));
      const paying = met.dealer.pay(purchase, card("answer-late"));
      await wait(met.site, 1_000);
      expect(met.site.payment?.engine.cancel(purchase.id)).toBe("wait");
      expect(kind(await paying)).toBe("payment-cancelled");
    });
    expect([...(await site.host.charges()).values()]).toMatchObject([{ reversed: true }]);
    expect(durableOrders(site)[0]).toMatchObject({ state: "failed", why: "payment-cancelled" });
  });

  test("I6: a host that never answers is given up after a minute, and what it did is undone", async () => {
    const site = await story(
      async ({ dealer }) => {
        const { purchase } = value(await dealer.select(SELECTION));
        expect(kind(await dealer.pay(purchase, CARD))).toBe("payment-lost");
      },
      {
        wrapHost: (host) => ({
          ...bound(host),
          authorise: (...args) =>
            host.authorise(...args).then(() => ({ kind: "no-answer" as const })),
          query: () => Promise.resolve({ kind: "no-answer" }),
        }),
      },
    );
    expect([...(await site.host.charges()).values()]).toMatchObject([{ reversed: true }]);
  });
});

test("a plain card sale is one authorisation, one capture and two commits until it is paid", async () => {
  const calls: string[] = [];
  await story(
    async (met) => {
      const { purchase } = value(await met.dealer.select(SELECTION));
      await wait(met.site, 5_000);
      const before = met.site.store.commits();
      value(await met.dealer.pay(purchase, CARD));
      expect(met.site.store.commits() - before).toBe(2);
      expect(calls).toEqual([
        `authorise ${purchase.id}/1/authorise`,
        `capture ${purchase.id}/1/capture`,
      ]);
    },
    {
      wrapHost: (host) => ({
        ...bound(host),
        query: host.query.bind(host),
        authorise: (attempt, ...rest) => {
          calls.push(`authorise ${attempt}`);
          return host.authorise(attempt, ...rest);
        },
        capture: (attempt, ...rest) => {
          calls.push(`capture ${attempt}`);
          return host.capture(attempt, ...rest);
        },
      }),
    },
  );
});
