// The payment application against a payment host that is played: which attempts it makes, in which order and under
// which keys, and that it answers with all that reversal and completion need.

import { expect, test } from "vitest";
import { applicationInfo } from "../../../../firmware/payment/application/application-info.ts";
import { openPaymentApplication } from "../../../../firmware/payment/application/payment-application.ts";
import type { CalledStage, StageCall } from "../../../../firmware/payment/engine/service.ts";
import type { Amounts } from "../../../../firmware/payment/model/amounts.ts";
import type { Data } from "../../../../firmware/payment/model/data.ts";
import type { Response } from "../../../../firmware/payment/model/request.ts";
import type { TransactionResponse } from "../../../../firmware/payment/model/transaction.ts";
import type { HostAnswer, HostCredential, PaymentHost } from "../../../../hal/payment-host.ts";
import { simWorld } from "../../../../hal/sim/world.ts";

const ORDER = "0123456789abcdef";
const TRANSACTION = `${ORDER}/1`;
const NOBODY: HostAnswer = { kind: "declined", why: "unknown-reference" };

function credential(byte: number): HostCredential {
  const part = new Uint8Array(24).fill(byte);
  return { kind: "sealed", payerKey: part, nonce: part, box: part };
}

function approval(reference: string, amountMinor: number): HostAnswer {
  return {
    kind: "approved",
    reference,
    amountMinor,
    card: { network: "visa", entryMethod: "manual", token: "t1", maskedPan: "411111******1111" },
    record: {
      merchantId: "M1",
      terminalId: "T1",
      merchantName: "Shop",
      timeMs: 5,
      authCode: "A1B2C3",
      responseCode: "00",
    },
  };
}

/** A host of which every call is written down; what it answers is given by step and, where asked for, its number. */
function playedHost(answers: Record<string, (amountMinor: number) => HostAnswer>) {
  const calls: string[] = [];
  const say = (attempt: string, step: string, amountMinor: number): Promise<HostAnswer> => {
    calls.push(`${step} ${attempt} ${amountMinor}`);
    const answer = answers[attempt] ?? answers[step];
    return Promise.resolve(answer === undefined ? NOBODY : answer(amountMinor));
  };
  const host: PaymentHost = {
    canQuery: true,
    publicKey: new Uint8Array(32),
    simulated: true,
    tokenise: (attempt) => say(attempt, "tokenise", 0),
    authorise: (attempt, _credential, binding, asked) =>
      say(attempt, "authorise", asked ?? binding.amountMinor),
    capture: (attempt, _reference, { amountMinor }) => say(attempt, "capture", amountMinor),
    refund: (attempt, _reference, { amountMinor }) => say(attempt, "refund", amountMinor),
    reverse: (attempt, reversed) => say(attempt, `reverse ${reversed}`, 0),
    query: (attempt) => say(attempt, "query", 0),
    onLateAnswer: () => undefined,
    closeBatch: () =>
      Promise.resolve({
        kind: "closed",
        batch: "7",
        captures: 2,
        capturedMinor: 150,
        refunds: 0,
        refundedMinor: 0,
      }),
  };
  return { host, calls };
}

function opened(
  answers: Record<string, (amountMinor: number) => HostAnswer>,
  credentials = [credential(1)],
) {
  const { host, calls } = playedHost(answers);
  const world = simWorld({ seed: 1 });
  const application = openPaymentApplication({ host, clock: world.clock, log: () => undefined });
  const binding = { offer: new Uint8Array(16), amountMinor: 1300, currency: "EUR" };
  const evidence = new Uint8Array(16).fill(9);
  application.entrust(TRANSACTION, { credentials, binding, evidence, identify: true });
  const said: string[] = [];
  const ask = async (stage: CalledStage, input: object): Promise<unknown> => {
    let answer: unknown;
    const call = { id: "c", stage, flowType: "", initiator: "sale", background: false, input };
    application.call(call as StageCall, {
      acknowledged: () => undefined,
      audit: (_severity, text) => said.push(text),
      event: () => undefined,
      respond: (_id, output) => {
        answer = output;
      },
      failed: (code, message) => {
        answer = { code, message };
      },
    });
    await world.runWhile(() => answer === undefined, 600_000);
    return answer;
  };
  return { application, host, calls, said, ask };
}

type Bench = ReturnType<typeof opened>;

function pay(
  { ask }: Bench,
  flowType: string,
  amounts: Amounts,
  data: Data = {},
): Promise<TransactionResponse> {
  return ask("TRANSACTION_PROCESSING", {
    id: "r",
    transactionId: TRANSACTION,
    flowType,
    stage: "TRANSACTION_PROCESSING",
    amounts,
    baskets: [],
    data,
    card: { data: {} },
    audience: "customer",
  }) as Promise<TransactionResponse>;
}

function request({ ask }: Bench, type: string, data: Data): Promise<Response> {
  return ask("GENERIC", {
    id: TRANSACTION,
    type,
    data,
    background: true,
    source: "sale",
  }) as Promise<Response>;
}

const eur = (base: number, additional: Record<string, number> = {}): Amounts => {
  return { currency: "EUR", base, additional };
};
const all = (reference: string) => (amountMinor: number) => approval(reference, amountMinor);
const declined = (why: "declined" | "credential-used") => () => ({
  kind: "declined" as const,
  why,
});
const text = (value: string) => ({ is: "text", value }) as const;

test("F127 F128: a sale is authorised and captured, and answered with all that a receipt and a reversal need", async () => {
  const bench = opened({ authorise: all("H1"), capture: all("H1") });
  const response = await pay(bench, "sale", eur(1000, { tip: 300 }));
  expect(bench.calls).toEqual([
    `authorise ${TRANSACTION}/authorise 1300`,
    `capture ${TRANSACTION}/capture 1300`,
  ]);
  expect(response).toMatchObject({
    id: "r",
    outcome: "approved",
    amounts: eur(1000, { tip: 300 }),
    paymentMethod: "card",
    responseCode: "00",
    card: { token: { value: "t1", source: "card" }, data: { network: text("visa") } },
  });
  expect(response.references).toMatchObject({
    transactionId: text(TRANSACTION),
    hostReference: text("H1"),
    hostAttempt: text(`${TRANSACTION}/authorise`),
    merchantId: text("M1"),
    merchantName: text("Shop"),
    terminalId: text("T1"),
    authCode: text("A1B2C3"),
    acquirerResponseCode: text("00"),
    transactionDateTime: { is: "integer", value: 5 },
  });
});

test("F127: a hold is not captured; its completion is, under the key that is given, as often as it is asked for", async () => {
  const bench = opened({ authorise: all("H1"), capture: all("H1") });
  const { references } = await pay(bench, "preAuthorisation", eur(1300));
  expect(bench.calls).toHaveLength(1);
  const data = { ...references, stepAttempt: text("key") };
  for (const _ of [1, 2]) {
    expect(await pay(bench, "preAuthCompletion", eur(400), data)).toMatchObject({
      outcome: "approved",
      amounts: eur(400),
    });
  }
  expect(bench.calls.slice(1)).toEqual(["capture key 400", "capture key 400"]);
});

test("a refund finds its way by the references, and without them nowhere", async () => {
  const bench = opened({ refund: all("H1") });
  const data = { hostReference: text("H1"), stepAttempt: text("back") };
  expect(await pay(bench, "refund", eur(250), data)).toMatchObject({ outcome: "approved" });
  expect(await pay(bench, "refund", eur(250))).toMatchObject({ outcome: "declined" });
  expect(bench.calls).toEqual(["refund back 250"]);
});

test("F82 F83: a part that is authorised fills the base first, then the rest in proportion, exactly", async () => {
  const bench = opened({ authorise: () => approval("H1", 1150), capture: all("H1") });
  const response = await pay(bench, "sale", eur(1000, { tip: 200, charity: 100 }));
  expect(response.amounts).toEqual(eur(1000, { tip: 100, charity: 50 }));
});

test("credentials are tried in turn: past one that is declined, on from one that covers a part", async () => {
  const second = `${TRANSACTION}/authorise/2`;
  const bench = opened(
    {
      [`${TRANSACTION}/authorise`]: declined("credential-used"),
      [second]: () => approval("H2", 500),
      authorise: all("H3"),
      capture: all("x"),
    },
    [credential(1), credential(2), credential(3)],
  );
  expect(await pay(bench, "sale", eur(1300))).toMatchObject({ amounts: eur(500) });
  expect(await pay(bench, "sale", eur(800))).toMatchObject({ amounts: eur(800) });
  expect(await pay(bench, "sale", eur(10))).toMatchObject({ outcome: "declined" });
  expect(bench.calls.filter((call) => call.startsWith("authorise"))).toEqual([
    `authorise ${TRANSACTION}/authorise 1300`,
    `authorise ${second} 1300`,
    `authorise ${TRANSACTION}/authorise/3 800`,
  ]);
});

test("each card that was declined is said before the next one is tried, and the last one by the answer", async () => {
  const cards = [credential(1), credential(2), credential(3)];
  const no: HostAnswer = { kind: "declined", why: "declined" };
  const used: HostAnswer = { kind: "declined", why: "credential-used" };
  const first = `${TRANSACTION}/authorise`;
  const answers = {
    [first]: () => no,
    [`${first}/2`]: () => used,
    capture: () => approval("r3", 1300),
  };
  const good = opened({ ...answers, [`${first}/3`]: () => approval("r3", 1300) }, cards);
  expect(await pay(good, "sale", eur(1300))).toMatchObject({ outcome: "approved" });
  const before = [
    "the payment host says of card 1: declined; the next one is tried",
    "the payment host says of card 2: credential-used; the next one is tried",
  ];
  expect(good.said).toEqual(before);
  const bad = opened({ ...answers, [`${first}/3`]: () => no }, cards);
  expect(await pay(bad, "sale", eur(1300))).toMatchObject({ outcome: "declined" });
  expect(bad.said).toEqual([...before, "declined"]);
});

test("I2: more than was asked for, or under a reference that no receipt can hold, is undone", async () => {
  for (const answer of [approval("H1", 1301), approval("", 1300), approval("H1", 0)]) {
    const bench = opened({
      authorise: () => answer,
      [`reverse ${TRANSACTION}/authorise`]: all(""),
    });
    expect(await pay(bench, "sale", eur(1300))).toMatchObject({ outcome: "declined" });
    expect(bench.calls.at(-1)).toBe(`reverse ${TRANSACTION}/authorise ${TRANSACTION}/reverse 0`);
  }
});

test("a reversal by references undoes that attempt, by the transaction alone all of them", async () => {
  const answers = {
    authorise: (amountMinor: number) => approval("H", Math.min(500, amountMinor)),
    capture: all("H"),
    [`reverse ${TRANSACTION}/authorise`]: all(""),
    [`reverse ${TRANSACTION}/authorise/2`]: all(""),
  };
  const bench = opened(answers, [credential(1), credential(2)]);
  await pay(bench, "sale", eur(1000));
  const { references } = await pay(bench, "sale", eur(500));
  const reversals = () => bench.calls.filter((call) => call.startsWith("reverse"));
  expect(await request(bench, "reversal", references)).toMatchObject({ success: true });
  expect(reversals()).toEqual([`reverse ${TRANSACTION}/authorise/2 ${TRANSACTION}/reverse/2 0`]);
  const byTransaction = { transactionId: text(TRANSACTION) };
  expect(await request(bench, "reversal", byTransaction)).toMatchObject({ success: true });
  expect(reversals()[1]).toBe(`reverse ${TRANSACTION}/authorise ${TRANSACTION}/reverse 0`);
  // Said again it does nothing more.
  expect(await request(bench, "reversal", byTransaction)).toMatchObject({ success: true });
  expect(reversals()).toHaveLength(2);
});

test("a transaction that nobody remembers is reversed wherever it may have been charged", async () => {
  const bench = opened({
    "reverse other/1/authorise": all(""),
    "reverse other/1/authorise/2": all(""),
    "reverse other/1/authorise/3": all(""),
  });
  const response = await request(bench, "reversal", { transactionId: text("other/1") });
  expect(response.success).toBe(true);
  expect(bench.calls).toHaveLength(3);
});

test("a reversal of a refund, or of nothing that is named, fails cleanly", async () => {
  const bench = opened({});
  const refund = { transactionId: text("x/1"), hostAttempt: text(`${TRANSACTION}/refund`) };
  expect(await request(bench, "reversal", refund)).toMatchObject({ success: false });
  expect(await request(bench, "reversal", {})).toMatchObject({ success: false });
  expect(await request(bench, "teaMaking", {})).toMatchObject({ success: false });
  expect(bench.calls).toEqual([]);
});

test("F129: a card is read without being charged, a token made of it, and a batch closed", async () => {
  const bench = opened({ tokenise: all("T") });
  const read = await bench.ask("PAYMENT_CARD_READING", { id: "r", transactionId: TRANSACTION });
  expect(read).toMatchObject({ outcome: "approved", card: { token: { value: "t1" } } });
  expect(await request(bench, "tokenisation", {})).toMatchObject({
    success: true,
    data: { token: { is: "token", value: { value: "t1", source: "card" } } },
  });
  expect(await request(bench, "batchClosure", {})).toMatchObject({
    success: true,
    data: { batchNumber: text("7"), capturedMinor: { is: "integer", value: 150 } },
  });
});

test("a batch closure at a host without batches fails, and says why", async () => {
  const bench = opened({});
  delete bench.host.closeBatch;
  expect(applicationInfo(bench.host).flowTypes).toContain("batchClosure");
  expect(await request(bench, "batchClosure", {})).toMatchObject({
    success: false,
    outcomeMessage: "the payment host has no batches",
  });
});

test("a host that throws, then says nothing, is asked until it says what became of the attempt", async () => {
  let time = 0;
  const authorise = (): HostAnswer => {
    time += 1;
    if (time === 1) throw new Error("no line");
    return { kind: "no-answer" };
  };
  const bench = opened({ authorise, query: () => approval("H1", 1300), capture: all("H1") });
  expect(await pay(bench, "sale", eur(1300))).toMatchObject({ outcome: "approved" });
  expect(bench.calls.filter((call) => call.startsWith("capture"))).toHaveLength(1);
});

test("I6: an approval that comes while it is being undone is not captured", async () => {
  const bench = opened({ capture: all("H1"), [`reverse ${TRANSACTION}/authorise`]: all("") });
  let answer: (approved: HostAnswer) => void = () => undefined;
  bench.host.authorise = () =>
    new Promise((resolve) => {
      answer = resolve;
    });
  const paying = pay(bench, "sale", eur(1300));
  await bench.application.abandon(TRANSACTION);
  answer(approval("H1", 1300));
  expect(await paying).toMatchObject({ outcome: "declined" });
  expect(bench.calls).toEqual([`reverse ${TRANSACTION}/authorise ${TRANSACTION}/reverse 0`]);
});

test("I12: nothing of a credential is in an answer, or said of one", async () => {
  const bench = opened({ authorise: declined("declined") });
  const response = await pay(bench, "sale", eur(1300));
  const told = JSON.stringify([response, bench.said, bench.application.outcomeOf(TRANSACTION)]);
  expect(told).not.toMatch(/(01){8}/);
  expect(bench.said).toEqual(["declined"]);
});

test("I6: a reversal that the host refuses is no reversal, and is told as what it is", async () => {
  const refusing = { [`reverse ${TRANSACTION}/authorise`]: declined("declined") };
  const one = opened({ authorise: all("H1"), capture: all("H1"), ...refusing });
  const { references } = await pay(one, "sale", eur(1300));
  expect(await request(one, "reversal", references)).toMatchObject({ success: false });
  const whole = opened({ authorise: all("H1"), capture: all("H1"), ...refusing });
  await pay(whole, "sale", eur(1300));
  const named = { transactionId: text(TRANSACTION) };
  expect(await request(whole, "reversal", named)).toMatchObject({ success: false });
  // Whoever waits for all of it to be undone waits for ever only where the host says nothing.
  await whole.application.abandon(TRANSACTION);
});
