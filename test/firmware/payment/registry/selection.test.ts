// Which flow a request starts and whom a stage calls: each filter, and each rule of choice.

import { describe, expect, test } from "vitest";
import { customFlows } from "../../../../firmware/payment/config/custom-types.ts";
import type {
  ExecutionType,
  FlowApp,
  FlowConfig,
  FlowStage,
} from "../../../../firmware/payment/config/flow-config.ts";
import { DEFAULT_SETTINGS } from "../../../../firmware/payment/config/settings.ts";
import type { ServiceInfo } from "../../../../firmware/payment/model/service-info.ts";
import type { Stage } from "../../../../firmware/payment/model/stages.ts";
import {
  type Candidate,
  missingMandatory,
  resolveFlow,
  type SelectionContext,
  selectServices,
  type Wanted,
} from "../../../../firmware/payment/registry/selection.ts";
import { candidate } from "./stub-service.ts";

const SETTINGS = { settings: DEFAULT_SETTINGS };
const PAYING = { canPayAmounts: true, paymentMethods: ["card"] };

function stage(
  name: Stage,
  execution: ExecutionType,
  apps: readonly (string | FlowApp)[],
): FlowStage {
  return {
    name,
    execution,
    apps: apps.map((app) => (typeof app === "string" ? { id: app } : app)),
  };
}
function flow(of: FlowStage, more: Partial<FlowConfig> = {}): FlowConfig {
  return { name: "one", type: "sale", version: 1, stages: [of], ...more };
}
/** Ids that are called, and reasons against the others. */
function select(
  of: FlowStage,
  all: readonly Candidate[],
  context: Partial<SelectionContext> = {},
  more: Partial<FlowConfig> = {},
) {
  const { chosen, filtered, ambiguous } = selectServices(flow(of, more), of, all, {
    ...SETTINGS,
    ...context,
  });
  const why = Object.fromEntries(filtered.map(({ id, reason }) => [id, reason]));
  return { chosen: chosen.map(({ id }) => id), why, ambiguous };
}
const paying = (id: string, more: Partial<ServiceInfo> = {}) =>
  candidate(id, ["TRANSACTION_PROCESSING", "PAYMENT_CARD_READING", "GENERIC"], {
    ...PAYING,
    ...more,
  });
const adding = (id: string, more: Partial<ServiceInfo> = {}) =>
  candidate(id, ["PRE_TRANSACTION"], more);

describe("filters", () => {
  const one = stage("PRE_TRANSACTION", "MULTIPLE", ["a"]);
  test.each<[string, Candidate[], Partial<SelectionContext>, string]>([
    ["a service that is not there", [], {}, "unknown"],
    ["one that is refused, or silent", [{ id: "a" }], {}, "no-info"],
    [
      "another API major (defect 17: 10 is not 1)",
      [adding("a", { apiVersion: "10.0.0" })],
      {},
      "api-version",
    ],
    ["one without the stage", [candidate("a", ["POST_FLOW"])], {}, "stage"],
    [
      "one whose grant no longer covers it",
      [{ ...adding("a"), rights: { stages: ["POST_FLOW"], adjust: true, pay: true, card: true } }],
      {},
      "rights",
    ],
    ["another flow type", [adding("a", { flowTypes: ["refund"] })], {}, "flow-type"],
    ["another currency", [adding("a", { currencies: ["EUR"] })], { currency: "GBP" }, "currency"],
    ["one that was called before", [adding("a")], { tried: ["a"] }, "tried"],
  ])("F41: %s is not called", (_what, all, context, reason) => {
    expect(select(one, all, context)).toEqual({ chosen: [], why: { a: reason }, ambiguous: false });
  });

  test("F41: what fits is called; empty lists fit all, and case does not count (F38)", () => {
    const fitting = [
      adding("a"),
      adding("b", { flowTypes: ["SALE"], currencies: ["gbp"] }),
      adding("c", { customRequestTypes: ["Sale"], flowTypes: ["refund"] }),
    ];
    const all = stage("PRE_TRANSACTION", "MULTIPLE", ["b", "c", "a"]);
    expect(select(all, fitting, { currency: "GBP" })).toEqual({
      chosen: ["b", "c", "a"],
      why: {},
      ambiguous: false,
    });
  });

  test("F41: flow types do not filter where settings say so", () => {
    const settings = { ...DEFAULT_SETTINGS, filterServicesByFlowType: false };
    expect(select(one, [adding("a", { flowTypes: ["refund"] })], { settings }).chosen).toEqual([
      "a",
    ]);
  });

  test("defect 16: the stage that is missing is the one that was asked for", () => {
    const status = stage("STATUS_UPDATE", "MULTIPLE", ["a"]);
    expect(select(status, [candidate("a", ["POST_GENERIC"])]).why).toEqual({ a: "stage" });
    expect(select(status, [candidate("a", ["STATUS_UPDATE"])]).chosen).toEqual(["a"]);
  });

  test("F42: the payment method filters those that process and read cards, and nobody else", () => {
    const all = [paying("a"), paying("b", { paymentMethods: ["Points"] }), adding("v", PAYING)];
    const wanted = { paymentMethod: "points" };
    for (const name of ["TRANSACTION_PROCESSING", "PAYMENT_CARD_READING"] as const) {
      expect(select(stage(name, "SINGLE_SELECT", ["a", "b"]), all, wanted)).toEqual({
        chosen: ["b"],
        why: { a: "payment-method" },
        ambiguous: false,
      });
    }
    expect(select(stage("PRE_TRANSACTION", "MULTIPLE", ["v"]), all, wanted).chosen).toEqual(["v"]);
  });

  test("F42: a card token is for the service that made it", () => {
    const all = [paying("a"), paying("b")];
    const processing = stage("TRANSACTION_PROCESSING", "SINGLE_SELECT", ["a", "b"]);
    const cardToken = { value: "t", sourceService: "b" };
    expect(select(processing, all, { cardToken })).toEqual({
      chosen: ["b"],
      why: { a: "card-token" },
      ambiguous: false,
    });
    expect(select(processing, all, { cardToken: { value: "t" } }).chosen).toEqual(["a"]);
  });

  test("F113: a conditional service is called only after a part was paid", () => {
    const cash: FlowApp = { id: "b", conditionalOn: "outcomePartiallyFulfilled" };
    const processing = stage("TRANSACTION_PROCESSING", "SINGLE_SELECT", [cash, "a"]);
    const all = [paying("a"), paying("b")];
    expect(select(processing, all)).toEqual({
      chosen: ["a"],
      why: { b: "condition" },
      ambiguous: false,
    });
    expect(select(processing, all, { partlyFulfilled: true, tried: ["a"] }).chosen).toEqual(["b"]);
  });

  test("F43: a generic request for one service reaches that one alone, if it passes and is listed", () => {
    const generic = stage("GENERIC", "SINGLE_SELECT", ["a", "b"]);
    const all = ["a", "b", "c"].map((id) => candidate(id, ["GENERIC"]));
    const type = { type: "tokenisation" };
    expect(select(generic, all, { target: "b" }, type)).toEqual({
      chosen: ["b"],
      why: { a: "not-target" },
      ambiguous: false,
    });
    expect(select(generic, all, { target: "c" }, type)).toEqual({
      chosen: [],
      why: { a: "not-target", b: "not-target", c: "not-listed" },
      ambiguous: false,
    });
    expect(select(generic, all.slice(1), { target: "d" }, type).why["d"]).toBe("unknown");
  });

  test("F43: the stages after it call whoever is listed, whatever the target", () => {
    const all = ["a", "b"].map((id) =>
      candidate(id, ["GENERIC", "POST_GENERIC"], { ...PAYING, flowTypes: ["sale"] }),
    );
    const post = stage("POST_GENERIC", "MULTIPLE", ["a"]);
    expect(select(post, all, { target: "b" })).toEqual({
      chosen: ["a"],
      why: {},
      ambiguous: false,
    });
    expect(select(post, all, { target: "a" }, { type: "reversal" }).why).toEqual({
      a: "flow-type",
    });
    const generic = stage("GENERIC", "SINGLE", ["a"]);
    expect(select(generic, all, { target: "a" }, { type: "batchClosure" }).why).toEqual({
      a: "flow-type",
    });
    expect(select(generic, all, { target: "a" }, { type: "reversal" }).chosen).toEqual(["a"]);
  });

  test("I6: a reversal always finds the service that took the money, listed or not", () => {
    const points = candidate("points", ["GENERIC"], { ...PAYING, flowTypes: ["sale"] });
    const reader = candidate("reader", ["GENERIC"], { flowTypes: ["sale"] });
    const reversal = { type: "reversal" };
    for (const listed of [stage("GENERIC", "SINGLE", ["card"]), stage("GENERIC", "NONE", [])]) {
      expect(select(listed, [points, reader], { target: "points" }, reversal).chosen).toEqual([
        "points",
      ]);
      expect(select(listed, [points, reader], { target: "reader" }, reversal).why["reader"]).toBe(
        "not-listed",
      );
    }
    expect(select(stage("GENERIC", "NONE", []), [points], {}, reversal).chosen).toEqual([]);
  });
});

describe("F112: execution types", () => {
  const all = [adding("a"), adding("b"), adding("c")];
  test.each<[ExecutionType, string[], string[]]>([
    ["NONE", [], []],
    ["NONE", ["a"], []],
    ["SINGLE", ["b"], ["b"]],
    ["SINGLE", [], []],
    ["SINGLE_SELECT", ["b", "a"], ["b"]],
    ["MULTIPLE", ["b", "a"], ["b", "a"]],
  ])("%s of %j calls %j", (execution, apps, chosen) => {
    expect(select(stage("PRE_TRANSACTION", execution, apps), all).chosen).toEqual(chosen);
  });

  test("DYNAMIC_SELECT takes any, where settings allow it, and the only one", () => {
    const dynamic = stage("PRE_TRANSACTION", "DYNAMIC_SELECT", []);
    const settings = { ...DEFAULT_SETTINGS, alwaysAllowDynamicSelect: true };
    expect(select(dynamic, [paying("x"), adding("a")], { settings }).chosen).toEqual(["a"]);
    expect(select(dynamic, [adding("a")]).chosen).toEqual([]);
    expect(select(dynamic, all, { settings })).toEqual({ chosen: [], why: {}, ambiguous: true });
    expect(select(dynamic, all, { settings, lastUsed: ["c"] }).chosen).toEqual(["c"]);
  });
});

describe("F44: choice where nobody can be asked", () => {
  const all = ["a", "b", "c"].map((id) => paying(id));
  const processing = stage("TRANSACTION_PROCESSING", "SINGLE_SELECT", ["b", "a", "c"]);

  test("the operator's order decides, and the others are told that they were not chosen", () => {
    expect(select(processing, all)).toEqual({
      chosen: ["b"],
      why: { a: "not-chosen", c: "not-chosen" },
      ambiguous: false,
    });
  });

  test("the one that served this payer last comes before the order; unknown ones do not count", () => {
    expect(select(processing, all, { lastUsed: ["gone", "c", "a"] }).chosen).toEqual(["c"]);
  });

  test("the one that read the card comes before all, in the stages that pay", () => {
    expect(select(processing, all, { kept: "a", lastUsed: ["c"] }).chosen).toEqual(["a"]);
    expect(select(processing, all, { kept: "gone", lastUsed: ["c"] }).chosen).toEqual(["c"]);
    const generic = stage("GENERIC", "SINGLE_SELECT", ["b", "a"]);
    expect(select(generic, all, { kept: "a" }).chosen).toEqual(["b"]);
  });

  test("what does not pass is not chosen, however well it was placed", () => {
    expect(select(processing, all, { kept: "a", tried: ["a", "b"] }).chosen).toEqual(["c"]);
  });

  test("open point 21: services of one custom type have no order: ambiguous, unless one is named or was used", () => {
    const custom = ["x", "y"].map((id) =>
      candidate(id, ["GENERIC"], { customRequestTypes: ["balance"] }),
    );
    const [made] = customFlows(custom, []);
    const generic = made?.stages[0];
    if (made === undefined || generic === undefined) throw new Error("no flow was made");
    const run = (context: Partial<SelectionContext>) =>
      selectServices(made, generic, custom, { ...SETTINGS, ...context });
    expect(run({})).toMatchObject({ chosen: [], ambiguous: true });
    expect(run({ target: "y" })).toMatchObject({ chosen: [{ id: "y" }], ambiguous: false });
    expect(run({ lastUsed: ["x"] })).toMatchObject({ chosen: [{ id: "x" }], ambiguous: false });
  });

  test("the attributes of the chosen one come with it", () => {
    const app: FlowApp = { id: "a", delegateCancellationsTo: true };
    const single = stage("TRANSACTION_PROCESSING", "SINGLE", [app]);
    expect(selectServices(flow(single), single, all, SETTINGS).chosen).toEqual([app]);
  });
});

describe("F113: mandatory services", () => {
  const inner = stage("TRANSACTION_PROCESSING", "SINGLE", [{ id: "card", mandatory: true }]);
  const outer: FlowStage = { ...stage("SPLIT", "NONE", []), inner: [inner] };
  const sale = flow(outer);
  test("one that is not there, or refused, is named with its path", () => {
    const missing = { at: "one.stages.0.inner.0.apps.0.id", id: "card" };
    expect(missingMandatory(sale, [])).toEqual(missing);
    expect(missingMandatory(sale, [{ id: "card" }])).toEqual(missing);
    expect(missingMandatory(sale, [paying("card")])).toBeUndefined();
    expect(missingMandatory(flow(stage("PRE_FLOW", "MULTIPLE", ["x"])), [])).toBeUndefined();
  });
});

describe("F114: which flow", () => {
  const cards = flow(stage("TRANSACTION_PROCESSING", "SINGLE", ["card"]), { name: "cards" });
  const cash = flow(stage("TRANSACTION_PROCESSING", "SINGLE", ["cash"]), { name: "cash" });
  const kiosk = { ...cards, name: "kiosk", restrictedToApp: "kiosk" };
  const refund = { ...cards, name: "refund", type: "refund" };
  const all = [paying("card"), paying("cash", { paymentMethods: ["cash"] })];
  const resolve = (wanted: Partial<Wanted>, flows: FlowConfig[], initiator = "sale") => {
    const found = resolveFlow({ type: "sale", ...wanted }, initiator, flows, all, DEFAULT_SETTINGS);
    return found.ok ? found.flow.name : `${found.error}: ${found.message}`;
  };

  test("a name wins, if it is one of the type", () => {
    expect(resolve({ flowName: "cash" }, [cards, cash])).toBe("cash");
    expect(resolve({ flowName: "none" }, [cards])).toBe(
      "invalidFlowIdentifier: no flow is called none",
    );
    expect(resolve({ flowName: "refund" }, [cards, refund])).toBe(
      "invalidFlowIdentifier: flow refund is of type refund, not sale",
    );
  });

  test("a type alone finds the only flow of it", () => {
    expect(resolve({}, [refund, cash])).toBe("cash");
    expect(resolve({ type: "deposit" }, [cards])).toBe(
      "invalidFlowIdentifier: no flow is of type deposit",
    );
    expect(resolve({ type: "SALE" }, [cards])).toBe(
      "invalidFlowIdentifier: no flow is of type SALE",
    );
  });

  test("F115: a restricted flow is there for its initiator only, and before others for him", () => {
    expect(resolve({}, [kiosk])).toBe(
      "noAvailableFlows: flows of type sale are for others than sale",
    );
    expect(resolve({ flowName: "kiosk" }, [kiosk])).toBe(
      "invalidFlowIdentifier: no flow is called kiosk",
    );
    expect(resolve({ flowName: "kiosk" }, [kiosk], "kiosk")).toBe("kiosk");
    expect(resolve({}, [cards, kiosk], "sale")).toBe("cards");
    expect(resolve({}, [cards, kiosk], "kiosk")).toBe("kiosk");
  });

  test("of several, the payment method finds the one in which it can be paid", () => {
    expect(resolve({ paymentMethod: "cash" }, [cards, cash])).toBe("cash");
    expect(resolve({ paymentMethod: "CARD" }, [cards, cash])).toBe("cards");
    const stored = flow(stage("PRE_TRANSACTION", "MULTIPLE", ["points"]), { name: "stored" });
    const points = candidate("points", ["PRE_TRANSACTION"], {
      canPayAmounts: true,
      paymentMethods: ["points"],
    });
    const processing = stage("TRANSACTION_PROCESSING", "NONE", []);
    const flows = [cards, { ...stored, stages: [...stored.stages, processing] }];
    const wanted = { type: "sale", paymentMethod: "points" };
    expect(resolveFlow(wanted, "sale", flows, [...all, points], DEFAULT_SETTINGS)).toMatchObject({
      ok: true,
      flow: { name: "stored" },
    });
  });

  test("only a service that pays by the method, in the currency, and may take the token, counts", () => {
    const euro = flow(stage("TRANSACTION_PROCESSING", "SINGLE", ["euro"]), { name: "euro" });
    const pre = { ...stage("PRE_TRANSACTION", "MULTIPLE", ["points", "idle"]) };
    const beside = { ...cash, name: "beside", stages: [pre, ...cash.stages] };
    const services = [
      ...all,
      paying("euro", { currencies: ["EUR"] }),
      adding("points", { canPayAmounts: true, paymentMethods: ["points"] }),
      adding("idle", { canPayAmounts: false, paymentMethods: ["card"] }),
    ];
    const find = (wanted: Partial<Wanted>, flows: FlowConfig[]) => {
      const found = resolveFlow(
        { type: "sale", ...wanted },
        "sale",
        flows,
        services,
        DEFAULT_SETTINGS,
      );
      return found.ok ? found.flow.name : found.error;
    };
    const card = { paymentMethod: "card" };
    expect(find(card, [beside, cards])).toBe("cards");
    expect(find(card, [cards, euro])).toBe("ambiguous");
    expect(find({ ...card, currency: "GBP" }, [cards, euro])).toBe("cards");
    expect(find({ ...card, cardToken: { value: "t", sourceService: "euro" } }, [cards, euro])).toBe(
      "euro",
    );
  });

  test("open point 21: what stays open is ambiguous, and the reason names the flows", () => {
    const message = "ambiguous: several flows are of type sale: name one of cards, cash";
    expect(resolve({}, [cards, cash])).toBe(message);
    expect(resolve({ paymentMethod: "points" }, [cards, cash])).toBe(message);
  });
});
