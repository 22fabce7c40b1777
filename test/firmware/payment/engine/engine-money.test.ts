// Where the money of a flow is: never above the offer, durable between services, given back after a power cut.

import { expect, test } from "vitest";
import type { FlowRun } from "../../../../firmware/payment/engine/flow-run.ts";
import {
  boundOf,
  type PaymentContext,
} from "../../../../firmware/payment/engine/payment-context.ts";
import type { CalledStage } from "../../../../firmware/payment/engine/service.ts";
import { TransactionState } from "../../../../firmware/payment/engine/transaction-state.ts";
import type { Amounts } from "../../../../firmware/payment/model/amounts.ts";
import type { Card } from "../../../../firmware/payment/model/card.ts";
import type { FlowEvent } from "../../../../firmware/payment/model/flow-event.ts";
import type { TransactionResponse } from "../../../../firmware/payment/model/transaction.ts";
import { simStore } from "../../../../hal/sim/sim-store.ts";
import {
  answered,
  approval,
  approving,
  FIRST,
  gbp,
  genericFlow,
  openSite,
  SILENT,
  saleFlow,
  scripted,
  texts,
} from "./engine-site.ts";

const LIMITS = { limits: { offerMinor: 1000, maximumMinor: 1100 } };

test.each([
  "PRE_FLOW",
  "SPLIT",
  "PRE_TRANSACTION",
  "PAYMENT_CARD_READING",
  "POST_CARD_READING",
  "TRANSACTION_PROCESSING",
  "POST_TRANSACTION",
  "POST_FLOW",
] as const)("I4: an attempt to overcharge in %s charges nothing above the offer", async (stage) => {
  const item = {
    id: "i",
    label: "upsell",
    amountMinor: 500,
    baseMillionths: 500_000_000,
    quantity: 1,
  };
  const basket = {
    id: "b",
    name: "b",
    items: [item],
    data: {},
    primary: false,
    rounding: "nearest",
  };
  const more: readonly unknown[] = [
    { updatedAmounts: gbp(1500) },
    { updatedAmounts: gbp(1000, { tip: 50 }) },
    { updatedAmounts: gbp(1500), additionalBasket: basket },
    { updatedAmounts: { currency: "KWD", base: 1000, additional: {} } },
    { updatedPayment: { ...FIRST, splitEnabled: true, amounts: gbp(1500) } },
    { updatedPayment: { ...FIRST, splitEnabled: true, amounts: gbp(1000, { tip: 50 }) } },
    approval({ id: "q1" }, gbp(1500)),
  ];
  for (const output of more) {
    const charged: Amounts[] = [];
    const bank = approving("bank", {
      TRANSACTION_PROCESSING: (input) => {
        charged.push(input.amounts);
        return approval(input, input.amounts);
      },
    });
    const thief = scripted("thief", {
      [stage]: (input: { id: string }) => {
        const asked = output as Partial<TransactionResponse>;
        return asked.outcome === undefined ? output : { ...asked, id: input.id };
      },
    });
    const listed = { TRANSACTION_PROCESSING: ["bank"], [stage]: ["thief"] };
    const flows = [saleFlow({ FULFILLED_CHECK: [], ...listed })];
    const settings = { alwaysCallPreFlow: true, isCurrencyChangeAllowed: true };
    const site = await openSite({ services: [bank, thief], flows, settings });
    const response = await site.pay({ splitEnabled: true }, LIMITS);
    expect(response.processed).toMatchObject({ currency: "GBP", additional: {} });
    expect(response.processed.base).toBeLessThanOrEqual(1000);
    for (const amounts of charged) expect(amounts).toEqual(gbp(1000));
    expect(response.requested).toEqual(gbp(1000));
  }
});

test("I4: extras of several rounds together stay below what the payer signed", async () => {
  const tip = scripted("tip", {
    PRE_TRANSACTION: ({ amounts }, { call, listener, onTold }) => {
      onTold(({ type }) => {
        if (type !== "confirmationResponse") return;
        const updatedAmounts = { ...amounts, additional: { tip: 60 } };
        listener.respond(call.id, { updatedAmounts });
      });
      const extra = { name: "tip", amountMinor: 60 };
      const value = { id: call.id, type: "extra", multiSelect: false, extra };
      const payload = { is: "confirmation-request", value } as const;
      listener.event({ type: "confirmationRequest", data: { confirmationRequest: payload } });
      return SILENT;
    },
  });
  const split = scripted("split", {
    SPLIT: ({ transactions }) => ({ updatedAmounts: gbp(transactions.length === 0 ? 400 : 600) }),
  });
  const listed = {
    SPLIT: ["split"],
    PRE_TRANSACTION: ["tip"],
    TRANSACTION_PROCESSING: ["bank"],
  };
  const services = [tip, split, approving("bank")];
  const site = await openSite({ services, flows: [saleFlow(listed)] });
  const event = (asked: FlowEvent): void => {
    const question = asked.data["confirmationRequest"];
    const request = question?.is === "confirmation-request" ? question.value.id : "";
    const payload = { is: "confirmation-response", value: { request, values: ["yes"] } } as const;
    const data = { confirmationResponse: payload };
    site.world.after(1, () => site.engine.tell(FIRST.id, { type: "confirmationResponse", data }));
  };
  const response = await site.pay({ splitEnabled: true }, { ...LIMITS, event });
  expect(response).toMatchObject({ outcome: "fulfilled", processed: gbp(1000, { tip: 60 }) });
  expect(await site.audit()).toContainEqual(
    expect.stringMatching(/^rejected PRE_TRANSACTION tip 62 at most 1100 /),
  );
});

test("I4: the sum over all transactions is bounded once more, whatever the gate let through", () => {
  const run = { start: { initiator: { id: "sale", ...LIMITS } } } as unknown as FlowRun;
  const context = { run, requested: gbp(1000, { tip: 60 }) } as unknown as PaymentContext;
  const start = { id: "t", payment: FIRST, requested: gbp(600), baskets: [], data: {} };
  const bound = boundOf(context, new TransactionState(start));
  expect(bound(gbp(600, { tip: 40 }))).toBeUndefined();
  expect(bound(gbp(600, { tip: 41 }))).toMatchObject({ rejection: "extra-above-maximum" });
  expect(bound(gbp(601))).toMatchObject({ rejection: "above-offer" });
});

test("a tender is durable before the next service is asked for money", async () => {
  const saved: string[][] = [];
  const points = scripted("points", {
    PRE_TRANSACTION: () => ({ amountsPaid: gbp(400), paidWith: "points" }),
  });
  const bank = approving("bank", {
    TRANSACTION_PROCESSING: (input) => {
      saved.push(site.store.durable("tender").map(({ id }) => id));
      return approval(input, input.amounts);
    },
  });
  const listed = { PRE_TRANSACTION: ["points"], TRANSACTION_PROCESSING: ["bank"] };
  const site = await openSite({ services: [points, bank], flows: [saleFlow(listed)] });
  expect((await site.pay({}, LIMITS)).outcome).toBe("fulfilled");
  expect(saved).toEqual([[`${FIRST.id}/0001`]]);
  const kept = await site.journal.list(FIRST.id);
  expect(kept.map(({ service, state, n }) => [service, state, n])).toEqual([
    ["points", "taken", 1],
    ["bank", "taken", 2],
  ]);
});

test("a flow whose initiator keeps no books leaves no records", async () => {
  const points = scripted("points", {
    PRE_TRANSACTION: () => ({ amountsPaid: gbp(400), paidWith: "points" }),
  });
  const listed = { PRE_TRANSACTION: ["points"], TRANSACTION_PROCESSING: ["bank"] };
  const site = await openSite({ services: [points, approving("bank")], flows: [saleFlow(listed)] });
  expect((await site.pay({}, { id: "operator" })).outcome).toBe("fulfilled");
  expect(await site.journal.list()).toEqual([]);
});

test("undo gives back what a response's service took, with all its references", async () => {
  const bank = approving("bank");
  const listed = { TRANSACTION_PROCESSING: ["bank"] };
  const site = await openSite({ services: [bank], flows: [saleFlow(listed)] });
  const [response] = (await site.pay()).transactions[0]?.responses ?? [];
  const result = site.engine.undo(FIRST.id, response as TransactionResponse);
  await site.world.runFor(1000);
  expect(await result).toBe(true);
  expect(bank.inputs("GENERIC")).toMatchObject([
    {
      type: "reversal",
      target: "bank",
      background: true,
      data: texts({ host: "bank-1", transactionId: `${FIRST.id}/1` }),
    },
  ]);
  expect(await site.audit()).toContain("undone bank reversal");
});

test("I1: parts of one service are given back one by one, each by its own references", async () => {
  let part = 0;
  const bank = approving("bank", {
    TRANSACTION_PROCESSING: (input) => {
      part++;
      return approval(input, gbp(part === 3 ? 1000 : 300), { attempt: `${part}` });
    },
  });
  const listed = { FULFILLED_CHECK: [], TRANSACTION_PROCESSING: ["bank"] };
  const site = await openSite({ services: [bank], flows: [saleFlow(listed)] });
  const response = await site.pay({}, LIMITS);
  expect(response).toMatchObject({ outcome: "failed", failureReason: "error", processed: gbp(0) });
  const attempts = bank.inputs("GENERIC").map(({ data }) => data["attempt"]?.value);
  expect(attempts).toEqual(["1", "2", "3"]);
  const kept = await site.journal.list(FIRST.id);
  expect(kept.map(({ n, state }) => [n, state])).toEqual([
    [1, "undone"],
    [2, "undone"],
    [1001, "undone"],
  ]);
});

test("undo settles the record of the tender that it is about, and of no other", async () => {
  let part = 0;
  const bank = approving("bank", {
    TRANSACTION_PROCESSING: (input) => {
      part++;
      return approval(input, gbp(500), { attempt: `${part}` });
    },
  });
  const listed = { FULFILLED_CHECK: [], TRANSACTION_PROCESSING: ["bank"] };
  const site = await openSite({ services: [bank], flows: [saleFlow(listed)] });
  const [, second] = (await site.pay({}, LIMITS)).transactions[0]?.responses ?? [];
  const result = site.engine.undo(FIRST.id, second as TransactionResponse);
  await site.world.runFor(1000);
  expect(await result).toBe(true);
  const states = (await site.journal.list(FIRST.id)).map(({ state }) => state);
  expect(states).toEqual(["taken", "undone"]);
});

test("a service whose payment is in doubt is asked for no more in that transaction", async () => {
  const bank = approving("bank", {
    PRE_TRANSACTION: () => ({ amountsPaid: gbp(2000), paidWith: "points" }),
    POST_CARD_READING: () => undefined,
  });
  const other = approving("other");
  const listed = {
    PRE_TRANSACTION: ["bank"],
    POST_CARD_READING: ["bank"],
    FULFILLED_CHECK: [],
    TRANSACTION_PROCESSING: ["bank", "other"],
  };
  const site = await openSite({ services: [bank, other], flows: [saleFlow(listed)] });
  const response = await site.pay({}, LIMITS);
  expect(response).toMatchObject({ outcome: "fulfilled", processed: gbp(1000) });
  expect(bank.calls.map(({ stage }) => stage)).toEqual(["PRE_TRANSACTION", "GENERIC"]);
  expect(other.calls).toHaveLength(1);
});

test("undo of a service that is not there, or cannot, is false in the end", async () => {
  const bank = approving("bank", {}, { stages: ["TRANSACTION_PROCESSING"] });
  const site = await openSite({ services: [bank] });
  const base = approval({ id: "1" }, gbp(5)) as TransactionResponse;
  const results = ["bank", "gone"].map((service) =>
    site.engine.undo("an order", { ...base, service }),
  );
  results.push(site.engine.undo("an order", base));
  await site.world.runFor(300_000);
  expect(await Promise.all(results)).toEqual([false, false, false]);
  expect(await site.audit("an order")).toContainEqual(expect.stringMatching(/^flagged gone 104/));
});

test("I6: after a power cut the engine goes on giving back what was in doubt", async () => {
  const store = simStore();
  const listed = { TRANSACTION_PROCESSING: ["bank"] };
  const mute = approving("bank", { TRANSACTION_PROCESSING: () => SILENT, GENERIC: () => SILENT });
  const flows = [saleFlow(listed)];
  const site = await openSite({ services: [mute], flows, store });
  site.engine.pay(FIRST, { id: "sale", ...LIMITS });
  await site.world.runFor(130_000);
  expect(mute.inputs("GENERIC")).toHaveLength(1);
  store.reopen();
  const bank = approving("bank");
  const next = await openSite({ services: [bank], flows, store });
  await next.world.runFor(10_000);
  expect(bank.inputs("GENERIC")).toMatchObject([
    { data: texts({ transactionId: `${FIRST.id}/1` }) },
  ]);
  expect(await next.journal.list(FIRST.id)).toMatchObject([{ state: "undone" }]);
});

test("a closing engine starts nothing, ends what runs, and leaves the rest for the next start", async () => {
  const listed = { PRE_TRANSACTION: ["wait"], TRANSACTION_PROCESSING: ["bank"] };
  const mute = scripted("wait", { PRE_TRANSACTION: () => SILENT, GENERIC: () => SILENT });
  const bank = approving("bank");
  const site = await openSite({ services: [mute, bank], flows: [saleFlow(listed)] });
  const started = site.engine.pay(FIRST, { id: "sale", ...LIMITS });
  await site.world.runFor(10);
  let isClosed = false;
  const closing = site.engine.close().then(() => {
    isClosed = true;
  });
  expect(site.engine.pay({ ...FIRST, id: "2" }, { id: "sale" })).toMatchObject({ error: "busy" });
  expect(await site.ended(started)).toMatchObject({ failureReason: "cancelled" });
  await site.world.runFor(1);
  expect(isClosed).toBe(true);
  await closing;
  expect(bank.calls).toEqual([]);
  expect(await site.journal.list(FIRST.id)).toMatchObject([{ state: "undoing" }]);
  expect(site.world.nowMs()).toBeLessThan(60_000);
});

test("a refund whose outcome is unknown is not turned round: who started it finds it out", async () => {
  const bank = approving("bank", { TRANSACTION_PROCESSING: () => SILENT });
  const flows = [
    saleFlow({ TRANSACTION_PROCESSING: ["bank"] }, { name: "refund", type: "refund" }),
  ];
  const site = await openSite({ services: [bank], flows });
  const response = await site.pay({ flowType: "refund" }, LIMITS);
  expect(response).toMatchObject({ outcome: "failed", failureReason: "timeout" });
  expect(bank.inputs("GENERIC")).toEqual([]);
});

test("a reversal for a service runs as any request, and reaches the service that is its target", async () => {
  const points = scripted("points", { GENERIC: (request) => answered(request) });
  const flows = [genericFlow("reversal", { GENERIC: ["bank"] }, { processInBackground: true })];
  const site = await openSite({ services: [points, approving("bank")], flows });
  const data = texts({ transactionId: "x/1" });
  const response = await site.ask({ type: "reversal", data, target: "points" });
  expect(response).toMatchObject({ success: true, service: "points", background: true });
});

test("I12: a service without the right to cards never sees one, in any stage", async () => {
  const card: Card = {
    maskedPan: "411111XXXXXX1111",
    token: { value: "secret-token", source: "card" },
    data: texts({ network: "visa", entryMethod: "tap" }),
  };
  const bank = approving("bank", {
    PAYMENT_CARD_READING: (input) => ({ ...(approval(input, undefined) as object), card }),
    TRANSACTION_PROCESSING: (input) => ({
      ...(approval(input, input.amounts) as object),
      card: input.card,
    }),
  });
  const stages: CalledStage[] = [
    "PRE_FLOW",
    "PRE_TRANSACTION",
    "POST_CARD_READING",
    "POST_TRANSACTION",
    "POST_FLOW",
  ];
  const none = Object.fromEntries(stages.map((stage) => [stage, () => undefined]));
  const rights = { stages, adjust: true, pay: true, card: false };
  const info = { canAdjustAmounts: false, canPayAmounts: false, paymentMethods: [] };
  const blind = scripted("blind", none, { rights, info, stages });
  const seeing = scripted("seeing", none, { info });
  const both = Object.fromEntries(stages.map((stage) => [stage, ["blind", "seeing"]]));
  const listed = { ...both, PAYMENT_CARD_READING: ["bank"], TRANSACTION_PROCESSING: ["bank"] };
  const settings = { alwaysCallPreFlow: true };
  const site = await openSite({
    services: [bank, blind, seeing],
    flows: [saleFlow(listed)],
    settings,
  });
  const customer = {
    id: "p",
    tokens: [
      { value: "secret-token", source: "card" },
      { value: "loyal", source: "points" },
    ],
    details: {},
  };
  const response = await site.pay({ customer, cardToken: { value: "secret-token" } });
  expect(response.outcome).toBe("fulfilled");
  const seen = JSON.stringify([blind.calls, blind.endings]);
  expect(blind.calls).toHaveLength(stages.length);
  expect(blind.calls.every(({ input }) => Object.isFrozen(input))).toBe(true);
  expect(seen).not.toContain("secret-token");
  expect(seen).not.toContain("411111");
  expect(seen).toContain("loyal");
  const open = JSON.stringify([seeing.calls, seeing.endings]);
  expect(open).toContain("secret-token");
  expect(open).toContain("411111");
});

test("at the end of a flow the bytes of the card that was read are overwritten", async () => {
  const emv = new Uint8Array([1, 2, 3]);
  const card: Card = { token: { value: "t" }, data: { emv: { is: "bytes", value: emv } } };
  const bank = approving("bank", {
    PAYMENT_CARD_READING: (input) => ({ ...(approval(input, undefined) as object), card }),
  });
  const listed = { PAYMENT_CARD_READING: ["bank"], TRANSACTION_PROCESSING: ["bank"] };
  const site = await openSite({ services: [bank], flows: [saleFlow(listed)] });
  await site.pay();
  const seen = bank.inputs("TRANSACTION_PROCESSING")[0]?.card.data["emv"]?.value as Uint8Array;
  expect([...seen]).toEqual([0, 0, 0]);
  expect([...emv]).toEqual([1, 2, 3]);
});
