// Stored value through the engine: what the account pays, when it is given back, and that it happens once.

import { describe, expect, test } from "vitest";
import { type RunningCall, SERVICE_EVENTS } from "../../../../firmware/payment/engine/service.ts";
import { simStore } from "../../../../hal/sim/sim-store.ts";
import { FIRST, gbp, scripted } from "../engine/engine-site.ts";
import { amounts, type Bench, CUSTOMER, openBench, payer, text, type Use } from "./stock-bench.ts";

const USE: Use = ["stored-value", "gift", {}];
const UNABLE = { canPayAmounts: false, canAdjustAmounts: false, paymentMethods: [] };
const TRANSACTION = `${FIRST.id}/1`;

async function loaded(minor: number, options: object = {}, more = {}): Promise<Bench> {
  const bench = await openBench({ uses: [["stored-value", "gift", options]], ...more });
  const data = { account: text(CUSTOMER), amounts: amounts(minor) };
  expect(await bench.operate("storedValueLoad", data)).toMatchObject({ success: true });
  return bench;
}

async function balance(bench: Bench, account = CUSTOMER): Promise<number | undefined> {
  const data = { account: text(account), currency: text("GBP") };
  const said = (await bench.operate("storedValueBalance", data)).data["balance"];
  return said?.is === "amount" ? said.value.value : undefined;
}

function reversal(more: object = {}, transaction = TRANSACTION) {
  return { transactionId: text(transaction), ...more };
}

/** Calls the service as an engine would, and waits for its answer. */
async function called(bench: Bench, flowType: string): Promise<RunningCall | undefined> {
  const told: string[] = [];
  const input = {
    id: "q",
    transactionId: TRANSACTION,
    flowType,
    stage: "PRE_TRANSACTION",
    amounts: gbp(1000),
    baskets: [],
    data: {},
    card: { data: {} },
    audience: "customer",
    ...payer(),
  } as const;
  const of = { id: "q", flowType, initiator: "sale", background: false } as const;
  const running = bench.services["gift"]?.call(
    { ...of, input, stage: "PRE_TRANSACTION" },
    {
      acknowledged: () => {},
      audit: () => {},
      event: () => {},
      respond: (id) => told.push(id),
      failed: (_code, message) => told.push(message),
    },
  );
  await bench.world.runWhile(() => told.length === 0, 1000);
  expect(told).toEqual(["q"]);
  return running;
}

test("takes nothing in a flow whose money goes to the payer, even if it is called", async () => {
  const bench = await loaded(700);
  await called(bench, "refund");
  expect(await balance(bench)).toBe(700);
});

test("I1: an account that has enough pays all, and the bank is not asked", async () => {
  const bench = await loaded(2500);
  const response = await bench.pay(payer());
  expect(response.outcome).toBe("fulfilled");
  expect(response.transactions[0]?.responses).toMatchObject([
    { service: "gift", amounts: gbp(1000), paymentMethod: "giftCard" },
  ]);
  expect(bench.bank.inputs("TRANSACTION_PROCESSING")).toEqual([]);
  expect(await balance(bench)).toBe(1500);
});

test.each([
  [true, 300, 0],
  [false, 1000, 700],
] as const)(
  "with partial %s the bank pays %i and %i is left in the account",
  async (partial, due, left) => {
    const bench = await loaded(700, { partial });
    expect((await bench.pay(payer())).outcome).toBe("fulfilled");
    expect(bench.bank.inputs("TRANSACTION_PROCESSING").map((one) => one.amounts)).toEqual([
      gbp(due),
    ]);
    expect(await balance(bench)).toBe(left);
  },
);

test.each([
  ["nobody is known", {}],
  ["somebody else pays", payer("ffeeddccbbaa99887766554433221100")],
  ["it is another currency", { ...payer(), amounts: { ...gbp(1000), currency: "EUR" } }],
])("takes nothing when %s", async (_name, payment) => {
  const bench = await loaded(2500);
  await bench.pay(payment);
  expect(await balance(bench)).toBe(2500);
});

test("an account by code belongs to the code, whoever pays", async () => {
  const bench = await loaded(500, { accountBy: "code", method: "prepaidCard" });
  const data = { account: text("GIFT-1"), amounts: amounts(500) };
  await bench.operate("storedValueLoad", data);
  const response = await bench.pay({ ...payer(), data: { accountCode: text("GIFT-1") } });
  expect(response.transactions[0]?.responses[0]).toMatchObject({ paymentMethod: "prepaidCard" });
  expect([await balance(bench, "GIFT-1"), await balance(bench)]).toEqual([0, 500]);
});

test("I2: a customer's id is the same account in capitals", async () => {
  const bench = await loaded(2500);
  await bench.pay(payer(CUSTOMER.toUpperCase()));
  expect(await balance(bench)).toBe(1500);
});

describe("I1: what came to nothing is given back", () => {
  test("when the bank declines the rest, and the operator asks", async () => {
    const bench = await loaded(700, {}, { bank: "declines" });
    const response = await bench.pay(payer(), { limits: { offerMinor: 1000, maximumMinor: 1000 } });
    expect(response.outcome).not.toBe("fulfilled");
    const [tender] = response.transactions[0]?.responses ?? [];
    if (tender === undefined) throw new Error("nothing was paid");
    const undone = bench.engine.undo(FIRST.id, tender);
    expect(await bench.ended({ ok: true, ended: undone })).toBe(true);
    expect(await balance(bench)).toBe(700);
    // Once more, by the name of the transaction alone.
    await bench.operate("reversal", reversal(), "gift");
    expect(await balance(bench)).toBe(700);
  });

  test("when the engine refuses the answer, and once only", async () => {
    const bench = await loaded(700);
    const running = await called(bench, "sale");
    expect(await balance(bench)).toBe(0);
    for (let i = 0; i < 2; i++) running?.tell({ type: SERVICE_EVENTS.responseRejected, data: {} });
    expect(await balance(bench)).toBe(700);
  });

  test("I6: when the payment was cancelled after the debit", async () => {
    const held: { cancel?: () => void } = {};
    const others = [
      scripted("button", { POST_CARD_READING: () => held.cancel?.() }, { info: UNABLE }),
    ];
    const bench = await loaded(700, {}, { others });
    held.cancel = () => void bench.engine.cancel(FIRST.id);
    const response = await bench.pay(payer());
    expect(bench.store.durable("account-entry")).toHaveLength(1);
    expect(response).toMatchObject({ outcome: "failed", failureReason: "cancelled" });
    expect(await balance(bench)).toBe(700);
  });
});

describe("I2: a reversal", () => {
  test("of a part is done once for each step, and never above what was taken", async () => {
    const bench = await loaded(1000);
    await bench.pay(payer());
    const part = (minor: number, step: string) =>
      bench.operate(
        "reversal",
        reversal({ amounts: amounts(minor), stepAttempt: text(step) }),
        "gift",
      );
    expect((await part(300, "s1")).success).toBe(true);
    expect((await part(300, "s1")).success).toBe(true);
    expect(await balance(bench)).toBe(300);
    // The same step with another amount is a mistake that must not pass for done.
    expect((await part(400, "s1")).success).toBe(false);
    expect((await part(701, "s2")).success).toBe(false);
    expect((await part(700, "s2")).success).toBe(true);
    expect((await part(1, "s3")).success).toBe(false);
    expect(await balance(bench)).toBe(1000);
  });

  test("of a transaction that it never heard of succeeds, and a later debit of it is refused", async () => {
    const bench = await loaded(1000);
    expect((await bench.operate("reversal", reversal(), "gift")).success).toBe(true);
    expect((await bench.pay(payer())).outcome).toBe("fulfilled");
    expect(bench.bank.inputs("TRANSACTION_PROCESSING")).toHaveLength(1);
    expect(await balance(bench)).toBe(1000);
  });

  test("of a part of what it never heard of is refused: the money is owed", async () => {
    const bench = await loaded(1000);
    const data = reversal({ amounts: amounts(1), stepAttempt: text("s") });
    expect((await bench.operate("reversal", data, "gift")).success).toBe(false);
  });
});

test("I1: a hold keeps the final amount when it is completed, once, and gives the rest back", async () => {
  const bench = await loaded(1500);
  const held = await bench.pay({ ...payer(), flowType: "preAuthorisation" });
  expect(await balance(bench)).toBe(500);
  const references = held.transactions[0]?.responses[0]?.references ?? {};
  for (const id of ["c1", "c2"]) {
    const completion = { id, flowType: "preAuthCompletion", amounts: gbp(400), data: references };
    const response = await bench.pay({ ...payer(), ...completion });
    expect(response.transactions[0]?.responses).toMatchObject([
      { amounts: gbp(400), service: "gift" },
    ]);
    expect(await balance(bench)).toBe(1100);
  }
  // The hold of another service's is not ours to complete.
  const foreign = { ...references, paymentService: text("other") };
  const completion = { id: "c3", flowType: "preAuthCompletion", data: foreign };
  const other = await bench.pay({ ...payer(), ...completion });
  expect(other.transactions[0]?.responses.map(({ service }) => service)).toEqual(["bank"]);
  expect(await balance(bench)).toBe(1100);
  await bench.operate("reversal", { ...references, transactionId: text("c1/1") }, "gift");
  expect(await balance(bench)).toBe(1500);
});

describe("I11: hostile requests", () => {
  test("nobody but the operator loads, and nobody else but the sale sees a balance", async () => {
    const bench = await loaded(100);
    const data = { account: text(CUSTOMER), amounts: amounts(100) };
    for (const [id, by] of [
      ["a", "sale"],
      ["b", "thief"],
    ] as const) {
      const said = await bench.ask({ id, type: "storedValueLoad", data, source: by }, { id: by });
      expect(said).toMatchObject({ success: false });
    }
    const asked = { id: "c", type: "storedValueBalance", data, source: "thief" };
    expect(await bench.ask(asked, { id: "thief" })).toMatchObject({ success: false, data: {} });
    expect(await balance(bench)).toBe(100);
  });

  test("a load is bounded, above zero, and done once for its key", async () => {
    const bench = await loaded(100, { balanceMaxMinor: 1000 });
    const load = (minor: number, more = {}) =>
      bench.operate("storedValueLoad", {
        account: text(CUSTOMER),
        amounts: amounts(minor),
        ...more,
      });
    expect((await load(901)).success).toBe(false);
    expect((await load(0)).success).toBe(false);
    for (let i = 0; i < 2; i++) {
      expect((await load(900, { stepAttempt: text("k") })).success).toBe(true);
    }
    expect(await balance(bench)).toBe(1000);
    expect((await bench.operate("storedValueLoad", { amounts: amounts(1) })).success).toBe(false);
  });

  test("an account that is damaged on disk pays nothing, and the sale goes on", async () => {
    const store = simStore();
    const bench = await loaded(2500, {}, { store });
    const [record] = store.durable("account");
    for (const body of ["{", '{"balances":{"GBP":"9"},"loads":[]}', '{"balances":{"GBP":1e99}}']) {
      store.corruptBody("account", record?.id ?? "", body);
      const id = `sale ${body.length}`;
      expect((await bench.pay({ ...payer(), id })).outcome).toBe("fulfilled");
    }
    expect(bench.bank.inputs("TRANSACTION_PROCESSING").map((one) => one.amounts.base)).toEqual([
      1000, 1000, 1000,
    ]);
  });

  test("a disk that is full takes nothing from anybody", async () => {
    const store = simStore();
    const bench = await loaded(2500, {}, { store });
    store.setFull(true);
    const started = bench.engine.pay({ ...FIRST, ...payer() }, { id: "sale" });
    await bench.world.runFor(10_000);
    store.setFull(false);
    if (started.ok)
      await Promise.race([started.ended.catch(() => {}), bench.world.runFor(600_000)]);
    expect(await balance(bench)).toBe(2500);
  });
});

test("an account is kept over a restart, apart from that of another service", async () => {
  const store = simStore();
  await loaded(700, {}, { store });
  const again = await openBench({ uses: [USE], store });
  const data = { account: text(CUSTOMER), currency: text("GBP") };
  const asked = { id: "later", type: "storedValueBalance", data };
  expect(await again.ask(asked, { id: "operator" })).toMatchObject({
    data: { balance: { value: { value: 700 } } },
  });
  expect(store.durable("account").map(({ id }) => id)).toEqual([`gift/${CUSTOMER}`]);
});
