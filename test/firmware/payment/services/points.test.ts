// Points through the engine: redeemed by the card's token, earned once for what was paid otherwise, taken back with it.

import { describe, expect, test } from "vitest";
import { integerOf } from "../../../../firmware/payment/model/data-access.ts";
import { simStore } from "../../../../hal/sim/sim-store.ts";
import { FIRST, gbp } from "../engine/engine-site.ts";
import { amounts, type Bench, CUSTOMER, openBench, payer, text } from "./stock-bench.ts";

const CARD_TOKEN = {
  token: { is: "token", value: { value: "card-token-1", source: "card" } },
} as const;

function open(options: object = {}, parts = {}): Promise<Bench> {
  const all = {
    currency: "GBP",
    earnPerMinor: 100,
    worthMinor: 10,
    shareMaxPercent: 50,
    ...options,
  };
  return openBench({ uses: [["points", "club", all]], ...parts });
}

async function points(bench: Bench, whose: object = CARD_TOKEN): Promise<number | undefined> {
  return integerOf((await bench.operate("pointsBalance", whose as never)).data, "totalPoints");
}

async function sell(bench: Bench, id: string, base = 2050) {
  return bench.pay({ id, amounts: gbp(base) });
}

test("I4: a first sale earns, the next one redeems half of its price at most and earns for the rest", async () => {
  const bench = await open();
  const first = await sell(bench, "a");
  expect(first.transactions[0]?.references).toMatchObject({
    earnPoints: { value: 20 },
    totalPoints: { value: 20 },
  });
  expect(await points(bench)).toBe(20);
  // 20 points pay 200; the rest earns.
  const second = await sell(bench, "b");
  expect(second.transactions[0]?.responses).toMatchObject([
    { service: "club", amounts: gbp(200), paymentMethod: "points" },
    { service: "bank", amounts: gbp(1850) },
  ]);
  expect(await points(bench)).toBe(18);
  const third = await sell(bench, "c", 199);
  expect(third.transactions[0]?.responses[0]?.amounts).toEqual(gbp(90));
  expect(await points(bench)).toBe(10);
});

test("without a card the customer's id names the account", async () => {
  const store = simStore();
  const bench = await open({}, { store });
  await bench.pay(payer());
  expect(await points(bench)).toBe(10);
  expect(await points(bench, { account: text(CUSTOMER) })).toBe(0);
  expect(store.durable("account")[0]?.id).not.toContain("card-token");
});

test("a handle that pays is no name of a card", async () => {
  const bench = await open();
  const cardToken = { value: "credential", source: "credential" };
  await bench.pay({ cardToken, ...payer() });
  expect(await points(bench, { token: { is: "token", value: cardToken } })).toBeUndefined();
});

test("I11: a customer who calls himself like a card's account has another one", async () => {
  const bench = await open();
  await sell(bench, "a");
  for (const name of ["card card-token-1", "card\\0card-token-1", "card-token-1"]) {
    expect(await points(bench, { account: text(name) })).toBe(0);
  }
});

test("I2: nothing is earned by a sale that is not paid, and what was redeemed comes back", async () => {
  const store = simStore();
  const seller = await open({}, { store });
  await sell(seller, "a");
  const bench = await open({}, { store, bank: "declines" });
  const response = await sell(bench, "b");
  expect(response.outcome).not.toBe("fulfilled");
  const [tender] = response.transactions[0]?.responses ?? [];
  if (tender === undefined) throw new Error("no points were redeemed");
  expect(await bench.ended({ ok: true, ended: bench.engine.undo("b", tender) })).toBe(true);
  expect(await bench.ask({ id: "later", type: "pointsBalance", data: CARD_TOKEN })).toMatchObject({
    data: { totalPoints: { value: 20 } },
  });
});

describe("I1: points that were earned go back with the money", () => {
  const refund = (bench: Bench, id: string, minor: number, step = id) =>
    bench.pay({
      id,
      flowType: "refund",
      amounts: gbp(minor),
      data: { transactionId: text("a/1"), stepAttempt: text(step) },
    });

  test("in parts: what is left earns as if it had been the price, once for each step", async () => {
    const bench = await open();
    await sell(bench, "a", 1990);
    expect(await points(bench)).toBe(19);
    await refund(bench, "r1", 80);
    expect(await points(bench)).toBe(19);
    await refund(bench, "r2", 20);
    expect(await points(bench)).toBe(18);
    await refund(bench, "r3", 120, "r2");
    expect(await points(bench)).toBe(18);
    await refund(bench, "r4", 1890);
    expect(await points(bench)).toBe(0);
  });

  test("as a whole, when the bank's payment is reversed", async () => {
    const bench = await open();
    const sold = await sell(bench, "a");
    const references = sold.transactions[0]?.responses[0]?.references ?? {};
    const bank = await bench.operate("reversal", references, "bank");
    expect(bank.success).toBe(true);
    expect(await points(bench)).toBe(0);
  });

  test("in the part that another service gave back, once for each step", async () => {
    const options = { currency: "GBP", earnPerMinor: 100, worthMinor: 10, shareMaxPercent: 50 };
    const bench = await openBench({
      uses: [
        ["stored-value", "gift", {}],
        ["points", "club", options],
      ],
    });
    const load = { account: text(CUSTOMER), amounts: amounts(1000) };
    await bench.operate("storedValueLoad", load);
    await bench.pay({ ...payer(), id: "a", amounts: gbp(1000) });
    const account = { account: text(CUSTOMER) };
    expect(await points(bench, account)).toBe(10);
    const data = {
      transactionId: text("a/1"),
      amounts: amounts(350),
      stepAttempt: text("s"),
    };
    for (let n = 0; n < 2; n++) {
      expect((await bench.operate("reversal", data, "gift")).success).toBe(true);
      expect(await points(bench, account)).toBe(6);
    }
  });

  test("and below zero where they were spent", async () => {
    const bench = await open();
    await sell(bench, "a");
    await sell(bench, "b", 400);
    expect(await points(bench)).toBe(2);
    await refund(bench, "r", 2050);
    expect(await points(bench)).toBe(-18);
    // Who owes points redeems none.
    expect((await sell(bench, "c")).transactions[0]?.responses).toHaveLength(1);
  });
});

test("I1: a hold earns when it is completed, for the final amount", async () => {
  const bench = await open();
  await bench.pay({ id: "h", flowType: "preAuthorisation" });
  expect(await points(bench)).toBe(0);
  const completion = { flowType: "preAuthCompletion", amounts: gbp(450) };
  const data = { transactionId: text("h/1"), stepAttempt: text("capture") };
  for (const id of ["c1", "c2"]) await bench.pay({ ...completion, id, data });
  expect(await points(bench)).toBe(4);
});

test("I2: a part of what was redeemed is given back once for each step", async () => {
  const bench = await open();
  await sell(bench, "a");
  await sell(bench, "b");
  const part = (minor: number) =>
    bench.operate(
      "reversal",
      { transactionId: text("b/1"), amounts: amounts(minor), stepAttempt: text("s") },
      "club",
    );
  expect((await part(100)).success).toBe(true);
  expect((await part(100)).success).toBe(true);
  expect((await part(99)).success).toBe(false);
  expect(await points(bench)).toBe(28);
  expect((await bench.operate("reversal", { transactionId: text("b/1") }, "club")).success).toBe(
    true,
  );
  // All that it redeemed is back, and what it earned is gone.
  expect(await points(bench)).toBe(20);
});

describe("called past the engine's own choice of services", () => {
  const eur = (base: number) => ({ currency: "EUR", base, additional: {} });
  const at = {
    id: "x/1",
    transactionId: "x/1",
    flowType: "sale",
    baskets: [],
    data: {},
    card: { token: { value: "card-token-1", source: "card" }, data: {} },
    audience: "customer",
  } as const;

  async function call(
    bench: Bench,
    stage: "POST_CARD_READING" | "POST_TRANSACTION",
    input: object,
  ) {
    const answers: unknown[] = [];
    const of = { id: "x/1", flowType: "sale", initiator: "sale", background: false } as const;
    bench.services["club"]?.call({ ...of, stage, input: { ...at, ...input } as never } as never, {
      acknowledged: () => {},
      audit: () => {},
      event: () => {},
      respond: (_id, answer) => answers.push(answer),
      failed: (_code, message) => answers.push(message),
    });
    await bench.world.runWhile(() => answers.length === 0, 1000);
    return answers[0];
  }

  test("neither another currency redeems or earns, nor what is not paid in full", async () => {
    const bench = await open();
    await sell(bench, "a");
    const reading = { stage: "POST_CARD_READING", amounts: eur(5000) };
    expect(await call(bench, "POST_CARD_READING", reading)).toEqual({});
    const response = { id: "r", outcome: "approved", paymentMethod: "cash", card: { data: {} } };
    const summary = (requested: object, amounts: object) =>
      call(bench, "POST_TRANSACTION", {
        requested,
        responses: [{ ...response, amounts, references: {}, service: "till" }],
        executed: [],
        references: {},
      });
    expect(await summary(eur(5000), eur(5000))).toBeUndefined();
    expect(await summary(gbp(5000), gbp(4999))).toBeUndefined();
    expect(await points(bench)).toBe(20);
    expect(await summary(gbp(5000), gbp(5000))).toMatchObject({
      references: { earnPoints: { value: 50 }, totalPoints: { value: 70 } },
    });
  });
});

test("I12: another scheme's currency, strangers and unknown types get nothing", async () => {
  const bench = await open();
  await bench.pay({ amounts: { currency: "EUR", base: 5000, additional: {} } });
  expect(await points(bench)).toBe(0);
  const asked = { id: "x", type: "pointsBalance", data: CARD_TOKEN, source: "thief" };
  expect(await bench.ask(asked, { id: "thief" })).toMatchObject({ success: false, data: {} });
  expect(FIRST.source).toBe("sale");
});
