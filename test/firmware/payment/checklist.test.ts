// Rows of docs/appflow.md that no other test shows: the flow types, each as a device without configuration runs it,
// and a few properties of requests, configurations and logs.

import { describe, expect, test } from "vitest";
import { defaultFlows } from "../../../firmware/payment/config/default-flows.ts";
import { readFlows } from "../../../firmware/payment/config/flow-config-check.ts";
import { DEFAULT_SETTINGS } from "../../../firmware/payment/config/settings.ts";
import type { CalledStage } from "../../../firmware/payment/engine/service.ts";
import type { Data } from "../../../firmware/payment/model/data.ts";
import type { Payment } from "../../../firmware/payment/model/payment.ts";
import type { TransactionRequest } from "../../../firmware/payment/model/transaction.ts";
import {
  ASKED,
  answered,
  approval,
  approving,
  FIRST,
  gbp,
  genericFlow,
  type Handlers,
  openSite,
  saleFlow,
  scripted,
  texts,
} from "./engine/engine-site.ts";
import { infoOf } from "./registry/stub-service.ts";

const BESIDE: readonly CalledStage[] = [
  "PRE_FLOW",
  "SPLIT",
  "PRE_TRANSACTION",
  "POST_CARD_READING",
  "POST_TRANSACTION",
  "POST_FLOW",
];
const WHOLE: readonly CalledStage[] = [
  "PRE_FLOW",
  "SPLIT",
  "PRE_TRANSACTION",
  "PAYMENT_CARD_READING",
  "POST_CARD_READING",
  "TRANSACTION_PROCESSING",
  "POST_TRANSACTION",
  "POST_FLOW",
];
const SHORT: readonly CalledStage[] = ["PRE_FLOW", "TRANSACTION_PROCESSING", "POST_FLOW"];

/** The stages that a payment of this type goes through, with a service for each beside the payment application. */
async function stagesOf(flowType: string): Promise<CalledStage[]> {
  const seen: CalledStage[] = [];
  const skipping = BESIDE.map((stage) => [stage, () => void seen.push(stage)]);
  const aid = scripted("aid", Object.fromEntries(skipping) as Handlers);
  const bank = approving("bank", {
    PAYMENT_CARD_READING: (request) => {
      seen.push("PAYMENT_CARD_READING");
      return approval(request, undefined);
    },
    TRANSACTION_PROCESSING: (request) => {
      seen.push("TRANSACTION_PROCESSING");
      return approval(request, request.amounts);
    },
  });
  const info = infoOf("aid", { stages: [...BESIDE], flowTypes: [flowType] });
  const flows = defaultFlows("bank", [info]);
  const settings = { alwaysCallPreFlow: true };
  const site = await openSite({ services: [aid, bank], flows, settings });
  const response = await site.pay({ flowType, splitEnabled: true });
  expect(response).toMatchObject({ outcome: "fulfilled", processed: gbp(1000) });
  return seen;
}

describe("payment types", () => {
  test.each(["refund", "motoRefund", "deposit"])(
    "F17, F18, F21: %s goes the short way",
    async (type) => {
      expect(await stagesOf(type)).toEqual(SHORT);
    },
  );

  test.each(["sale", "motoSale", "preAuthorisation", "preAuthCompletion"])(
    "F16, F18, F19, F20: %s goes through all stages",
    async (type) => {
      expect(await stagesOf(type)).toEqual(WHOLE);
    },
  );

  test("F20: a completion brings all references of what was held, and another amount", async () => {
    const held = { authCode: "123456", hold: "H-7" };
    const asked: TransactionRequest[] = [];
    const bank = approving("bank", {
      TRANSACTION_PROCESSING: (request) => {
        asked.push(request);
        return approval(request, request.amounts, held);
      },
    });
    const site = await openSite({ services: [bank], flows: defaultFlows("bank") });
    const first = await site.pay({ flowType: "preAuthorisation" });
    const references = first.transactions[0]?.responses[0]?.references ?? {};
    expect(references).toMatchObject(texts(held));
    const completion: Partial<Payment> = {
      id: "00000000000000bb",
      flowType: "preAuthCompletion",
      amounts: gbp(640),
      data: references,
    };
    expect((await site.pay(completion)).processed).toEqual(gbp(640));
    expect(asked.map(({ flowType }) => flowType)).toEqual([
      "preAuthorisation",
      "preAuthCompletion",
    ]);
    expect(asked[1]).toMatchObject({ data: references, amounts: gbp(640) });
  });

  test("F132: which of several merchants is meant goes to the service, and comes back on the receipt", async () => {
    const bank = approving("bank", {
      TRANSACTION_PROCESSING: (request) => {
        const { merchantId } = request.data;
        const chosen = merchantId?.is === "text" ? merchantId.value : "none";
        return approval(request, request.amounts, { merchantId: chosen });
      },
    });
    const site = await openSite({ services: [bank], flows: defaultFlows("bank") });
    const { transactions } = await site.pay({ data: texts({ merchantId: "M2" }) });
    expect(transactions[0]?.responses[0]?.references).toMatchObject(texts({ merchantId: "M2" }));
  });

  test("F53: the payer's basket is the primary one and first, those of services are secondary", async () => {
    const basket = (id: string, amountMinor: number) => ({
      id,
      name: id,
      data: {},
      primary: false,
      rounding: "nearest" as const,
      items: [
        { id: "i", label: "i", amountMinor, baseMillionths: amountMinor * 1_000_000, quantity: 1 },
      ],
    });
    const shop = scripted("shop", {
      PRE_TRANSACTION: () => ({ additionalBasket: { ...basket("more", 200), primary: true } }),
    });
    const bank = approving("bank");
    const flows = [saleFlow({ PRE_TRANSACTION: ["shop"], TRANSACTION_PROCESSING: ["bank"] })];
    const site = await openSite({ services: [shop, bank], flows });
    await site.pay({ basket: basket("own", 1000) });
    const baskets = bank.inputs("TRANSACTION_PROCESSING")[0]?.baskets;
    expect(baskets?.map(({ id, primary }) => [id, primary])).toEqual([
      ["own", true],
      ["more", false],
    ]);
  });
});

describe("request types", () => {
  /** One service that answers all requests, and what reached it. */
  async function answering(types: readonly string[], data: Data = {}) {
    const seen: Data[] = [];
    const bank = approving("bank", {
      GENERIC: (request) => {
        seen.push(request.data);
        return answered(request, { data });
      },
    });
    const flows = types.map((type) => genericFlow(type, { GENERIC: ["bank"] }));
    return { site: await openSite({ services: [bank], flows }), seen };
  }

  test("F22: a reversal carries all references of what it voids, and none without them is put", async () => {
    const { site, seen } = await answering(["reversal"]);
    const data = texts({ transactionId: "t/1", authCode: "123456", hold: "H-7" });
    expect(await site.ask({ type: "reversal", data })).toMatchObject({
      success: true,
      service: "bank",
    });
    expect(seen).toEqual([data]);
    const empty = site.engine.ask({ ...ASKED, id: "r2", type: "reversal" }, { id: "sale" });
    expect(empty).toMatchObject({ ok: false, error: "invalidRequest" });
  });

  test("F23: a token is asked for with an amount or without, and is its maker's", async () => {
    const token = { is: "token", value: { value: "t-1", source: "card" } } as const;
    const { site, seen } = await answering(["tokenisation"], { token });
    const amount = { is: "amount", value: { value: 500, currency: "GBP" } } as const;
    const first = await site.ask({ type: "tokenisation", data: { amount } });
    const made = { value: "t-1", source: "card", sourceService: "bank" };
    expect(first.data).toEqual({ token: { is: "token", value: made } });
    expect((await site.ask({ id: "r2", type: "tokenisation" })).success).toBe(true);
    expect(seen).toEqual([{ amount }, {}]);
  });

  test.each(["batchClosure", "deviceSettings"])("F24, F28: %s needs no data", async (type) => {
    const { site } = await answering([type], texts({ batchNumber: "7" }));
    expect(await site.ask({ type })).toMatchObject({
      success: true,
      data: texts({ batchNumber: "7" }),
    });
  });

  test("F25: a receipt is asked for by its transaction, or by what it is to say", async () => {
    const { site, seen } = await answering(
      ["receiptDelivery"],
      texts({ deliveryMechanism: "printing" }),
    );
    const transaction = (await payOnce()).transactions[0];
    if (transaction === undefined) throw new Error("the payment has no transaction");
    const again: Data = {
      transaction: { is: "transaction", value: transaction },
      ...texts({ deliveryMechanism: "printing" }),
    };
    const anew: Data = {
      receiptAmounts: { is: "amounts", value: gbp(500) },
      ...texts({ receiptPaymentMethod: "cash", receiptOutcome: "APPROVED" }),
    };
    expect(await site.ask({ type: "receiptDelivery", data: again })).toMatchObject({
      success: true,
      data: texts({ deliveryMechanism: "printing" }),
    });
    expect((await site.ask({ id: "r2", type: "receiptDelivery", data: anew })).success).toBe(true);
    expect(seen).toEqual([again, anew]);
    const { receiptOutcome: _, ...half } = anew;
    const asked = { ...ASKED, id: "r3", type: "receiptDelivery", data: half };
    expect(site.engine.ask(asked, { id: "sale" })).toMatchObject({ error: "invalidRequest" });
  });
});

async function payOnce() {
  const flows = [saleFlow({ TRANSACTION_PROCESSING: ["bank"] })];
  return (await openSite({ services: [approving("bank")], flows })).pay();
}

describe("status types", () => {
  const item = { id: "i", label: "i", amountMinor: 5, baseMillionths: 5_000_000, quantity: 1 };
  const basket = {
    id: "b",
    name: "b",
    items: [item],
    data: {},
    primary: true,
    rounding: "nearest" as const,
  };
  const items = { is: "basket-items", value: [item] } as const;
  const customer = { is: "customer", value: { id: "c", tokens: [], details: {} } } as const;

  test.each<[string, Data]>([
    ["basketStatusUpdate", { basketUpdated: { is: "basket", value: basket } }],
    ["basketStatusUpdate", { basketItemsAdded: items }],
    ["basketStatusUpdate", { basketItemsRemoved: items }],
    ["basketStatusUpdate", { basketItemUpdated: { is: "basket-item", value: item } }],
    ["customerStatusUpdate", { customerUpdate: customer }],
  ])("F26, F27: %s reaches all, in the background: %j", async (type, data) => {
    const told: unknown[] = [];
    const listening = (id: string) =>
      scripted(id, {
        STATUS_UPDATE: (request) => {
          told.push([id, request.background, request.data]);
          return answered(request, { data: texts({ [id]: "seen" }) });
        },
      });
    const services = [listening("display"), listening("till")];
    const flows = [genericFlow(type, { STATUS_UPDATE: ["display", "till"] })];
    const site = await openSite({ services, flows });
    const response = await site.ask({ type, data });
    expect(response).toMatchObject({
      success: true,
      data: texts({ display: "seen", till: "seen" }),
    });
    expect(told).toEqual([
      ["display", true, data],
      ["till", true, data],
    ]);
    const started = site.engine.ask({ ...ASKED, id: "r2", type }, { id: "sale" });
    expect(started).toMatchObject({ ok: false, error: "invalidRequest" });
  });
});

describe("configurations and logs", () => {
  test("F117: a flow says its version, and is for one version of the services' interface", () => {
    const stages = [{ name: "TRANSACTION_PROCESSING", apps: ["bank"] }];
    const flow = { name: "sale", type: "sale", version: 7, apiMajor: 1, stages };
    const read = readFlows([flow], "flows", DEFAULT_SETTINGS);
    expect(read).toMatchObject({ ok: true, flows: [{ version: 7, apiMajor: 1 }] });
    const other = readFlows([{ ...flow, apiMajor: 2 }], "flows", DEFAULT_SETTINGS);
    expect(other).toMatchObject({ ok: false, errors: [{ at: "flows.0.apiMajor" }] });
  });

  test("F105: the log of a request says who was not called and why, and outlives the device", async () => {
    const euros = scripted(
      "euros",
      { PRE_TRANSACTION: () => undefined },
      { info: { currencies: ["EUR"] } },
    );
    const noisy = scripted("noisy", {
      PRE_TRANSACTION: (_, { listener }) => {
        listener.audit("warning", "low on paper");
        return { amountsPaid: gbp(0), paidWith: "points" };
      },
    });
    const flows = [
      saleFlow({ PRE_TRANSACTION: ["euros", "noisy"], TRANSACTION_PROCESSING: ["bank"] }),
    ];
    const parts = { services: [euros, noisy, approving("bank")], flows };
    const site = await openSite(parts);
    await site.pay();
    const log = await site.audit();
    expect(log).toContainEqual(expect.stringMatching(/^filtered PRE_TRANSACTION euros .*currency/));
    expect(log).toContain("said PRE_TRANSACTION noisy low on paper");
    expect(log).toContainEqual(expect.stringMatching(/^rejected PRE_TRANSACTION noisy 23 /));
    await site.history.close();
    const later = await openSite({ ...parts, store: site.store });
    expect(await later.audit(FIRST.id)).toEqual(log);
  });
});
