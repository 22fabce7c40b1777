// Services that were paid and will not give it back, or that answer with what no receipt can hold: whatever they do,
// what the payer is owed stands in the books, and no order hangs.

import { expect, test } from "vitest";
import { durableOrders } from "../../bench/invariants.ts";
import { definePaymentFlowService } from "../../firmware/payment/sdk/define-service.ts";
import {
  charged,
  HOLD,
  newAccount,
  SELECTION,
  settlementOf,
  storedValue,
  TOTAL,
  takeDelivery,
  withServices,
} from "./money-services.ts";
import { CARD, kind, story, value, wait } from "./story.ts";

/** Pays a part from points, and keeps it. */
function keeping(partMinor: number, references: Record<string, string> = {}) {
  return definePaymentFlowService({
    info: {
      id: "account",
      vendor: "Bench",
      displayName: "Account",
      canPayAmounts: true,
      paymentMethods: ["points"],
      flowTypes: ["sale", "preAuthorisation", "reversal"],
    },
    stages: {
      PRE_TRANSACTION: (model) => {
        const minor = Math.min(partMinor, model.request.amounts.base);
        model.pay(minor, "points", references);
      },
      GENERIC: (model) => model.fail("what is spent is spent"),
    },
  });
}

test("I6: what a service refuses to give back of a sale that was held is owed, on the signed receipt", async () => {
  const site = await story(
    async (met) => {
      const { purchase } = value(await met.dealer.select(SELECTION));
      const paid = value(await met.dealer.pay(purchase, CARD));
      expect((await takeDelivery(met, paid, "half")).state).toBe("closed");
    },
    { ...withServices([keeping(30)]), services: [HOLD] },
  );
  expect(await charged(site)).toBe(30);
  expect(settlementOf(site)).toMatchObject({
    amountMinor: 45,
    capturedMinor: 60,
    refundedMinor: 0,
    owedMinor: 15,
  });
});

test("I6: a payment that came to nothing ends, also when a service refuses to give back its part", async () => {
  const site = await story(
    async (met) => {
      const { purchase } = value(await met.dealer.select(SELECTION));
      expect(kind(await met.dealer.pay(purchase, undefined))).not.toBe("ok");
      await wait(met.site, 600_000);
    },
    withServices([keeping(30)]),
  );
  expect(durableOrders(site)).toMatchObject([{ state: "failed" }]);
  expect(site.store.durable("tender").map(({ body }) => JSON.parse(body))).toMatchObject([
    { service: "account", state: "owed" },
  ]);
  expect(site.log.join()).toContain("undo-failed");
});

test("a service that paid all and calls it by a name that no receipt can hold breaks no order", async () => {
  const names = { hostReference: "é".repeat(90) };
  const options = storedValue(newAccount());
  const { flows } = options.payment?.() ?? {};
  const site = await story(
    async (met) => {
      const { purchase } = value(await met.dealer.select(SELECTION));
      const paid = value(await met.dealer.pay(purchase, undefined));
      expect((await takeDelivery(met, paid, "all")).state).toBe("closed");
    },
    {
      ...options,
      payment: () => ({ services: [keeping(TOTAL, names)], ...(flows && { flows }) }),
    },
  );
  const [order] = durableOrders(site);
  expect(order).toMatchObject({ state: "closed", reference: `${order?.id}/1` });
});
