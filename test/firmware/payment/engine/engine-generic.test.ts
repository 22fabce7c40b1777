// Requests that are no payments, the background queue, and what is refused before any service is called.

import { describe, expect, test } from "vitest";
import type { FlowEvent } from "../../../../firmware/payment/model/flow-event.ts";
import type { Response } from "../../../../firmware/payment/model/request.ts";
import {
  ASKED,
  answered,
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

const SALE = saleFlow({ TRANSACTION_PROCESSING: ["bank"] });

test("F11: one service answers a request", async () => {
  const one = scripted("one", {
    GENERIC: (request) => answered(request, { data: texts({ token: "t1" }) }),
  });
  const two = scripted("two", {});
  const flows = [genericFlow("tokenisation", { GENERIC: ["one", "two"] })];
  const site = await openSite({ services: [one, two], flows });
  expect(await site.ask()).toMatchObject({
    id: ASKED.id,
    success: true,
    data: texts({ token: "t1" }),
    service: "one",
    background: false,
  });
  expect(two.calls).toEqual([]);
  const other = await site.ask({ id: "r2", target: "two" });
  expect(other).toMatchObject({ success: false, service: "two" });
});

test("F12: POST_GENERIC adds to the answer, and changes nothing of it", async () => {
  const one = scripted("one", {
    GENERIC: (request) => answered(request, { data: texts({ token: "t1" }) }),
  });
  const adds = scripted("adds", {
    POST_GENERIC: (response) => ({
      ...response,
      data: { ...response.data, ...texts({ more: "2" }) },
    }),
  });
  const forges = scripted("forges", {
    POST_GENERIC: (response) => ({ ...response, data: texts({ token: "forged" }) }),
  });
  const quiet = scripted("quiet", { POST_GENERIC: () => undefined });
  const listed = { GENERIC: ["one"], POST_GENERIC: ["adds", "forges", "quiet"] };
  const flows = [genericFlow("tokenisation", listed)];
  const site = await openSite({ services: [one, adds, forges, quiet], flows });
  expect((await site.ask()).data).toEqual(texts({ token: "t1", more: "2" }));
  expect(forges.told.map(({ type }) => type)).toEqual(["responseRejected"]);
});

test("F13, F93: a status update reaches all in turn, each with its own time, and their references are merged", async () => {
  const update = (id: string, key: string) =>
    scripted(id, { STATUS_UPDATE: (request) => answered(request, { data: texts({ [key]: id }) }) });
  const mute = scripted("mute", { STATUS_UPDATE: () => SILENT });
  const services = [update("a", "x"), mute, update("b", "y"), update("c", "x")];
  const listed = { STATUS_UPDATE: ["a", "mute", "b", "c"] };
  const site = await openSite({ services, flows: [genericFlow("stock", listed)] });
  const response = await site.ask({ type: "stock" });
  expect(response).toEqual({
    id: ASKED.id,
    type: "stock",
    success: true,
    outcomeMessage: "",
    data: texts({ x: "a", y: "b" }),
    background: true,
  });
  expect(mute.calls[0]).toMatchObject({ background: true, input: { background: true } });
  expect(site.world.nowMs()).toBe(10_000);
});

describe("F97, F116: the background", () => {
  test("one at a time, in order, beside a payment; said by configuration or request", async () => {
    const running: string[] = [];
    let most = 0;
    const one = scripted("one", {
      GENERIC: (request, { call, listener }) => {
        running.push(request.id);
        most = Math.max(most, running.length);
        site.world.after(1000, () => {
          running.splice(running.indexOf(request.id), 1);
          listener.respond(call.id, answered(request));
        });
        return SILENT;
      },
    });
    const bank = approving("bank");
    const flows = [
      SALE,
      genericFlow("later", { GENERIC: ["one"] }, { processInBackground: true }),
      genericFlow("soon", { GENERIC: ["one"] }),
    ];
    const site = await openSite({ services: [one, bank], flows });
    const order: string[] = [];
    const asks = ["a", "b", "c"].map((id) => {
      const type = id === "c" ? "soon" : "later";
      const request = { ...ASKED, id, type, background: id === "c" };
      const started = site.engine.ask(request, { id: "sale" });
      if (!started.ok) throw new Error(started.message);
      return started.ended.then((response) => {
        order.push(id);
        return response;
      });
    });
    expect(site.engine.active().map(({ id, background }) => [id, background])).toEqual([
      ["a", true],
      ["b", true],
      ["c", true],
    ]);
    expect((await site.pay()).outcome).toBe("fulfilled");
    expect(order).toEqual([]);
    await site.world.runFor(10_000);
    const responses = await Promise.all(asks);
    expect(order).toEqual(["a", "b", "c"]);
    expect(most).toBe(1);
    expect(responses.map(({ background }) => background)).toEqual([true, true, true]);
    expect(one.inputs("GENERIC").map(({ background }) => background)).toEqual([true, true, true]);
  });

  test("the queue is bounded", async () => {
    const mute = scripted("mute", { GENERIC: () => SILENT });
    const flows = [genericFlow("later", { GENERIC: ["mute"] }, { processInBackground: true })];
    const site = await openSite({ services: [mute], flows });
    const errors = Array.from({ length: 40 }, (_, n) => {
      const started = site.engine.ask({ ...ASKED, id: `r${n}`, type: "later" }, { id: "sale" });
      return started.ok ? "" : started.error;
    });
    expect(errors.filter((error) => error === "")).toHaveLength(33);
    expect(errors.at(-1)).toBe("busy");
  });
});

test("F98: a background request whose service needs a person fails at once", async () => {
  const one = scripted("one", {
    GENERIC: (_, { listener }) => {
      const value = { id: "c", type: "card", multiSelect: false };
      const payload = { is: "confirmation-request", value } as const;
      listener.event({ type: "confirmationRequest", data: { confirmationRequest: payload } });
      return SILENT;
    },
  });
  const flows = [genericFlow("later", { GENERIC: ["one"] }, { processInBackground: true })];
  const site = await openSite({ services: [one], flows });
  const heard: FlowEvent[] = [];
  const response = await site.ask({ type: "later" }, { event: (event) => heard.push(event) });
  expect(response).toMatchObject({ success: false, background: true });
  expect(response.outcomeMessage).toContain("needs a person");
  expect(site.world.nowMs()).toBe(0);
  expect(heard).toEqual([]);
});

test.each([
  ["fails", "one failed: broken"],
  ["answers nothing", "was refused"],
  ["is silent", "did not answer"],
])("a service that %s: the request has failed, with the reason", async (how, message) => {
  const one = scripted("one", {
    GENERIC: (_, { listener }) => {
      if (how === "fails") return listener.failed("flowServiceError", "broken");
      return how === "is silent" ? SILENT : undefined;
    },
  });
  const flows = [genericFlow("tokenisation", { GENERIC: ["one"] })];
  const site = await openSite({ services: [one], flows });
  const response: Response = await site.ask();
  expect(response).toMatchObject({ success: false, data: {} });
  expect(response.outcomeMessage).toContain(message);
});

test("a request is cancelled at once, and cannot be skipped", async () => {
  const mute = scripted("mute", { GENERIC: () => SILENT });
  const flows = [genericFlow("tokenisation", { GENERIC: ["mute"] })];
  const site = await openSite({ services: [mute], flows });
  const started = site.engine.ask(ASKED, { id: "sale" });
  expect(site.engine.skip(ASKED.id)).toBe("skipFailed");
  expect(site.engine.cancel(ASKED.id)).toBe("done");
  expect(await site.ended(started)).toMatchObject({ success: false, outcomeMessage: "cancelled" });
});

describe("F102: what is refused at once", () => {
  const bank = approving("bank");
  const one = scripted("one", {}, { info: { customRequestTypes: ["wash"] } });
  const old = scripted("old", {}, { info: { apiVersion: "10.0.0" } });
  const flows = [
    SALE,
    saleFlow({ TRANSACTION_PROCESSING: ["gone"] }, { name: "orphan", type: "orphan" }),
    saleFlow({ TRANSACTION_PROCESSING: ["old"] }, { name: "old", type: "old" }),
    saleFlow(
      { TRANSACTION_PROCESSING: ["bank"], POST_FLOW: [{ id: "gone", mandatory: true }] },
      { name: "strict", type: "strict" },
    ),
    saleFlow(
      { TRANSACTION_PROCESSING: ["bank"] },
      { name: "own", type: "own", restrictedToApp: "shop" },
    ),
    saleFlow({ TRANSACTION_PROCESSING: ["bank"] }, { name: "next", type: "next", apiMajor: 2 }),
    genericFlow("tokenisation", { GENERIC: ["one"] }),
    genericFlow("reversal", { GENERIC: ["gone"] }),
    genericFlow("receiptDelivery", { GENERIC: ["one"] }),
  ];
  const open = () => openSite({ services: [bank, one, old], flows });

  test.each([
    ["an unknown type", { flowType: "lease" }, "invalidFlowIdentifier"],
    ["an unknown name", { flowName: "lease" }, "invalidFlowIdentifier"],
    ["a flow for another", { flowType: "own" }, "noAvailableFlows"],
    ["a type that is no payment", { flowType: "tokenisation" }, "unsupportedOperation"],
    ["no payment application", { flowType: "orphan" }, "noFlowServices"],
    ["a mandatory service that is missing (F113)", { flowType: "strict" }, "noFlowServices"],
    ["services of another version", { flowType: "old" }, "incompatibleApiVersion"],
    ["a flow of another version", { flowType: "next" }, "incompatibleApiVersion"],
    ["no id", { id: "" }, "invalidRequest"],
    ["a long id", { id: "x".repeat(45) }, "invalidRequest"],
    ["a token that is split", { splitEnabled: true, cardToken: { value: "t" } }, "invalidRequest"],
    ["more than the offer", { amounts: gbp(1001) }, "invalidRequest"],
  ])("%s", async (_, parts, error) => {
    const site = await open();
    const by = { id: "sale", limits: { offerMinor: 1000, maximumMinor: 1200 } };
    const started = site.engine.pay({ ...FIRST, ...parts }, by);
    expect(started).toMatchObject({ ok: false, error });
    expect(site.engine.active()).toEqual([]);
  });

  test.each([
    ["data that is missing", { type: "receiptDelivery" }, "invalidRequest"],
    ["a payment flow", { type: "sale" }, "unsupportedOperation"],
    [
      "nobody who answers",
      { type: "reversal", data: texts({ transactionId: "1" }) },
      "noFlowServices",
    ],
    ["a target that is not there", { target: "gone" }, "noFlowServices"],
    ["no id", { id: "" }, "invalidRequest"],
  ])("of a request: %s", async (_, parts, error) => {
    const site = await open();
    const started = site.engine.ask({ ...ASKED, ...parts }, { id: "sale" });
    expect(started).toMatchObject({ ok: false, error });
  });

  test("an id that is used: of a flow that runs, of one that ended, of one in the history", async () => {
    const site = await open();
    const first = site.engine.pay(FIRST, { id: "sale" });
    const again = { ok: false, error: "duplicateRequestId" };
    expect(site.engine.pay(FIRST, { id: "sale" })).toMatchObject(again);
    await site.ended(first);
    expect(site.engine.pay(FIRST, { id: "sale" })).toMatchObject(again);
    await site.history.close();
    const later = await openSite({ services: [bank], flows, store: site.store });
    expect(later.engine.pay(FIRST, { id: "sale" })).toMatchObject(again);
  });

  test("too many flows at once", async () => {
    const mute = approving("bank", { TRANSACTION_PROCESSING: () => SILENT });
    const site = await openSite({ services: [mute], flows });
    const errors = Array.from({ length: 65 }, (_, n) => {
      const started = site.engine.pay({ ...FIRST, id: `p${n}` }, { id: "sale" });
      return started.ok ? undefined : started.error;
    });
    expect(errors.slice(0, 64).every((error) => error === undefined)).toBe(true);
    expect(errors[64]).toBe("busy");
  });

  test("F29: a type of a service's own has a flow, and its service answers it", async () => {
    const site = await open();
    expect(await site.ask({ type: "wash" })).toMatchObject({ service: "one" });
  });
});

test("F103: who started a flow finds its response, others do not", async () => {
  const site = await openSite({ services: [approving("bank")], flows: [SALE] });
  const response = await site.pay();
  const query = { maxResults: 10, kind: "payment" } as const;
  expect(await site.engine.history(query, "sale")).toEqual([response]);
  expect(await site.engine.history(query, "operator")).toEqual([response]);
  expect(await site.engine.history(query, "shop")).toEqual([]);
});
