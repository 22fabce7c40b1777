// A service and the engine: what it says of itself, how a call goes, and that a service which throws, answers twice or
// answers never harms nobody but itself.

import { describe, expect, test } from "vitest";
import { SERVICE_EVENTS } from "../../../../firmware/payment/engine/service.ts";
import type { FlowEvent } from "../../../../firmware/payment/model/flow-event.ts";
import { definePaymentFlowService } from "../../../../firmware/payment/sdk/define-service.ts";
import { ASKED, gbp, INPUTS } from "../rules/rule-inputs.ts";
import { ABLE, PlayedCall, play } from "./played-engine.ts";

describe("service info", () => {
  test("F31: what is left out of the 18 fields has a default", async () => {
    const info = { id: "s", vendor: "V", displayName: "D", currencies: ["EUR", "GBP"] };
    const stages = { POST_FLOW: () => {}, PRE_TRANSACTION: () => {} };
    const service = definePaymentFlowService({ info, stages });
    expect(await service.info()).toEqual({
      ...info,
      packageName: "s",
      serviceVersion: "1.0.0",
      apiVersion: "1.0.0",
      accessible: false,
      flowTypes: [],
      customRequestTypes: [],
      dataKeys: [],
      canAdjustAmounts: false,
      canPayAmounts: false,
      paymentMethods: [],
      // Defect of the original, whose words promised this.
      defaultCurrency: "EUR",
      additionalInfo: {},
      stages: ["POST_FLOW", "PRE_TRANSACTION"],
    });
    expect(service.stages).toEqual(["POST_FLOW", "PRE_TRANSACTION"]);
  });

  test("F37: parts of it may change, and the engine is told", async () => {
    let currencies: string[] = [];
    const service = definePaymentFlowService({
      info: ABLE,
      stages: { POST_FLOW: () => {} },
      latestInfo: async () => ({ currencies, id: "other" }),
    });
    let notices = 0;
    service.onInfoChanged(() => {
      notices++;
    });
    expect((await service.info()).currencies).toEqual([]);
    currencies = ["NOK"];
    service.notifyInfoChanged();
    expect(notices).toBe(1);
    expect(await service.info()).toMatchObject({ id: "service", currencies: ["NOK"] });
  });

  test("F34: it hears why it takes no part, and says whether it did something about it", async () => {
    const heard: unknown[] = [];
    const refused = (...words: unknown[]): boolean => heard.push(words) > 0;
    const stages = {};
    const service = definePaymentFlowService({ info: ABLE, stages, refused });
    expect(await service.refused("retrievalTimeOut", "too slow")).toBe(true);
    expect(heard).toEqual([["retrievalTimeOut", "too slow"]]);
    const deaf = definePaymentFlowService({ info: ABLE, stages });
    expect(await deaf.refused("invalidServiceInfo", "?")).toBe(false);
  });

  test("F101: it hears the final response of a flow in which it took part", () => {
    const heard: unknown[] = [];
    const ended = (response: unknown): void => void heard.push(response);
    definePaymentFlowService({ info: ABLE, stages: {}, ended }).ended?.(INPUTS.POST_FLOW);
    expect(heard).toEqual([INPUTS.POST_FLOW]);
  });
});

describe("a call", () => {
  test("peer 8.16: is acknowledged before anything else happens in it", async () => {
    const played = await play("PRE_TRANSACTION", (model) => model.audit("info", "at work"));
    expect(played.said).toEqual([
      { kind: "acknowledged" },
      { kind: "audit", what: ["info", "at work"] },
    ]);
  });

  test("F15: of a stage that is not implemented fails with that code", async () => {
    const service = definePaymentFlowService({ info: ABLE, stages: { POST_FLOW: () => {} } });
    const info = await service.info();
    const played = new PlayedCall(service, "STATUS_UPDATE", INPUTS.STATUS_UPDATE, info);
    await played.settled();
    expect(played.failures).toEqual([
      // Defect 16: the stage that is named is the one that was called.
      { code: "stageNotSupported", message: "it does not implement STATUS_UPDATE" },
    ]);
  });

  test.each([
    [
      "throws",
      () => {
        throw new Error("broken");
      },
    ],
    ["rejects", () => Promise.reject(new Error("broken"))],
  ])("peer 8.16, F123: whose handler %s has failed with its words", async (_, handler) => {
    const played = await play("PRE_TRANSACTION", handler);
    expect(played.answers).toEqual([]);
    expect(played.failures).toEqual([{ code: "flowServiceError", message: "it failed: broken" }]);
  });

  test("F73, peer 8.16: is answered once; a second answer throws, and the first one stands", async () => {
    let thrown: unknown;
    const played = await play("PRE_TRANSACTION", (model) => {
      model.skip();
      try {
        model.skip();
      } catch (error) {
        thrown = error;
      }
      throw new Error("too late");
    });
    expect(thrown).toMatchObject({ rejection: "second-response", code: 3 });
    expect(played.answers).toHaveLength(1);
    expect(played.failures).toEqual([]);
  });

  test("an answer that no engine would take is not sent", async () => {
    const played = await play("PRE_TRANSACTION", (model) => model.pay(9999, "reward"));
    expect(played.answers).toEqual([]);
    expect(played.failures[0]?.message).toMatch(/paid-excess/);
  });

  test("F84: knows who started the flow, and of which type it is", async () => {
    const seen: unknown[] = [];
    await play("PRE_TRANSACTION", (model) => {
      seen.push(model.initiator, model.flowType, model.background);
      seen.push(
        model.get("known", "text"),
        model.get("known", "flag"),
        model.get("toString", "text"),
      );
    });
    expect(seen).toEqual(["till", "sale", false, "before", undefined, undefined]);
  });

  test("its request cannot be changed", async () => {
    const played = await play("PRE_TRANSACTION", (model) => {
      (model.request.amounts as { base: number }).base = 1;
    });
    expect(ASKED.amounts.base).toBe(1000);
    expect(played.failures).toHaveLength(1);
  });
});

describe("events", () => {
  const answerTo = (event: FlowEvent, values: readonly string[]): FlowEvent => {
    const asked = event.data["confirmationRequest"];
    const request = asked?.is === "confirmation-request" ? asked.value.id : "";
    const value = { request, values };
    return {
      type: "confirmationResponse",
      data: { confirmationResponse: { is: "confirmation-response", value } },
    };
  };
  const eventsOf = (played: { said: { kind: string; what?: unknown }[] }): FlowEvent[] =>
    played.said.filter(({ kind }) => kind === "event").map(({ what }) => what as FlowEvent);

  test("F108: a question is asked under an id of its own, and its answer is the values", async () => {
    let values: readonly string[] | undefined;
    const played = await play("PRE_TRANSACTION", async (model) => {
      values = await model.confirm({
        title: "Round up?",
        extra: { name: "charityDonation", amountMinor: 30 },
      });
      if (values[0] === "approve") model.setAdditional("charityDonation", 30);
    });
    const [asked] = eventsOf(played);
    expect(asked?.data["confirmationRequest"]?.value).toEqual({
      id: "call.1",
      type: "extra",
      title: "Round up?",
      options: [
        { value: "approve", label: "Yes" },
        { value: "reject", label: "No" },
      ],
      multiSelect: false,
      extra: { name: "charityDonation", amountMinor: 30 },
    });
    const other = answerTo(asked as FlowEvent, ["reject"]);
    const payload = { is: "confirmation-response", value: { request: "call.2", values: ["no"] } };
    played.tell({ ...other, data: { confirmationResponse: payload as never } });
    await played.settled();
    expect(values).toBeUndefined();
    played.tell(answerTo(asked as FlowEvent, ["approve"]));
    await played.settled();
    expect(values).toEqual(["approve"]);
    expect(played.taken.output?.updatedAmounts).toEqual(
      gbp(1000, { tip: 20, charityDonation: 30 }),
    );
  });

  test("F90: who is told to finish waits for no answer, and hears that it is over", async () => {
    const heard: unknown[] = [];
    const played = await play("PRE_TRANSACTION", async (model) => {
      model.onFinish(() => heard.push("finish"));
      heard.push(await model.confirm({ title: "?" }), model.isFinished);
      heard.push(await model.confirm({ title: "again?" }));
    });
    played.tell({ type: SERVICE_EVENTS.finishImmediately, data: {} });
    await played.settled();
    expect(heard).toEqual(["finish", [], true, []]);
    expect(eventsOf(played)).toHaveLength(1);
  });

  test("an approval that comes too late is told all the same: money must not be forgotten", async () => {
    let go: () => void = () => {};
    const host = new Promise<void>((done) => {
      go = done;
    });
    const played = await play("TRANSACTION_PROCESSING", async (model) => {
      await host;
      model.approveFully({ method: "card", card: INPUTS.TRANSACTION_PROCESSING.card });
    });
    played.tell({ type: SERVICE_EVENTS.finishImmediately, data: {} });
    go();
    await played.settled();
    expect(played.answers).toHaveLength(1);
  });

  test("F88, F89: hears whether its answer was applied, and the reason and code where not", async () => {
    const heard: unknown[] = [];
    const played = await play("PRE_TRANSACTION", (model) => {
      model.onAccepted(() => heard.push("accepted"));
      model.onAccepted(() => {
        throw new Error("the author's own trouble");
      });
      model.onRejected((rejected) => heard.push(rejected));
      model.onEvent(({ type }) => heard.push(type));
    });
    played.tell({ type: SERVICE_EVENTS.responseAccepted, data: {} });
    played.tell({
      type: SERVICE_EVENTS.responseRejected,
      data: {
        rejectedReason: { is: "text", value: "no" },
        rejectedCode: { is: "integer", value: 24 },
      },
    });
    expect(heard).toEqual([
      "accepted",
      "responseAccepted",
      { reason: "no", code: 24 },
      "responseRejected",
    ]);
  });

  test("F109: asks for the final amount; nobody who knows it makes it unknown", async () => {
    const heard: unknown[] = [];
    const ask = () =>
      play("TRANSACTION_PROCESSING", async (model) => {
        heard.push(await model.finalAmount());
        model.decline("enough");
      });
    const told = await ask();
    const known = { type: "known", amounts: gbp(700) } as const;
    told.tell({
      type: "finalAmountResponse",
      data: { finalAmountResponse: { is: "final-amount", value: known } },
    });
    await told.settled();
    const finished = await ask();
    finished.tell({ type: SERVICE_EVENTS.finishImmediately, data: {} });
    await finished.settled();
    expect(heard).toEqual([known, { type: "unknown" }]);
  });

  test("F110: progress, notices, receipts and events of its own reach who started the flow", async () => {
    const played = await play("PRE_TRANSACTION", (model) => {
      model.progress("looking you up");
      model.notify("duplicateReceipt");
      model.receipt({ type: "customer", text: "thank you" });
      model.say({ type: "ownEvent", data: {} });
    });
    expect(eventsOf(played)).toEqual([
      {
        type: "progressMessage",
        data: { progressMessage: { is: "text", value: "looking you up" } },
      },
      { type: "notifyAction", data: { notifyAction: { is: "text", value: "duplicateReceipt" } } },
      {
        type: "receipt",
        data: { receipt: { is: "receipt", value: { type: "customer", text: "thank you" } } },
      },
      { type: "ownEvent", data: {} },
    ]);
  });
});
