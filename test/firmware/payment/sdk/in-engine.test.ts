// Services made with the SDK in flows of the real engine: what they set is what the payer pays.

import { expect, test } from "vitest";
import type { Started } from "../../../../firmware/payment/engine/engine.ts";
import type { FlowEvent } from "../../../../firmware/payment/model/flow-event.ts";
import type { PaymentResponse } from "../../../../firmware/payment/model/payment.ts";
import {
  definePaymentFlowService,
  type StageHandlers,
} from "../../../../firmware/payment/sdk/define-service.ts";
import { FIRST, gbp, openSite, saleFlow } from "../engine/engine-site.ts";
import { basket, item } from "../rules/rule-inputs.ts";
import { ABLE } from "./played-engine.ts";

const LIMITS = { offerMinor: 1000, maximumMinor: 1100 };

function service(id: string, stages: StageHandlers) {
  const giveBack: StageHandlers = { GENERIC: (model) => model.succeed() };
  return definePaymentFlowService({ info: { ...ABLE, id }, stages: { ...giveBack, ...stages } });
}

const bank = (charged: unknown[] = []) =>
  service("bank", {
    TRANSACTION_PROCESSING: (model) => {
      charged.push(model.request.amounts);
      model.approveFully({ method: "card", references: { authCode: "A1" } });
    },
  });

test("F77: a discount is paid by its service, the rest by the bank", async () => {
  const charged: unknown[] = [];
  const member = service("member", {
    PRE_TRANSACTION: (model) =>
      model.discount("b", [{ label: "member", amountMinor: -100 }], "reward"),
  });
  const flows = [saleFlow({ PRE_TRANSACTION: ["member"], TRANSACTION_PROCESSING: ["bank"] })];
  const site = await openSite({ services: [bank(charged), member], flows });
  const response = await site.pay({ basket: basket("b", item(1000)) }, { limits: LIMITS });
  expect(response.outcome).toBe("fulfilled");
  expect(charged).toEqual([gbp(900)]);
  expect(response.transactions[0]?.responses).toMatchObject([
    { service: "member", amounts: gbp(100), paymentMethod: "reward" },
    { service: "bank", amounts: gbp(900), references: { authCode: { value: "A1" } } },
  ]);
});

test.each([
  ["approve", { charityDonation: 30 }],
  ["reject", {}],
])("I4: an extra is charged by what the payer says: %s", async (says, additional) => {
  const charged: { additional: object }[] = [];
  const heard: unknown[] = [];
  const charity = service("charity", {
    PRE_TRANSACTION: async (model) => {
      const extra = { name: "charityDonation", amountMinor: 30 };
      const [answer] = await model.confirm({ title: "Round up?", extra });
      heard.push(answer);
      if (answer === "approve") model.setAdditional(extra.name, extra.amountMinor);
    },
  });
  const flows = [saleFlow({ PRE_TRANSACTION: ["charity"], TRANSACTION_PROCESSING: ["bank"] })];
  const site = await openSite({ services: [bank(charged as unknown[]), charity], flows });
  const payer = (event: FlowEvent): void => {
    const asked = event.data["confirmationRequest"];
    if (asked?.is !== "confirmation-request") return;
    const value = { request: asked.value.id, values: [says] };
    const payload = { is: "confirmation-response", value } as const;
    const answer = { type: "confirmationResponse", data: { confirmationResponse: payload } };
    expect(site.engine.tell(FIRST.id, answer)).toBe(true);
  };
  const started: Started<PaymentResponse> = site.engine.pay(FIRST, {
    id: "sale",
    limits: LIMITS,
    event: payer,
  });
  expect((await site.ended(started)).outcome).toBe("fulfilled");
  expect(heard).toEqual([says]);
  expect(charged.map((amounts) => amounts.additional)).toEqual([additional]);
});

test("I14: an extra that nobody confirmed is rejected, its service hears why, and the sale goes on", async () => {
  const heard: unknown[] = [];
  const greedy = service("greedy", {
    PRE_TRANSACTION: (model) => {
      model.onRejected((rejected) => heard.push(rejected.code));
      model.onAccepted(() => heard.push("accepted"));
      model.setAdditional("tip", 50);
    },
  });
  const charged: unknown[] = [];
  const flows = [saleFlow({ PRE_TRANSACTION: ["greedy"], TRANSACTION_PROCESSING: ["bank"] })];
  const site = await openSite({ services: [bank(charged), greedy], flows });
  const response = await site.pay({}, { limits: LIMITS });
  expect(response.outcome).toBe("fulfilled");
  expect(charged).toEqual([gbp(1000)]);
  expect(heard).toEqual([61]);
});

test("F82: a part that one bank approves leaves the rest to the next", async () => {
  const poor = service("poor", {
    TRANSACTION_PROCESSING: (model) => model.approvePart(400, { method: "card" }),
  });
  const listed = { FULFILLED_CHECK: [], TRANSACTION_PROCESSING: ["poor", "bank"] };
  const site = await openSite({ services: [poor, bank()], flows: [saleFlow(listed)] });
  const response = await site.pay({}, { limits: LIMITS });
  expect(response.outcome).toBe("fulfilled");
  expect(response.processed).toEqual(gbp(1000));
});

test("F123: a service that throws fails alone, and hears how the flow ended", async () => {
  const endings: unknown[] = [];
  const broken = definePaymentFlowService({
    info: { ...ABLE, id: "broken" },
    stages: {
      PRE_TRANSACTION: () => {
        throw new Error("broken");
      },
    },
    ended: ({ id }) => endings.push(id),
  });
  const flows = [saleFlow({ PRE_TRANSACTION: ["broken"], TRANSACTION_PROCESSING: ["bank"] })];
  const site = await openSite({ services: [bank(), broken], flows });
  expect((await site.pay()).outcome).toBe("fulfilled");
  expect((await site.audit()).some((line) => line.includes("it failed: broken"))).toBe(true);
  expect(endings).toEqual([FIRST.id]);
});
