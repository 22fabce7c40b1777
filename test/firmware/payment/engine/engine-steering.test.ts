// Who steers a flow while it runs: cancel, skip, resume, questions to the payer, splits, and what is given back.

import { describe, expect, test } from "vitest";
import type { FlowEvent } from "../../../../firmware/payment/model/flow-event.ts";
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
  type Site,
  saleFlow,
  scripted,
  texts,
} from "./engine-site.ts";

const BANK = { TRANSACTION_PROCESSING: ["bank"] } as const;
const LIMITS = { offerMinor: 1000, maximumMinor: 1000 };

function told(service: ScriptedService): string[] {
  return service.told.map(({ type }) => type);
}

/** Runs a flow, and does something when the stage is at work. */
async function whileIn(
  site: Site,
  stage: string,
  act: () => unknown,
  limits: { offerMinor: number; maximumMinor: number } | undefined = LIMITS,
) {
  const started = site.engine.pay(FIRST, { id: "sale", ...(limits && { limits }) });
  if (!started.ok) throw new Error(started.message);
  await site.world.runWhile(() => site.engine.active()[0]?.stage !== stage, 600_000);
  expect(site.engine.active()[0]?.stage).toBe(stage);
  const result = act();
  return { response: await site.ended(started), result };
}

describe("F100: a cancel", () => {
  test.each(["PRE_TRANSACTION", "PAYMENT_CARD_READING", "POST_CARD_READING"] as const)(
    "in %s ends the flow at once, and nothing is charged",
    async (stage) => {
      const mute = scripted("mute", { [stage]: () => SILENT });
      const bank = approving("bank");
      const site = await openSite({
        services: [mute, bank],
        flows: [saleFlow({ ...BANK, [stage]: ["mute"] })],
      });
      const { response, result } = await whileIn(site, stage, () => site.engine.cancel(FIRST.id));
      expect(result).toBe("done");
      expect(response).toMatchObject({ outcome: "failed", failureReason: "cancelled" });
      expect(told(mute)[0]).toBe("finishImmediately");
      expect(bank.calls).toEqual([]);
    },
  );

  test("while the host decides is remembered: what it approves is given back", async () => {
    let approve: () => void = () => {};
    const points = scripted("points", {
      PRE_TRANSACTION: () => ({ amountsPaid: gbp(300), paidWith: "points" }),
    });
    const bank = approving("bank", {
      TRANSACTION_PROCESSING: (input, { call, listener }) => {
        approve = () => listener.respond(call.id, approval(input, input.amounts, { host: "h" }));
        return SILENT;
      },
    });
    const flows = [saleFlow({ ...BANK, PRE_TRANSACTION: ["points"] })];
    const site = await openSite({ services: [points, bank], flows });
    const { response, result } = await whileIn(site, "TRANSACTION_PROCESSING", () => {
      const steered = site.engine.cancel(FIRST.id);
      site.world.after(5000, approve);
      return [steered, site.engine.skip(FIRST.id)];
    });
    expect(result).toEqual(["wait", "skipFailed"]);
    expect(told(bank)).toEqual(["responseAccepted", "responseAccepted"]);
    expect(response).toMatchObject({
      outcome: "failed",
      failureReason: "cancelled",
      processed: gbp(0),
    });
    expect(response.transactions[0]?.responses).toMatchObject([
      { service: "points", outcome: "declined", outcomeMessage: "given back" },
      { service: "bank", outcome: "declined", outcomeMessage: "given back" },
    ]);
    expect(points.inputs("GENERIC")).toHaveLength(1);
    const id = `${FIRST.id}/1`;
    expect(bank.inputs("GENERIC")[0]?.data).toEqual(texts({ host: "h", transactionId: id }));
    const states = (await site.journal.list(FIRST.id)).map(({ state }) => state);
    expect(states).toEqual(["undone", "undone"]);
  });

  test("after an approval that cannot be given back is partial, and says so", async () => {
    let approve: () => void = () => {};
    const bank = approving("bank", {
      TRANSACTION_PROCESSING: (input, { call, listener }) => {
        approve = () => listener.respond(call.id, approval(input, gbp(600)));
        return SILENT;
      },
      GENERIC: (request) => answered(request, { success: false }),
    });
    const site = await openSite({ services: [bank], flows: [saleFlow(BANK)] });
    const { response } = await whileIn(site, "TRANSACTION_PROCESSING", () => {
      site.engine.cancel(FIRST.id);
      approve();
    });
    expect(response).toMatchObject({
      outcome: "partially-fulfilled",
      failureReason: "cancelled",
      processed: gbp(600),
    });
    expect(await site.journal.list(FIRST.id)).toMatchObject([{ state: "owed" }]);
  });

  test("comes too late when the outcome is known", async () => {
    const receipt = scripted("receipt", { POST_TRANSACTION: () => SILENT });
    const flows = [saleFlow({ ...BANK, POST_TRANSACTION: ["receipt"] })];
    const site = await openSite({ services: [receipt, approving("bank")], flows });
    const { response, result } = await whileIn(site, "POST_TRANSACTION", () =>
      site.engine.cancel(FIRST.id),
    );
    expect(result).toBe("cancelFailed");
    expect(response.outcome).toBe("fulfilled");
    expect(site.engine.cancel(FIRST.id)).toBe("cancelFailed");
    expect(site.engine.cancel("no such flow")).toBe("cancelFailed");
  });

  test("F92: is told to an application that cancellations are delegated to, which may decline", async () => {
    const bank = approving("bank", {
      TRANSACTION_PROCESSING: (input, { call, listener, onTold }) => {
        onTold(({ type }) => {
          if (type === "cancelOrResumeUserInterface") listener.respond(call.id, decline(input));
        });
        return SILENT;
      },
    });
    const listed = { TRANSACTION_PROCESSING: [{ id: "bank", delegateCancellationsTo: true }] };
    const site = await openSite({ services: [bank], flows: [saleFlow(listed)] });
    const { response, result } = await whileIn(site, "TRANSACTION_PROCESSING", () =>
      site.engine.cancel(FIRST.id),
    );
    expect(result).toBe("wait");
    expect(response).toMatchObject({ outcome: "failed", failureReason: "cancelled" });
    expect(told(bank)).toEqual(["cancelOrResumeUserInterface", "responseAccepted"]);
  });
});

test("F90: a skip moves on without the service at work", async () => {
  const mute = scripted("mute", { PRE_TRANSACTION: () => SILENT });
  const flows = [saleFlow({ ...BANK, PRE_TRANSACTION: ["mute"] })];
  const site = await openSite({ services: [mute, approving("bank")], flows });
  const { response, result } = await whileIn(site, "PRE_TRANSACTION", () =>
    site.engine.skip(FIRST.id),
  );
  expect(result).toBe("done");
  expect(response.outcome).toBe("fulfilled");
  expect(site.world.nowMs()).toBeLessThan(1000);
  expect(told(mute)[0]).toBe("finishImmediately");
  expect(site.engine.skip(FIRST.id)).toBe("skipFailed");
});

test("F91: a resume is told to the service at work", async () => {
  const mute = scripted("mute", { PRE_TRANSACTION: () => SILENT });
  const flows = [saleFlow({ ...BANK, PRE_TRANSACTION: ["mute"] })];
  const site = await openSite({ services: [mute, approving("bank")], flows });
  const { result } = await whileIn(site, "PRE_TRANSACTION", () => site.engine.resume(FIRST.id));
  expect(result).toBe("done");
  expect(told(mute).slice(0, 2)).toEqual(["resumeUserInterface", "finishImmediately"]);
  expect(site.engine.resume(FIRST.id)).toBe("resumeFailed");
});

describe("F107, F108, I4: an extra is accepted only as the payer confirmed it", () => {
  const question = (extra: { name: string; amountMinor: number }): FlowEvent => ({
    type: "confirmationRequest",
    data: {
      confirmationRequest: {
        is: "confirmation-request",
        value: { id: "c1", type: "extra", title: "Round up?", multiSelect: false, extra },
      },
    },
  });
  const answer = (value: string, request = "c1"): FlowEvent => ({
    type: "confirmationResponse",
    data: {
      confirmationResponse: {
        is: "confirmation-response",
        value: { request, values: [value] },
      },
    },
  });
  const charity = (amountMinor: number, asked = amountMinor): Handlers => ({
    PRE_TRANSACTION: ({ amounts }, { call, listener, onTold }) => {
      onTold(({ type }) => {
        if (type !== "confirmationResponse") return;
        const additional = { charityDonation: amountMinor };
        listener.respond(call.id, { updatedAmounts: { ...amounts, additional } });
      });
      listener.event(question({ name: "charityDonation", amountMinor: asked }));
      return SILENT;
    },
  });
  const pay = async (handlers: Handlers, reply: (site: Site) => void, maximumMinor = 1100) => {
    const service = scripted("charity", handlers, {
      info: { canPayAmounts: false, paymentMethods: [] },
    });
    const flows = [saleFlow({ ...BANK, PRE_TRANSACTION: ["charity"] })];
    const site = await openSite({ services: [service, approving("bank")], flows });
    const heard: FlowEvent[] = [];
    const event = (one: FlowEvent): void => {
      heard.push(one);
      site.world.after(10, () => reply(site));
    };
    const response = await site.pay({}, { limits: { offerMinor: 1000, maximumMinor }, event });
    return { response, service, heard, site };
  };

  test("confirmed: it is charged, and the payer's answer reaches the service", async () => {
    const { response, service, heard } = await pay(charity(30), ({ engine }) => {
      expect(engine.tell(FIRST.id, answer("approve", "other"))).toBe(false);
      expect(engine.tell(FIRST.id, answer("approve"))).toBe(true);
      expect(engine.tell(FIRST.id, answer("approve"))).toBe(false);
    });
    expect(response).toMatchObject({
      outcome: "fulfilled",
      processed: gbp(1000, { charityDonation: 30 }),
    });
    expect(heard[0]).toMatchObject({ request: FIRST.id, service: "charity" });
    expect(told(service)).toEqual(["confirmationResponse", "responseAccepted"]);
  });

  test.each([
    ["rejected", charity(30), "reject", 61],
    ["never asked for", { PRE_TRANSACTION: tip(30) }, "", 61],
    ["more than confirmed", charity(31, 30), "approve", 61],
    ["above what was signed", charity(101), "approve", 62],
  ] as const)(
    "%s: it is refused, and the offer alone is charged",
    async (_, handlers, value, code) => {
      const { response, site } = await pay(handlers, ({ engine }) => {
        engine.tell(FIRST.id, answer(value));
      });
      expect(response).toMatchObject({ outcome: "fulfilled", processed: gbp(1000) });
      const refused = (await site.engine.audit(FIRST.id)).filter(({ kind }) => kind === "rejected");
      expect(refused.map((entry) => entry.code)).toEqual([code]);
    },
  );

  test("an answer may come at once, while the question is still being heard", async () => {
    const service = scripted("charity", charity(30));
    const flows = [saleFlow({ ...BANK, PRE_TRANSACTION: ["charity"] })];
    const site = await openSite({ services: [service, approving("bank")], flows });
    const limits = { offerMinor: 1000, maximumMinor: 1100 };
    const event = (): void => void site.engine.tell(FIRST.id, answer("yes"));
    const response = await site.pay({}, { limits, event });
    expect(response.processed).toEqual(gbp(1000, { charityDonation: 30 }));
    expect(site.world.nowMs()).toBeLessThan(1000);
  });

  test("a confirmation counts once: another service cannot use it", async () => {
    const second = scripted("second", { POST_CARD_READING: tip(30) });
    const first = scripted("charity", charity(30));
    const flows = [
      saleFlow({ ...BANK, PRE_TRANSACTION: ["charity"], POST_CARD_READING: ["second"] }),
    ];
    const site = await openSite({ services: [first, second, approving("bank")], flows });
    const limits = { offerMinor: 1000, maximumMinor: 2000 };
    const event = (): void => {
      site.world.after(10, () => site.engine.tell(FIRST.id, answer("approve")));
    };
    const response = await site.pay({}, { limits, event });
    expect(response.processed).toEqual(gbp(1000, { charityDonation: 30 }));
  });

  test("no answer in time, or nobody to ask: the service hears an answer without values", async () => {
    const late = await pay(charity(30), () => {});
    expect(late.site.world.nowMs()).toBe(60_000);
    expect(late.response.processed).toEqual(gbp(1000));
    const service = scripted("charity", charity(30));
    const flows = [saleFlow({ ...BANK, PRE_TRANSACTION: ["charity"] })];
    const alone = await openSite({ services: [service, approving("bank")], flows });
    await alone.pay({}, { limits: { offerMinor: 1000, maximumMinor: 1100 } });
    expect(alone.world.nowMs()).toBe(0);
    expect(service.told[0]?.data["confirmationResponse"]?.value).toEqual({
      request: "c1",
      values: [],
    });
  });

  test("an answer counts once, and only to what was asked", async () => {
    const service = scripted("mute", {
      PRE_TRANSACTION: (_, { listener }) => {
        listener.event(question({ name: "tip", amountMinor: 1 }));
        return SILENT;
      },
    });
    const flows = [saleFlow({ ...BANK, PRE_TRANSACTION: ["mute"] })];
    const site = await openSite({ services: [service, approving("bank")], flows });
    site.engine.pay(FIRST, { id: "sale", event: () => {} });
    await site.world.runFor(1);
    const value = { type: "unknown" } as const;
    const final = { finalAmountResponse: { is: "final-amount", value } } as const;
    const replies = [
      answer("yes", "c2"),
      answer("yes"),
      answer("yes"),
      { type: "finalAmountResponse", data: final },
      { type: "confirmationResponse", data: {} },
      { type: "progressMessage", data: texts({ progressMessage: "no business of his" }) },
    ];
    expect(replies.map((reply) => site.engine.tell(FIRST.id, reply))).toEqual([
      false,
      true,
      false,
      false,
      false,
      false,
    ]);
    expect(told(service)).toEqual(["confirmationResponse"]);
  });

  function tip(value: number): NonNullable<Handlers["PRE_TRANSACTION"]> {
    return ({ amounts }) => ({
      updatedAmounts: {
        ...amounts,
        additional: {
          ...amounts.additional,
          charityDonation: (amounts.additional["charityDonation"] ?? 0) + value,
        },
      },
    });
  }
});

test("F109: the final amount is asked for, and the answer passed on", async () => {
  const bank = approving("bank", {
    TRANSACTION_PROCESSING: (input, { call, listener, onTold }) => {
      onTold(({ type, data }) => {
        const payload = data["finalAmountResponse"];
        if (type !== "finalAmountResponse" || payload?.is !== "final-amount") return;
        listener.respond(call.id, approval(input, payload.value.amounts));
      });
      const data = { finalAmountRequest: { is: "integer", value: 5000 } } as const;
      listener.event({ type: "finalAmountRequest", data });
      return SILENT;
    },
  });
  const site = await openSite({ services: [bank], flows: [saleFlow(BANK)] });
  const value = { type: "known", amounts: gbp(800) } as const;
  const reply: FlowEvent = {
    type: "finalAmountResponse",
    data: { finalAmountResponse: { is: "final-amount", value } },
  };
  const event = ({ type }: FlowEvent): void => {
    if (type === "finalAmountRequest") site.world.after(1, () => site.engine.tell(FIRST.id, reply));
  };
  expect(site.engine.tell(FIRST.id, reply)).toBe(false);
  expect((await site.pay({}, { event })).processed).toEqual(gbp(800));
});

test("F110: progress, notices and receipts reach who started the flow; what nobody knows does not", async () => {
  const one = scripted("one", {
    PRE_TRANSACTION: (_, { listener }) => {
      const say = (type: string, data: FlowEvent["data"]): void => listener.event({ type, data });
      say("progressMessage", texts({ progressMessage: "reading" }));
      say("notifyAction", texts({ notifyAction: "eftFinished" }));
      say("receipt", { receipt: { is: "receipt", value: { type: "sale", text: "10.00" } } });
      say("surprise", {});
      say("progressMessage", { progressMessage: { is: "integer", value: 1 } });
    },
  });
  const heard: FlowEvent[] = [];
  const flows = [saleFlow({ ...BANK, PRE_TRANSACTION: ["one"] })];
  const site = await openSite({ services: [one, approving("bank")], flows });
  const event = (received: FlowEvent): void => {
    heard.push(received);
    throw new Error("who started the flow is no better");
  };
  expect((await site.pay({}, { event })).outcome).toBe("fulfilled");
  expect(heard.map(({ type }) => type)).toEqual(["progressMessage", "notifyAction", "receipt"]);
  const audit = await site.audit();
  expect(audit).toContain("flagged PRE_TRANSACTION one 105 surprise");
  expect(audit).toContainEqual(expect.stringMatching(/^event PRE_TRANSACTION one 1 event\.data/));
});

test("F110: an abort of who started the flow is told to the service at work", async () => {
  const mute = scripted("mute", { PRE_TRANSACTION: () => SILENT });
  const flows = [saleFlow({ ...BANK, PRE_TRANSACTION: ["mute"] })];
  const site = await openSite({ services: [mute, approving("bank")], flows });
  const abort = { type: "notifyAction", data: texts({ notifyAction: "abort" }) };
  const { result } = await whileIn(site, "PRE_TRANSACTION", () =>
    site.engine.tell(FIRST.id, abort),
  );
  expect(result).toBe(true);
  expect(told(mute)[0]).toBe("notifyAction");
});
