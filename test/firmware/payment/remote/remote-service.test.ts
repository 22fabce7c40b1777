// A flow service elsewhere takes part as one of the process does; what it is not allowed, and what does not arrive,
// harms nobody.

import { expect, test } from "vitest";
import type { PaymentResponse } from "../../../../firmware/payment/model/payment.ts";
import type { TransactionRequest } from "../../../../firmware/payment/model/transaction.ts";
import { UnfitAnswer } from "../../../../firmware/payment/rules/unfit-answer.ts";
import { asked, callOf, Ear, REQUEST, remoteBench, ScriptedService } from "./remote-bench.ts";

const PAID = {
  amountsPaid: { currency: "GBP", base: 400, additional: {} },
  paidWith: "giftCard",
  references: { account: { is: "text", value: "a-1" } },
} as const;
const ACCEPTED = { type: "responseAccepted", data: {} };

test("a call is put, acknowledged, answered and accepted, with what the service says meanwhile", async () => {
  const bench = remoteBench();
  const service = new ScriptedService("gift", ["PRE_TRANSACTION"], { canPayAmounts: true });
  const progress = { type: "progressMessage", data: {} };
  service.onCall = (call, listener) => {
    listener.audit("warning", "low balance");
    listener.event(progress);
    listener.respond(call.id, PAID);
  };
  const { remote, watched } = await bench.attach(service);
  expect(remote.remote).toBe(true);
  expect(await asked(bench, remote.info())).toMatchObject({ id: "gift", canPayAmounts: true });

  const ear = new Ear();
  const running = remote.call(callOf(), ear);
  await bench.world.runFor(50);
  expect(ear.heard).toEqual([
    ["acknowledged"],
    ["audit", "warning", "low balance"],
    ["event", progress],
    ["respond", "call-1", PAID],
  ]);
  expect(service.calls).toEqual([callOf()]);
  expect(Object.isFrozen(service.calls[0]?.input)).toBe(true);
  running.tell(ACCEPTED);
  await bench.world.runFor(50);
  expect(service.told).toEqual([ACCEPTED]);
  expect(watched.map(({ how }) => how)).toEqual(["called", "answered", "accepted"]);
  expect(bench.remotes.list()).toMatchObject([{ isConnected: true, dropped: 0 }]);
});

test("an empty answer, a failure and an answer for another request come through as they are", async () => {
  const bench = remoteBench();
  const service = new ScriptedService("gift", ["PRE_TRANSACTION"]);
  const { remote } = await bench.attach(service);
  const ears = [];
  for (const answer of [
    (listener: Ear) => listener.respond("call-1", undefined),
    (listener: Ear) => listener.failed("busy", "later"),
    (listener: Ear) => listener.respond("call-9", undefined),
  ]) {
    service.onCall = (_, listener) => answer(listener as Ear);
    const ear = new Ear();
    remote.call(callOf(), ear);
    await bench.world.runFor(50);
    ears.push(ear.heard.at(-1));
  }
  expect(ears).toEqual([
    ["respond", "call-1", undefined],
    ["failed", "busy", "later"],
    ["respond", "call-9", undefined],
  ]);
});

test("an answer that is too large is not sent: it is refused as that, and the next call is fine", async () => {
  const bench = remoteBench();
  const service = new ScriptedService("gift", ["PRE_TRANSACTION"]);
  const { remote, watched } = await bench.attach(service);
  const large = Object.fromEntries(
    Array.from({ length: 20 }, (_, i) => [`k${i}`, { is: "text", value: "x".repeat(500) }]),
  );
  service.onCall = (call, listener) => listener.respond(call.id, { requestData: large });
  const ear = new Ear();
  remote.call(callOf(), ear);
  await bench.world.runFor(50);
  expect(ear.heard).toEqual([["acknowledged"], ["respond", "call-1", expect.any(UnfitAnswer)]]);
  expect(ear.heard[1]?.[2]).toMatchObject({ rejection: "too-large" });
  expect(watched.at(-1)?.how).toBe("unfit");

  service.onCall = (call, listener) => listener.respond(call.id, { requestData: "no bag" });
  const malformed = new Ear();
  remote.call(callOf(), malformed);
  await bench.world.runFor(50);
  expect(malformed.heard[1]?.[2]).toMatchObject({ rejection: "malformed" });

  service.onCall = (call, listener) => listener.respond(call.id, PAID);
  const next = new Ear();
  remote.call(callOf(), next);
  await bench.world.runFor(50);
  expect(next.heard.at(-1)).toEqual(["respond", "call-1", PAID]);
});

test("a request that is too large is not sent: the service never hears of it", async () => {
  const bench = remoteBench();
  const service = new ScriptedService("gift", ["PRE_TRANSACTION"]);
  const { remote } = await bench.attach(service);
  const data = Object.fromEntries(
    Array.from({ length: 20 }, (_, i) => [
      `k${i}`,
      { is: "text", value: "x".repeat(500) } as const,
    ]),
  );
  const ear = new Ear();
  const running = remote.call(callOf({ input: { ...REQUEST, data } }), ear);
  await bench.world.runFor(50);
  expect(ear.heard).toEqual([["respond", "call-1", expect.any(UnfitAnswer)]]);
  expect(ear.heard[0]?.[2]).toMatchObject({ rejection: "too-large" });
  running.tell(ACCEPTED);
  await bench.world.runFor(5_000);
  expect([service.calls, service.told]).toEqual([[], []]);
  expect(ear.heard.length).toBe(1);
});

const CARD = {
  maskedPan: "541333******1234",
  token: { value: "tok-of-card", source: "card" },
  data: { network: { is: "text", value: "visa" } },
} as const;
const WITH_CARD: TransactionRequest = {
  ...REQUEST,
  card: CARD,
  customer: {
    id: "c-1",
    tokens: [
      { value: "tok-of-card", source: "card" },
      { value: "tok-of-what" },
      { value: "points-7", source: "points" },
    ],
    details: { wallet: { is: "card", value: CARD } },
  },
  data: {
    shown: { is: "card", value: CARD },
    kept: { is: "token", value: { value: "tok-of-card", source: "card" } },
    whose: {
      is: "customer",
      value: { id: "c-2", tokens: [{ value: "tok-of-card" }], details: {} },
    },
    card: { is: "text", value: "gold member" },
  },
};

test("I12: card data is sent only where the grant says so, however deep it lies", async () => {
  for (const card of [false, true]) {
    const bench = remoteBench();
    const service = new ScriptedService("points", ["PRE_TRANSACTION"]);
    const { remote } = await bench.attach(service, { card });
    remote.call(callOf({ input: WITH_CARD }), new Ear());
    await bench.world.runFor(50);
    const [call] = service.calls;
    if (card) {
      expect(call?.input).toEqual(WITH_CARD);
      continue;
    }
    expect(JSON.stringify(call)).not.toMatch(/tok-of|5413|visa/);
    expect(call?.input).toMatchObject({
      card: { data: {} },
      customer: { id: "c-1", tokens: [{ value: "points-7" }] },
      data: { card: { is: "text", value: "gold member" }, whose: { is: "customer" } },
    });
  }
});

test("a service is told why it takes no part, says when its info changed, and hears how a flow ended", async () => {
  const bench = remoteBench();
  const service = new ScriptedService("gift", ["PRE_TRANSACTION"]);
  const { remote } = await bench.attach(service);
  let notices = 0;
  remote.onInfoChanged(() => {
    notices += 1;
  });
  expect(await asked(bench, Promise.resolve(remote.refused("overReaching", "too much")))).toBe(
    true,
  );
  expect(service.refusals).toEqual([["overReaching", "too much"]]);
  await asked(bench, remote.info());
  service.changed();
  await bench.world.runFor(50);
  expect(notices).toBe(1);

  const response = {
    id: "r-1",
    type: "balance",
    success: true,
    outcomeMessage: "",
    data: { kept: { is: "token", value: { value: "tok-of-card", source: "card" } } },
    background: false,
  } as const;
  const payment: PaymentResponse = {
    id: "p-1",
    payment: {
      id: "p-1",
      flowType: "sale",
      amounts: REQUEST.amounts,
      splitEnabled: false,
      cardToken: { value: "tok-of-card", source: "card" },
      data: {},
      source: "sale",
    },
    outcome: "fulfilled",
    failureReason: "none",
    allTransactionsApproved: true,
    requested: REQUEST.amounts,
    processed: REQUEST.amounts,
    transactions: [],
    createdMs: 1,
    postFlow: [],
  };
  remote.ended?.(response);
  remote.ended?.(payment);
  await bench.world.runFor(50);
  expect(service.responses).toMatchObject([
    { id: "r-1", data: {} },
    { id: "p-1", outcome: "fulfilled" },
  ]);
  expect(JSON.stringify(service.responses)).not.toContain("tok-of");
});
