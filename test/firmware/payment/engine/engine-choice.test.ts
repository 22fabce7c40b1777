// Which services a flow calls, and when none is: zero amounts, payment in full, execution types, choice, currency.

import { expect, test } from "vitest";
import type { FlowConfig } from "../../../../firmware/payment/config/flow-config.ts";
import {
  approval,
  approving,
  decline,
  gbp,
  openSite,
  saleFlow,
  scripted,
  texts,
} from "./engine-site.ts";

const BANK = { TRANSACTION_PROCESSING: ["bank"] } as const;

/** With stages that call one of several. */
function choosing(flow: FlowConfig): FlowConfig {
  const stages = flow.stages.map((stage) => ({
    ...stage,
    ...(stage.inner && {
      inner: stage.inner.map((one) => ({ ...one, execution: "SINGLE_SELECT" as const })),
    }),
  }));
  return { ...flow, stages };
}

test("F95: nothing is charged for zero, unless the flow allows it; then a decline is one", async () => {
  const bank = approving("bank", {
    TRANSACTION_PROCESSING: (input) => approval(input, undefined),
  });
  const stern = approving("bank", { TRANSACTION_PROCESSING: (input) => decline(input) });
  const zero = { amounts: gbp(0) };
  const plain = await openSite({ services: [bank], flows: [saleFlow(BANK)] });
  expect(await plain.pay(zero)).toMatchObject({ outcome: "fulfilled", transactions: [{}] });
  expect(bank.calls).toEqual([]);
  const other = approving("other");
  const listed = { FULFILLED_CHECK: [], TRANSACTION_PROCESSING: ["bank", "other"] };
  const flows = [saleFlow(listed, { allowZeroAmounts: true })];
  const allowing = await openSite({ services: [bank, other], flows });
  expect((await allowing.pay(zero)).outcome).toBe("fulfilled");
  expect(bank.inputs("TRANSACTION_PROCESSING")).toHaveLength(1);
  expect(other.calls).toEqual([]);
  const refusing = await openSite({ services: [stern], flows });
  expect(await refusing.pay(zero)).toMatchObject({ outcome: "failed", failureReason: "declined" });
});

test("F95: a base of zero with additional amounts left is charged", async () => {
  const points = scripted("points", {
    PRE_TRANSACTION: () => ({ amountsPaid: gbp(1000), paidWith: "points" }),
  });
  const bank = approving("bank");
  const flows = [saleFlow({ ...BANK, PRE_TRANSACTION: ["points"] })];
  const site = await openSite({ services: [points, bank], flows });
  const response = await site.pay({ amounts: gbp(1000, { tip: 50 }) });
  expect(response.outcome).toBe("fulfilled");
  expect(bank.inputs("TRANSACTION_PROCESSING")[0]?.amounts).toEqual(gbp(0, { tip: 50 }));
});

test("F96: what a service pays in full needs no payment application", async () => {
  const points = scripted("points", {
    PRE_TRANSACTION: () => ({
      amountsPaid: gbp(1000),
      paidWith: "points",
      references: texts({ account: "7" }),
    }),
  });
  const bank = approving("bank", {
    PAYMENT_CARD_READING: (input) => approval(input, undefined),
  });
  const flows = [
    saleFlow(
      { ...BANK, PRE_TRANSACTION: ["points"], PAYMENT_CARD_READING: ["bank"] },
      { allowZeroAmounts: true },
    ),
  ];
  const site = await openSite({ services: [points, bank], flows });
  const response = await site.pay();
  expect(response).toMatchObject({ outcome: "fulfilled", allTransactionsApproved: true });
  expect(response.transactions[0]?.responses).toMatchObject([
    { service: "points", stage: "PRE_TRANSACTION", paymentMethod: "points", amounts: gbp(1000) },
  ]);
  expect(bank.calls).toEqual([]);
});

test("F112: execution types: none calls nobody, single select the first, multiple all in order", async () => {
  const names = ["a", "b", "c"];
  const services = names.map((id) => scripted(id, { PRE_TRANSACTION: () => undefined }));
  const called = async (execution: "NONE" | "SINGLE" | "SINGLE_SELECT" | "MULTIPLE") => {
    const flow = saleFlow({ ...BANK, PRE_TRANSACTION: names });
    const stages = flow.stages.map((stage) => ({
      ...stage,
      ...(stage.inner && {
        inner: stage.inner.map((one) =>
          one.name === "PRE_TRANSACTION" ? { ...one, execution } : one,
        ),
      }),
    }));
    const site = await openSite({
      services: [...services, approving("bank")],
      flows: [{ ...flow, stages }],
    });
    const before = services.map(({ calls }) => calls.length);
    await site.pay();
    return names.filter((_, index) => services[index]?.calls.length !== before[index]);
  };
  expect(await called("NONE")).toEqual([]);
  expect(await called("SINGLE_SELECT")).toEqual(["a"]);
  expect(await called("MULTIPLE")).toEqual(names);
});

test("F44: what nobody can choose is refused with a reason, and nothing is charged", async () => {
  const flow = saleFlow({ TRANSACTION_PROCESSING: ["a", "b"] });
  const dynamic = {
    ...flow,
    stages: flow.stages.map((stage) => ({
      ...stage,
      ...(stage.inner && {
        inner: stage.inner.map((one) => ({ ...one, execution: "DYNAMIC_SELECT" as const })),
      }),
    })),
  };
  const services = [approving("a"), approving("b")];
  const site = await openSite({ services, flows: [dynamic] });
  const response = await site.pay();
  expect(response).toMatchObject({ outcome: "failed", failureReason: "rejected" });
  expect(response.failureMessage).toContain("several would do: a, b");
});

test("a payment that no application can take is rejected", async () => {
  const bank = approving("bank", {}, { info: { currencies: ["EUR"] } });
  const site = await openSite({ services: [bank], flows: [saleFlow(BANK)] });
  expect(await site.pay()).toMatchObject({
    outcome: "failed",
    failureReason: "rejected",
    failureMessage: "no payment application can take it",
  });
});

test("what is paid in part, where nobody can take the rest, is partial and rejected", async () => {
  const points = scripted("points", {
    PRE_TRANSACTION: () => ({ amountsPaid: gbp(400), paidWith: "points" }),
  });
  const bank = approving("bank", {}, { info: { currencies: ["EUR"] } });
  const flows = [saleFlow({ ...BANK, PRE_TRANSACTION: ["points"] })];
  const site = await openSite({ services: [points, bank], flows });
  const partial = { outcome: "partially-fulfilled", failureReason: "rejected" };
  expect(await site.pay()).toMatchObject({ ...partial, processed: gbp(400) });
});

test("the payer's last payment application is preferred where one is chosen", async () => {
  const single = choosing(saleFlow({ TRANSACTION_PROCESSING: ["a", "b"] }));
  const a = approving("a", {}, { info: { paymentMethods: ["card"] } });
  const b = approving("b");
  const site = await openSite({ services: [a, b], flows: [single] });
  const customer = { id: "p1", tokens: [], details: {} };
  await site.pay({ id: "1", customer, paymentMethod: "points" });
  await site.pay({ id: "2", customer });
  await site.pay({ id: "3" });
  expect([a.calls.length, b.calls.length]).toEqual([1, 2]);
});

test("F79: the currency changes where settings allow it, and never once something is paid", async () => {
  const euro = { currency: "EUR", base: 1200, additional: {} };
  const change = scripted("change", {
    PRE_TRANSACTION: ({ amounts }) => ({
      updatedAmounts: {
        ...euro,
        base: Math.floor((amounts.base * 12) / 10),
        converted: { from: "GBP", rateMillionths: 1_200_000 },
      },
    }),
  });
  const points = scripted("points", {
    PRE_TRANSACTION: () => ({ amountsPaid: gbp(400), paidWith: "points" }),
  });
  const settings = { isCurrencyChangeAllowed: true };
  const pay = async (first: readonly string[], more = settings) => {
    const flows = [saleFlow({ ...BANK, PRE_TRANSACTION: first })];
    const services = [change, points, approving("bank")];
    return (await openSite({ services, flows, settings: more })).pay();
  };
  const changed = await pay(["change"]);
  expect(changed).toMatchObject({ outcome: "fulfilled", processed: euro, requested: euro });
  const late = await pay(["points", "change"]);
  expect(late).toMatchObject({ processed: gbp(1000) });
  expect(change.told.at(-1)?.data["rejectedCode"]?.value).toBe(32);
  expect(await pay(["change"], { isCurrencyChangeAllowed: false })).toMatchObject({
    processed: gbp(1000),
  });
});

test("the application that read the card is the one that charges it", async () => {
  const read = { PAYMENT_CARD_READING: ["b"], TRANSACTION_PROCESSING: ["a", "b"] };
  const b = approving("b", { PAYMENT_CARD_READING: (input) => approval(input, undefined) });
  const a = approving("a");
  const site = await openSite({ services: [a, b], flows: [choosing(saleFlow(read))] });
  expect((await site.pay()).outcome).toBe("fulfilled");
  expect(a.calls).toEqual([]);
});

test("I14: more data than a transaction holds is refused whole", async () => {
  const keys = (from: number, count: number) =>
    texts(Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${from + n}`, "x"])));
  const greedy = scripted("greedy", {
    PRE_TRANSACTION: ({ amounts }) => ({
      requestData: keys(20, 5),
      updatedAmounts: { ...amounts, additional: { tip: 5 } },
    }),
  });
  const flows = [saleFlow({ ...BANK, PRE_TRANSACTION: ["greedy"] })];
  const site = await openSite({ services: [greedy, approving("bank")], flows });
  const response = await site.pay({ data: keys(0, 20) });
  expect(response.requested).toEqual(gbp(1000));
  expect(response.transactions[0]?.data).toEqual(keys(0, 20));
  expect(greedy.told[0]?.data["rejectedCode"]?.value).toBe(2);
});
