// Payment flows of the engine: stages in their order, what each may do, and what comes of it.

import { expect, test } from "vitest";
import type { Card } from "../../../../firmware/payment/model/card.ts";
import { EMPTY_CARD } from "../../../../firmware/payment/model/card-mask.ts";
import {
  approval,
  approving,
  decline,
  FIRST,
  gbp,
  openSite,
  saleFlow,
  scripted,
  texts,
} from "./engine-site.ts";

const BANK = { TRANSACTION_PROCESSING: ["bank"] } as const;
const NOTHING = { currency: "XXX", base: 0, additional: {} };
const CARD: Card = {
  token: { value: "t1" },
  data: texts({ network: "visa", entryMethod: "tap" }),
};

test("F16: a plain sale is paid by the payment application, in full, without a commit of its own", async () => {
  const bank = approving("bank");
  const site = await openSite({ services: [bank], flows: [saleFlow(BANK)] });
  const response = await site.pay({}, { limits: { offerMinor: 1000, maximumMinor: 1000 } });
  expect(response).toMatchObject({
    id: FIRST.id,
    outcome: "fulfilled",
    failureReason: "none",
    allTransactionsApproved: true,
    requested: gbp(1000),
    processed: gbp(1000),
  });
  expect(response.transactions[0]?.responses[0]).toMatchObject({
    outcome: "approved",
    service: "bank",
    stage: "TRANSACTION_PROCESSING",
    references: texts({ host: "bank-1", transactionId: `${FIRST.id}/1` }),
  });
  expect(site.store.commits()).toBe(0);
  expect(bank.told.map(({ type }) => type)).toEqual(["responseAccepted"]);
});

test("F01, F02: PRE_FLOW is called for a total of zero, and fills in the payment", async () => {
  const pos = scripted("pos", {
    PRE_FLOW: (payment) => ({ updatedPayment: { ...payment, amounts: gbp(700) } }),
  });
  const flows = [saleFlow({ ...BANK, PRE_FLOW: ["pos"] })];
  const site = await openSite({ services: [pos, approving("bank")], flows });
  const filled = await site.pay({ amounts: NOTHING });
  expect(filled).toMatchObject({ outcome: "fulfilled", processed: gbp(700) });
  expect(filled.preFlow).toEqual({ service: "pos", stage: "PRE_FLOW", augmented: ["payment"] });
  await site.pay({ id: "b" });
  expect(pos.inputs("PRE_FLOW")).toHaveLength(1);
});

test("F02: alwaysCallPreFlow calls it for every payment", async () => {
  const pos = scripted("pos", { PRE_FLOW: () => undefined });
  const flows = [saleFlow({ ...BANK, PRE_FLOW: ["pos"] })];
  const settings = { alwaysCallPreFlow: true };
  const site = await openSite({ services: [pos, approving("bank")], flows, settings });
  const response = await site.pay();
  expect(response).toMatchObject({ outcome: "fulfilled", processed: gbp(1000) });
  expect(pos.inputs("PRE_FLOW")).toHaveLength(1);
});

test("F01, F100: PRE_FLOW may cancel the flow: nobody is asked for money", async () => {
  const pos = scripted("pos", { PRE_FLOW: () => ({ cancel: true }) });
  const bank = approving("bank");
  const flows = [saleFlow({ ...BANK, PRE_FLOW: ["pos"] })];
  const site = await openSite({ services: [pos, bank], flows });
  const response = await site.pay({ amounts: NOTHING });
  expect(response).toMatchObject({ outcome: "failed", failureReason: "cancelled" });
  expect(bank.calls).toEqual([]);
});

test("F04, F14: applications are called in order, each with a fresh request and what remains", async () => {
  const tip = scripted("tip", {
    PRE_TRANSACTION: ({ amounts }) => ({
      updatedAmounts: { ...amounts, additional: { tip: 150 } },
      requestData: texts({ said: "thanks" }),
    }),
  });
  const points = scripted("points", {
    PRE_TRANSACTION: () => ({ amountsPaid: gbp(400), paidWith: "points" }),
    POST_CARD_READING: () => undefined,
    POST_TRANSACTION: () => ({ references: texts({ earned: "10" }) }),
  });
  const bank = approving("bank");
  const flows = [
    saleFlow({
      ...BANK,
      PRE_TRANSACTION: ["tip", "points"],
      POST_CARD_READING: ["points"],
      POST_TRANSACTION: ["points"],
    }),
  ];
  const site = await openSite({ services: [tip, points, bank], flows });
  const response = await site.pay();
  expect(response).toMatchObject({
    outcome: "fulfilled",
    requested: gbp(1000, { tip: 150 }),
    processed: gbp(1000, { tip: 150 }),
  });
  const asked = points.inputs("PRE_TRANSACTION")[0];
  expect(asked?.amounts).toEqual(gbp(1000, { tip: 150 }));
  expect(asked?.data).toEqual(texts({ said: "thanks" }));
  const charged = bank.inputs("TRANSACTION_PROCESSING")[0];
  expect(charged?.amounts).toEqual(gbp(600, { tip: 150 }));
  const calls = [...tip.calls, ...points.calls, ...bank.calls];
  expect(new Set(calls.map(({ id }) => id)).size).toBe(calls.length);
  const ids = calls.flatMap(({ input }) => ("transactionId" in input ? [input.transactionId] : []));
  expect(new Set(ids)).toEqual(new Set([`${FIRST.id}/1`]));
  expect(response.transactions[0]?.executed).toEqual([
    { service: "tip", stage: "PRE_TRANSACTION", augmented: ["amounts", "additionalData"] },
    { service: "points", stage: "PRE_TRANSACTION", augmented: ["amounts"] },
    { service: "points", stage: "POST_CARD_READING", augmented: [] },
    { service: "points", stage: "POST_TRANSACTION", augmented: ["references"] },
  ]);
});

test("F80: a customer that a service adds is known to all that follow", async () => {
  const customer = { id: "p1", fullName: "A B", tokens: [], details: texts({ phone: "1" }) };
  const crm = scripted("crm", { PRE_TRANSACTION: () => ({ customer }) });
  const bank = approving("bank");
  const flows = [saleFlow({ ...BANK, PRE_TRANSACTION: ["crm"] })];
  const site = await openSite({ services: [crm, bank], flows });
  const response = await site.pay();
  expect(bank.inputs("TRANSACTION_PROCESSING")[0]?.customer).toEqual(customer);
  expect(response.transactions[0]).toMatchObject({
    customer,
    executed: [{ service: "crm", augmented: ["customer"] }],
  });
});

test("baskets: one that is added raises the base, discounts pay for a part of it", async () => {
  const item = (id: string, amountMinor: number) => ({
    id,
    label: id,
    amountMinor,
    baseMillionths: amountMinor * 1_000_000,
    quantity: 1,
  });
  const basket = (id: string, amountMinor: number) => ({
    id,
    name: id,
    items: [item(`${id}1`, amountMinor)],
    data: {},
    primary: false,
    rounding: "nearest" as const,
  });
  const upsell = scripted("upsell", {
    PRE_TRANSACTION: () => ({ additionalBasket: basket("wash", 500) }),
  });
  const coupon = scripted("coupon", {
    PRE_TRANSACTION: () => ({
      modifiedBasket: { ...basket("main", -100), items: [item("off", -100)] },
      amountsPaid: gbp(100),
      paidWith: "points",
    }),
  });
  const bank = approving("bank");
  const flows = [saleFlow({ ...BANK, PRE_TRANSACTION: ["upsell", "coupon"] })];
  const site = await openSite({ services: [upsell, coupon, bank], flows });
  const response = await site.pay({ basket: basket("main", 1000) });
  expect(response).toMatchObject({ outcome: "fulfilled", requested: gbp(1500) });
  const charged = bank.inputs("TRANSACTION_PROCESSING")[0];
  expect(charged?.amounts).toEqual(gbp(1400));
  expect(charged?.baskets.map(({ id, items }) => [id, items.map((one) => one.id)])).toEqual([
    ["main", ["main1", "off"]],
    ["wash", ["wash1"]],
  ]);
});

test("F05: a card that is read goes on to later stages, and its reader is kept for the payment", async () => {
  const other = approving("other");
  const bank = approving("bank", {
    PAYMENT_CARD_READING: ({ id }) => ({ ...(approval({ id }, undefined) as object), card: CARD }),
  });
  const loyalty = scripted("loyalty", { POST_CARD_READING: () => undefined });
  const flows = [
    saleFlow({
      PAYMENT_CARD_READING: ["bank"],
      POST_CARD_READING: ["loyalty"],
      TRANSACTION_PROCESSING: ["other", "bank"],
    }),
  ];
  const site = await openSite({ services: [other, bank, loyalty], flows });
  const response = await site.pay();
  expect(response.outcome).toBe("fulfilled");
  expect(loyalty.inputs("POST_CARD_READING")[0]?.card).toMatchObject(CARD);
  expect(other.calls).toEqual([]);
  expect(response.transactions[0]?.responses).toHaveLength(1);
});

test("F05: a decline while the card is read ends the transaction, with its code", async () => {
  const bank = approving("bank", {
    PAYMENT_CARD_READING: (input) => ({ ...(decline(input) as object), responseCode: "54" }),
  });
  const receipt = scripted("receipt", { POST_TRANSACTION: () => undefined });
  const flows = [
    saleFlow({ ...BANK, PAYMENT_CARD_READING: ["bank"], POST_TRANSACTION: ["receipt"] }),
  ];
  const site = await openSite({ services: [bank, receipt], flows });
  const response = await site.pay();
  expect(response).toMatchObject({ outcome: "failed", failureReason: "declined" });
  expect(response.transactions[0]?.responses).toMatchObject([
    { outcome: "declined", responseCode: "54", stage: "PAYMENT_CARD_READING" },
  ]);
  expect(bank.inputs("TRANSACTION_PROCESSING")).toEqual([]);
  expect(receipt.calls).toHaveLength(1);
});

test("F05, F06: reading may be skipped; POST_CARD_READING runs all the same, without a card", async () => {
  const bank = approving("bank", {
    PAYMENT_CARD_READING: (input) => approval(input, undefined),
  });
  const loyalty = scripted("loyalty", { POST_CARD_READING: () => undefined });
  const flows = [
    saleFlow({ ...BANK, PAYMENT_CARD_READING: ["bank"], POST_CARD_READING: ["loyalty"] }),
  ];
  const site = await openSite({ services: [bank, loyalty], flows });
  expect((await site.pay()).outcome).toBe("fulfilled");
  expect(loyalty.inputs("POST_CARD_READING")[0]?.card).toEqual(EMPTY_CARD);
});

test("F07: TRANSACTION_PROCESSING must answer: an empty answer is refused, and given back", async () => {
  const bank = approving("bank", { TRANSACTION_PROCESSING: () => undefined });
  const site = await openSite({ services: [bank], flows: [saleFlow(BANK)] });
  const response = await site.pay();
  expect(response).toMatchObject({ outcome: "failed", failureReason: "error" });
  expect(await site.audit()).toContainEqual(
    expect.stringMatching(/^rejected TRANSACTION_PROCESSING bank 53 /),
  );
  expect(bank.inputs("GENERIC")[0]?.data).toEqual(texts({ transactionId: `${FIRST.id}/1` }));
});

test("F08: FULFILLED_CHECK tries others after a decline, and asks the same for the rest while it pays", async () => {
  const stern = approving("stern", { TRANSACTION_PROCESSING: (input) => decline(input) });
  const half = approving("half", {
    TRANSACTION_PROCESSING: (input) => approval(input, gbp(Math.ceil(input.amounts.base / 2))),
  });
  const rest = approving("rest");
  const flows = [
    saleFlow({
      FULFILLED_CHECK: [],
      TRANSACTION_PROCESSING: [
        { id: "rest", conditionalOn: "outcomePartiallyFulfilled" },
        "stern",
        "half",
      ],
    }),
  ];
  const site = await openSite({ services: [stern, half, rest], flows });
  const response = await site.pay();
  expect(response).toMatchObject({ outcome: "fulfilled", allTransactionsApproved: false });
  const responses = response.transactions[0]?.responses ?? [];
  expect(responses.map(({ service, outcome }) => `${service} ${outcome}`)).toEqual([
    "stern declined",
    "half approved",
    "rest approved",
  ]);
  expect(rest.inputs("TRANSACTION_PROCESSING")[0]?.amounts).toEqual(gbp(500));
});

test("F08: the loop ends after eight calls, and with an application that pays nothing", async () => {
  const drop = approving("drop", {
    TRANSACTION_PROCESSING: (input) => approval(input, gbp(1)),
  });
  const none = approving("none", { TRANSACTION_PROCESSING: (input) => approval(input, gbp(0)) });
  const flows = [saleFlow({ FULFILLED_CHECK: [], TRANSACTION_PROCESSING: ["none", "drop"] })];
  const site = await openSite({ services: [drop, none], flows });
  const response = await site.pay();
  expect(none.inputs("TRANSACTION_PROCESSING")).toHaveLength(1);
  expect(drop.inputs("TRANSACTION_PROCESSING")).toHaveLength(7);
  expect(response).toMatchObject({
    outcome: "partially-fulfilled",
    failureReason: "none",
    processed: gbp(7),
  });
});

test("F09, F60: references after the outcome are added to what is there, and overwrite nothing", async () => {
  const receipt = scripted("receipt", {
    POST_TRANSACTION: () => ({ references: texts({ host: "forged", paper: "7" }) }),
  });
  const flows = [saleFlow({ ...BANK, POST_TRANSACTION: ["receipt"] })];
  const site = await openSite({ services: [receipt, approving("bank")], flows });
  const [transaction] = (await site.pay()).transactions;
  expect(transaction?.references).toEqual(texts({ host: "forged", paper: "7" }));
  const id = `${FIRST.id}/1`;
  const all = texts({ host: "bank-1", paper: "7", transactionId: id });
  expect(transaction?.responses[0]?.references).toEqual(all);
});

test("F09: after the outcome nothing else can be changed", async () => {
  const greedy = scripted("greedy", { POST_TRANSACTION: () => ({ updatedAmounts: gbp(9999) }) });
  const flows = [saleFlow({ ...BANK, POST_TRANSACTION: ["greedy"] })];
  const site = await openSite({ services: [greedy, approving("bank")], flows });
  expect(await site.pay()).toMatchObject({ outcome: "fulfilled", requested: gbp(1000) });
  expect(greedy.told.map(({ type }) => type)).toEqual(["responseRejected"]);
});

test("F10, F101: POST_FLOW sees the response, which it cannot change; all who took part are told", async () => {
  const analytics = scripted("analytics", { POST_FLOW: () => ({ cancel: true }) });
  const quiet = scripted("quiet", { POST_FLOW: () => undefined });
  const bank = approving("bank");
  const flows = [saleFlow({ ...BANK, POST_FLOW: ["analytics", "quiet"] })];
  const site = await openSite({ services: [analytics, quiet, bank], flows });
  const response = await site.pay();
  expect(response).toMatchObject({ outcome: "fulfilled", processed: gbp(1000) });
  expect(response.postFlow).toEqual([{ service: "quiet", stage: "POST_FLOW", augmented: [] }]);
  expect(quiet.inputs("POST_FLOW")[0]).toEqual({ ...response, postFlow: [] });
  expect(bank.endings).toEqual([response]);
  expect(quiet.endings).toEqual([response]);
});

test("F15: a service that lacks the stage is not called, and the log says why", async () => {
  const deaf = scripted("deaf", {}, { stages: ["POST_FLOW"] });
  const lying = scripted(
    "lying",
    {
      PRE_TRANSACTION: (_, { listener }) =>
        listener.failed("stageNotSupported", "PRE_TRANSACTION is not implemented"),
    },
    { stages: ["PRE_TRANSACTION"] },
  );
  const flows = [saleFlow({ ...BANK, PRE_TRANSACTION: ["deaf", "lying"] })];
  const site = await openSite({ services: [deaf, lying, approving("bank")], flows });
  expect((await site.pay()).outcome).toBe("fulfilled");
  expect(deaf.calls).toEqual([]);
  const audit = await site.audit();
  expect(audit).toContain("filtered PRE_TRANSACTION deaf it does not implement the stage");
  expect(audit).toContainEqual(expect.stringMatching(/^failed PRE_TRANSACTION lying 313 /));
});

test("F83: what was asked for in parts is recorded in the same parts", async () => {
  const bank = approving("bank", {
    TRANSACTION_PROCESSING: (input) => approval(input, gbp(1200)),
  });
  const site = await openSite({ services: [bank], flows: [saleFlow(BANK)] });
  const response = await site.pay({ amounts: gbp(1000, { tip: 200 }) });
  expect(response).toMatchObject({ outcome: "fulfilled", processed: gbp(1000, { tip: 200 }) });
});

test("F84: every call says who started the flow, and of which type it is", async () => {
  const bank = approving("bank");
  const site = await openSite({ services: [bank], flows: [saleFlow(BANK)] });
  await site.pay({ source: "operator" }, { id: "operator" });
  expect(bank.calls[0]).toMatchObject({
    initiator: "operator",
    flowType: "sale",
    background: false,
  });
});
