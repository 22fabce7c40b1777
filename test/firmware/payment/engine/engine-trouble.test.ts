// What services do wrong, and what the engine makes of it: nobody is harmed, and money finds its way back.

import { describe, expect, test } from "vitest";
import type { FlowSettings } from "../../../../firmware/payment/config/settings.ts";
import type { CalledStage } from "../../../../firmware/payment/engine/service.ts";
import {
  answered,
  approval,
  approving,
  decline,
  FIRST,
  gbp,
  type Handlers,
  openSite,
  type ScriptedService,
  SILENT,
  saleFlow,
  scripted,
  texts,
} from "./engine-site.ts";

const BANK = { TRANSACTION_PROCESSING: ["bank"] } as const;
const LIMITS = { limits: { offerMinor: 1000, maximumMinor: 1000 } };
const ID = texts({ transactionId: `${FIRST.id}/1` });

function told(service: ScriptedService): string[] {
  return service.told.map(({ type }) => type);
}

test("F88, I14: a refused answer changes nothing, the flow goes on, and the service hears why", async () => {
  const greedy = scripted("greedy", {
    PRE_TRANSACTION: () => ({
      updatedAmounts: gbp(5000, { tip: 10 }),
      requestData: texts({ trace: "left" }),
      amountsPaid: gbp(0),
      paidWith: "points",
    }),
  });
  const bank = approving("bank");
  const flows = [saleFlow({ ...BANK, PRE_TRANSACTION: ["greedy"] })];
  const site = await openSite({ services: [greedy, bank], flows });
  const response = await site.pay();
  expect(response).toMatchObject({ outcome: "fulfilled", requested: gbp(1000) });
  expect(response.transactions[0]).toMatchObject({ executed: [], data: {} });
  expect(bank.inputs("TRANSACTION_PROCESSING")[0]).toMatchObject({ amounts: gbp(1000), data: {} });
  const event = greedy.told[0];
  expect(event).toMatchObject({
    type: "responseRejected",
    request: FIRST.id,
    service: "greedy",
    data: { rejectedReason: { is: "text" }, rejectedCode: { is: "integer", value: 30 } },
  });
});

test("I14, defect 21: an accepted answer is recorded with who changed what, a refused one with its code", async () => {
  const tip = scripted("tip", {
    PRE_TRANSACTION: ({ amounts }) => ({
      updatedAmounts: { ...amounts, additional: { tip: 5 } },
    }),
  });
  const thief = scripted("thief", {
    PRE_TRANSACTION: ({ amounts }) => ({ updatedAmounts: { ...amounts, additional: {} } }),
  });
  const flows = [saleFlow({ ...BANK, PRE_TRANSACTION: ["tip", "thief"] })];
  const site = await openSite({ services: [tip, thief, approving("bank")], flows });
  await site.pay();
  const entries = await site.engine.audit(FIRST.id);
  expect(entries).toContainEqual(
    expect.objectContaining({
      kind: "accepted",
      stage: "PRE_TRANSACTION",
      service: "tip",
      transaction: `${FIRST.id}/1`,
      augmented: ["amounts"],
    }),
  );
  expect(entries).toContainEqual(
    expect.objectContaining({ kind: "rejected", service: "thief", code: 31 }),
  );
});

test("F89: a skip is accepted, and told so", async () => {
  const quiet = scripted("quiet", { PRE_TRANSACTION: () => ({}) });
  const flows = [saleFlow({ ...BANK, PRE_TRANSACTION: ["quiet"] })];
  const site = await openSite({ services: [quiet, approving("bank")], flows });
  const response = await site.pay();
  expect(told(quiet)).toEqual(["responseAccepted"]);
  expect(response.transactions[0]?.executed).toEqual([
    { service: "quiet", stage: "PRE_TRANSACTION", augmented: [] },
  ]);
});

describe("F90, F93: time-outs by stage", () => {
  const stages: [CalledStage, keyof FlowSettings, number][] = [
    ["PRE_FLOW", "flowResponseTimeoutSeconds", 11],
    ["SPLIT", "splitResponseTimeoutSeconds", 13],
    ["PRE_TRANSACTION", "flowResponseTimeoutSeconds", 11],
    ["PAYMENT_CARD_READING", "flowResponseTimeoutSeconds", 11],
    ["POST_CARD_READING", "flowResponseTimeoutSeconds", 11],
    ["TRANSACTION_PROCESSING", "paymentResponseTimeoutSeconds", 17],
    ["POST_TRANSACTION", "flowResponseTimeoutSeconds", 11],
    ["POST_FLOW", "flowResponseTimeoutSeconds", 11],
  ];
  test.each(stages)(
    "%s ends after its own time, and the flow goes on",
    async (stage, _, seconds) => {
      const settings = {
        alwaysCallPreFlow: true,
        flowResponseTimeoutSeconds: 11,
        splitResponseTimeoutSeconds: 13,
        paymentResponseTimeoutSeconds: 17,
      };
      const mute = scripted("mute", { [stage]: () => SILENT });
      const listed = { FULFILLED_CHECK: [], TRANSACTION_PROCESSING: ["bank"], [stage]: ["mute"] };
      const withBank =
        stage === "TRANSACTION_PROCESSING"
          ? { ...listed, TRANSACTION_PROCESSING: ["mute", "bank"] }
          : listed;
      const flows = [saleFlow(withBank)];
      const site = await openSite({ services: [mute, approving("bank")], flows, settings });
      const response = await site.pay({ splitEnabled: true });
      expect(response).toMatchObject({ outcome: "fulfilled", processed: gbp(1000) });
      expect(told(mute).slice(0, 1)).toEqual(["finishImmediately"]);
      const finished = (await site.engine.audit(FIRST.id)).find(({ kind }) => kind === "timed-out");
      const called = (await site.engine.audit(FIRST.id)).find(({ kind }) => kind === "called");
      const begin =
        stage === "TRANSACTION_PROCESSING" || called?.stage === stage ? called : finished;
      expect(finished).toMatchObject({ stage, service: "mute" });
      if (begin !== finished) {
        expect((finished?.atMs ?? 0) - (begin?.atMs ?? 0)).toBe(1000 * seconds);
      }
    },
  );

  test("without a time-out the flow waits, and ends with the flow's own bound", async () => {
    const mute = scripted("mute", { PRE_TRANSACTION: () => SILENT });
    const flows = [saleFlow({ ...BANK, PRE_TRANSACTION: ["mute"] })];
    const bank = approving("bank");
    const settings = { flowResponseTimeoutSeconds: 0 };
    const site = await openSite({ services: [mute, bank], flows, settings });
    const response = await site.pay();
    expect(response).toMatchObject({ outcome: "failed", failureReason: "timeout" });
    expect(site.world.nowMs()).toBeGreaterThanOrEqual(4 * 3_600_000);
    expect(bank.calls).toEqual([]);
  });
});

test("F90: an answer that comes late is refused, and changes nothing", async () => {
  let late: () => void = () => {};
  const slow = scripted(
    "slow",
    {
      PRE_TRANSACTION: ({ amounts }, { call, listener }) => {
        const output = { updatedAmounts: { ...amounts, additional: { tip: 50 } } };
        late = () => listener.respond(call.id, output);
        return SILENT;
      },
      POST_TRANSACTION: () => {
        late();
        return undefined;
      },
    },
    { info: { canPayAmounts: false, paymentMethods: [] } },
  );
  const flows = [saleFlow({ ...BANK, PRE_TRANSACTION: ["slow"], POST_TRANSACTION: ["slow"] })];
  const site = await openSite({ services: [slow, approving("bank")], flows });
  expect(await site.pay()).toMatchObject({ requested: gbp(1000), outcome: "fulfilled" });
  expect(told(slow)).toEqual(["finishImmediately", "responseRejected", "responseAccepted"]);
  expect(await site.audit()).toContain("late PRE_TRANSACTION slow 5");
});

test("F90, I2: a payment that is approved late is recorded, and given back", async () => {
  let late: () => void = () => {};
  const bank = approving("bank", {
    TRANSACTION_PROCESSING: (input, { call, listener }) => {
      late = () => listener.respond(call.id, approval(input, input.amounts, { host: "x9" }));
      return SILENT;
    },
  });
  const site = await openSite({ services: [bank], flows: [saleFlow(BANK)] });
  const response = await site.pay({}, LIMITS);
  expect(response).toMatchObject({
    outcome: "failed",
    failureReason: "timeout",
    processed: gbp(0),
  });
  // Nobody knew: it was given back already, by the name of the transaction.
  expect(bank.inputs("GENERIC").map(({ data }) => data)).toEqual([ID]);
  late();
  await site.world.runFor(1000);
  expect(bank.inputs("GENERIC")[1]?.data).toEqual({ ...texts({ host: "x9" }), ...ID });
  const audit = await site.audit();
  expect(audit).toContain("flagged bank 102");
  expect(audit.filter((line) => line.startsWith("undone"))).toHaveLength(2);
  const states = (await site.journal.list(FIRST.id)).map(({ state }) => state);
  expect(states).toEqual(["undone", "undone"]);
});

test("a charge whose answer is refused is kept as evidence, given back, and ends the flow", async () => {
  const bank = approving("bank", {
    TRANSACTION_PROCESSING: (input) => approval(input, gbp(1001), { host: "x1" }),
  });
  const other = approving("other");
  const flows = [saleFlow({ FULFILLED_CHECK: [], TRANSACTION_PROCESSING: ["bank", "other"] })];
  const site = await openSite({ services: [bank, other], flows });
  const response = await site.pay({}, LIMITS);
  expect(response).toMatchObject({ outcome: "failed", failureReason: "error", processed: gbp(0) });
  expect(response.transactions[0]?.responses).toMatchObject([
    { outcome: "declined", references: texts({ host: "x1" }), service: "bank" },
  ]);
  expect(bank.inputs("GENERIC")[0]?.data).toEqual({ ...texts({ host: "x1" }), ...ID });
  expect(other.calls).toEqual([]);
  const audit = await site.audit();
  expect(audit).toContainEqual(expect.stringMatching(/^rejected TRANSACTION_PROCESSING bank 63 /));
  expect(audit).toContain("flagged TRANSACTION_PROCESSING bank 103");
  expect(audit).toContain("undone bank reversal");
});

test("I6: what cannot be given back is owed, and the log says so", async () => {
  const bank = approving("bank", {
    TRANSACTION_PROCESSING: () => SILENT,
    GENERIC: (request) => answered(request, { success: false }),
  });
  const site = await openSite({ services: [bank], flows: [saleFlow(BANK)] });
  const response = await site.pay({}, LIMITS);
  expect(response).toMatchObject({ outcome: "failed", failureReason: "timeout" });
  expect(await site.audit()).toContain("flagged bank 104 the service refuses");
  expect(await site.journal.list(FIRST.id)).toMatchObject([{ state: "owed", service: "bank" }]);
});

test("a reversal is put again until it is answered", async () => {
  let tries = 0;
  const bank = approving("bank", {
    TRANSACTION_PROCESSING: () => SILENT,
    GENERIC: (request, { listener }) => {
      tries++;
      if (tries === 1) return SILENT;
      if (tries === 2) return listener.failed("flowServiceError", "not now");
      return answered(request);
    },
  });
  const site = await openSite({ services: [bank], flows: [saleFlow(BANK)] });
  await site.pay({}, LIMITS);
  expect(tries).toBe(3);
  expect(await site.journal.list(FIRST.id)).toMatchObject([{ state: "undone" }]);
});

test("a reversal that nobody answers keeps the flow no longer, and stays to be done", async () => {
  const bank = approving("bank", {
    TRANSACTION_PROCESSING: () => SILENT,
    GENERIC: () => SILENT,
  });
  const site = await openSite({ services: [bank], flows: [saleFlow(BANK)] });
  await site.pay({}, LIMITS);
  expect(await site.audit()).toContain("flagged bank 104 the service does not answer");
  expect(await site.journal.list(FIRST.id)).toMatchObject([{ state: "undoing" }]);
});

test("I1: a service that pays and then falls silent in the same transaction has paid nothing", async () => {
  const points = scripted("points", {
    PRE_TRANSACTION: () => ({ amountsPaid: gbp(400), paidWith: "points" }),
    POST_CARD_READING: () => SILENT,
  });
  const bank = approving("bank");
  const flows = [saleFlow({ ...BANK, PRE_TRANSACTION: ["points"], POST_CARD_READING: ["points"] })];
  const site = await openSite({ services: [points, bank], flows });
  const response = await site.pay({}, LIMITS);
  expect(bank.inputs("TRANSACTION_PROCESSING")[0]?.amounts).toEqual(gbp(1000));
  expect(response).toMatchObject({ outcome: "fulfilled", processed: gbp(1000) });
  expect(points.inputs("GENERIC").length).toBeGreaterThan(0);
});

test("a value-added payment that is refused is given back, and not counted", async () => {
  const points = scripted("points", {
    PRE_TRANSACTION: () => ({
      amountsPaid: gbp(1001),
      paidWith: "points",
      references: texts({ account: "7" }),
    }),
  });
  const flows = [saleFlow({ ...BANK, PRE_TRANSACTION: ["points"] })];
  const site = await openSite({ services: [points, approving("bank")], flows });
  expect(await site.pay()).toMatchObject({ outcome: "fulfilled", processed: gbp(1000) });
  expect(points.inputs("GENERIC")[0]?.data).toEqual({ ...texts({ account: "7" }), ...ID });
});

describe("F94: abort switches", () => {
  const pay = async (
    settings: Partial<FlowSettings>,
    handlers: Handlers,
    stage: "PRE_TRANSACTION" | "TRANSACTION_PROCESSING",
  ) => {
    const bad = scripted("bad", handlers);
    const first = stage === "TRANSACTION_PROCESSING" ? ["bad", "bank"] : ["bank"];
    const flows = [
      saleFlow({
        FULFILLED_CHECK: [],
        PRE_TRANSACTION: stage === "PRE_TRANSACTION" ? ["bad"] : [],
        TRANSACTION_PROCESSING: first,
      }),
    ];
    return (await openSite({ services: [bad, approving("bank")], flows, settings })).pay();
  };
  const failing: Handlers = {
    PRE_TRANSACTION: (_, { listener }) => listener.failed("flowServiceError", "broken"),
    TRANSACTION_PROCESSING: (_, { listener }) => listener.failed("flowServiceError", "broken"),
  };

  test("off: the outcome of a failed service is ignored, others are tried", async () => {
    expect((await pay({}, failing, "PRE_TRANSACTION")).outcome).toBe("fulfilled");
    expect((await pay({}, failing, "TRANSACTION_PROCESSING")).outcome).toBe("fulfilled");
  });

  test("on: the flow ends with the reason", async () => {
    const failed = { outcome: "failed", failureReason: "error" };
    const app = { shouldAbortOnFlowAppError: true };
    const payment = { shouldAbortOnPaymentError: true };
    expect(await pay(app, failing, "PRE_TRANSACTION")).toMatchObject(failed);
    expect(await pay(payment, failing, "TRANSACTION_PROCESSING")).toMatchObject(failed);
    const mute: Handlers = { PRE_TRANSACTION: () => SILENT, TRANSACTION_PROCESSING: () => SILENT };
    const timeout = { outcome: "failed", failureReason: "timeout" };
    expect(await pay(app, mute, "PRE_TRANSACTION")).toMatchObject(timeout);
    expect(await pay(payment, mute, "TRANSACTION_PROCESSING")).toMatchObject(timeout);
  });

  test("on: a decline is no error", async () => {
    const no: Handlers = { TRANSACTION_PROCESSING: (input) => decline(input) };
    const settings = { shouldAbortOnPaymentError: true };
    expect((await pay(settings, no, "TRANSACTION_PROCESSING")).outcome).toBe("fulfilled");
  });
});
