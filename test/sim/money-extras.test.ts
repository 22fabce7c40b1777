// Additional amounts that an application asks for while a payment runs: taken only with the payer's yes, within what he
// signed; and what of a card may be known to a flow.

import { describe, expect, test } from "vitest";
import { toHex } from "../../firmware/bytes.ts";
import { definePaymentFlowService } from "../../firmware/payment/sdk/define-service.ts";
import { TEST_CARDS } from "../../hal/sim/sim-payment-host.ts";
import {
  bound,
  card,
  charged,
  DELIVERED,
  HOLD,
  SELECTION,
  settlementOf,
  TOTAL,
  takeDelivery,
  tipService,
  VALUE,
  withServices,
} from "./money-services.ts";
import { CARD, kind, story, value, wait } from "./story.ts";

describe("I4: what comes on top of an offer", () => {
  const asking = (how: "asks" | "adds unasked" = "asks") => withServices([tipService(10, how)]);
  const approve = () => Promise.resolve(["approve"]);

  test.each(DELIVERED)(
    "is taken when the payer says yes, and kept with %s delivered",
    async (how) => {
      const said: string[] = [];
      const site = await story(async (met) => {
        const { purchase } = value(await met.dealer.select(SELECTION));
        const paid = value(
          await met.dealer.pay(purchase, CARD, {
            maximumMinor: 100,
            onQuestion: approve,
            onMessage: (type, text) => said.push(`${type} ${text}`),
          }),
        );
        expect(paid.extras).toEqual([{ name: "tip", amountMinor: 10 }]);
        expect(await charged(met.site)).toBe(100);
        expect((await takeDelivery(met, paid, how)).state).toBe("closed");
      }, asking());
      const kept = how === "nothing" ? 0 : VALUE[how] + 10;
      expect(said).toEqual(["progressMessage one moment"]);
      expect(await charged(site)).toBe(kept);
      expect(settlementOf(site)).toMatchObject({ amountMinor: kept, capturedMinor: 100 });
      const { breakdown } = settlementOf(site) ?? {};
      expect(breakdown?.extraNames).toEqual(how === "nothing" ? undefined : ["tip"]);
    },
  );

  test("of a hold is captured with what was delivered", async () => {
    const site = await story(
      async (met) => {
        const { purchase } = value(await met.dealer.select(SELECTION));
        const options = { maximumMinor: 100, onQuestion: approve };
        const paid = value(await met.dealer.pay(purchase, CARD, options));
        expect((await takeDelivery(met, paid, "half")).state).toBe("closed");
      },
      { ...asking(), services: [HOLD] },
    );
    expect(await charged(site)).toBe(55);
    expect(settlementOf(site)).toMatchObject({ amountMinor: 55, capturedMinor: 55 });
  });

  test.each([
    ["the payer says no", { maximumMinor: 100, onQuestion: () => Promise.resolve([]) }],
    ["nobody answers for him", { maximumMinor: 100 }],
    ["he signed no more than the offer", { onQuestion: approve }],
    ["it is above what he signed", { maximumMinor: 99, onQuestion: approve }],
  ])("is not taken when %s", async (_name, options) => {
    const site = await story(async (met) => {
      const { purchase } = value(await met.dealer.select(SELECTION));
      const paid = value(await met.dealer.pay(purchase, CARD, options));
      expect(paid.extras ?? []).toEqual([]);
    }, asking());
    expect(await charged(site)).toBe(TOTAL);
  });

  test("is not paid twice because another application asks for the same once more", async () => {
    const asked: string[] = [];
    const second = definePaymentFlowService({
      info: { id: "tip-too", vendor: "Bench", displayName: "Tips", canAdjustAmounts: true },
      stages: {
        PRE_TRANSACTION: async (model) => {
          const extra = { name: "tip", amountMinor: 10 };
          const said = await model.confirm({ title: "Once more?", extra });
          asked.push(said.join());
          if (said.includes("approve")) model.setAdditional("tip", 20);
        },
      },
    });
    const site = await story(
      async (met) => {
        const { purchase } = value(await met.dealer.select(SELECTION));
        const options = { maximumMinor: 120, onQuestion: approve };
        const paid = value(await met.dealer.pay(purchase, CARD, options));
        expect((await takeDelivery(met, paid, "all")).state).toBe("closed");
      },
      withServices([tipService(10, "asks"), second]),
    );
    expect(asked).toEqual([""]);
    expect(await charged(site)).toBe(TOTAL + 10);
  });

  test("is refused to a service that never asked", async () => {
    const site = await story(async (met) => {
      const { purchase } = value(await met.dealer.select(SELECTION));
      value(await met.dealer.pay(purchase, CARD, { maximumMinor: 100 }));
      const codes = (await met.site.payment?.engine.audit(purchase.id))?.map(({ code }) => code);
      expect(codes).toContain(61);
    }, asking("adds unasked"));
    expect(await charged(site)).toBe(TOTAL);
  });

  test("is confirmed by the order's own payer alone", async () => {
    const site = await story(async (met) => {
      const { purchase } = value(await met.dealer.select(SELECTION));
      const paying = met.dealer.pay(purchase, CARD, { maximumMinor: 100 });
      const thief = await met.site.consumer("thief");
      const confirm = { is: "confirm" as const, order: purchase.id, confirmation: "x", values: [] };
      const answer = await thief.connection.request(met.dealer.peer, confirm);
      expect(kind(answer)).toBe("order-unknown");
      value(await paying);
      const late = await met.consumer.connection.request(met.dealer.peer, confirm);
      expect(kind(late)).toBe("confirmation-unknown");
    }, asking());
    expect(await charged(site)).toBe(TOTAL);
  });
});

test("I12: neither card nor sealed credential gets into flows, books, tenders or the log", async () => {
  const boxes: string[] = [];
  const cards = ["partial", "approve"] as const;
  const site = await story(
    async (met) => {
      const { purchase } = value(await met.dealer.select(SELECTION));
      const options = { further: [card(cards[1])], maximumMinor: 100 };
      const onQuestion = () => Promise.resolve(["approve"]);
      value(await met.dealer.pay(purchase, card(cards[0]), { ...options, onQuestion }));
      await wait(met.site, 5_000);
    },
    {
      ...withServices([tipService(10, "asks")]),
      wrapHost: (host) => ({
        ...bound(host),
        query: host.query.bind(host),
        authorise: (attempt, credential, ...rest) => {
          if (credential.kind === "sealed") boxes.push(toHex(credential.box));
          return host.authorise(attempt, credential, ...rest);
        },
      }),
    },
  );
  const kinds = ["order", "receipt", "tender", "flow", "flow-response", "flow-audit", "device"];
  const records = kinds.flatMap((one) => site.store.durable(one).map(({ body }) => body));
  const [flow = ""] = site.store.durable("flow-response").map(({ body }) => body);
  expect(flow).toContain("411111");
  expect(boxes).toHaveLength(2);
  const all = [...records, ...site.log].join("\n");
  for (const secret of [...boxes, ...cards.map((name) => TEST_CARDS[name])]) {
    expect(all).not.toContain(secret);
  }
});

test("F129: an application sees which card it is before it is charged, and the same card as the same token", async () => {
  const seen: string[] = [];
  const service = definePaymentFlowService({
    info: { id: "points", vendor: "Bench", displayName: "Points" },
    stages: {
      POST_CARD_READING: (model) => {
        const { token, maskedPan } = model.request.card;
        seen.push(`${token?.source} ${token?.value} ${maskedPan}`);
      },
    },
  });
  const site = await story(
    async ({ dealer }) => {
      for (const one of ["approve", "approve", "insufficient"] as const) {
        const { purchase } = value(await dealer.select(SELECTION));
        await dealer.pay(purchase, card(one));
      }
    },
    withServices([service]),
  );
  expect(await charged(site)).toBe(2 * TOTAL);
  expect(seen[0]).toMatch(/^card [0-9a-f]+ 411111\W+1111$/);
  expect(seen[1]).toBe(seen[0]);
  expect(seen[2]).not.toBe(seen[0]);
});
