// Every mistake in a flow is refused before the flow starts, with the path of the field.

import { describe, expect, test } from "vitest";
import { defaultFlows } from "../../../../firmware/payment/config/default-flows.ts";
import type { FlowConfig, FlowStage } from "../../../../firmware/payment/config/flow-config.ts";
import { checkFlows, readFlows } from "../../../../firmware/payment/config/flow-config-check.ts";
import { DEFAULT_SETTINGS } from "../../../../firmware/payment/config/settings.ts";
import type { Stage } from "../../../../firmware/payment/model/stages.ts";

function stage(name: Stage, ...ids: string[]): FlowStage {
  const execution = ids.length === 0 ? "NONE" : ids.length === 1 ? "SINGLE" : "SINGLE_SELECT";
  return { name, execution, apps: ids.map((id) => ({ id })) };
}
const PROCESSING = stage("TRANSACTION_PROCESSING", "card");
const CHECK: FlowStage = { ...stage("FULFILLED_CHECK"), inner: [PROCESSING] };
const SPLIT: FlowStage = { ...stage("SPLIT"), inner: [stage("PRE_TRANSACTION"), CHECK] };
function sale(...stages: FlowStage[]): FlowConfig {
  return { name: "one", type: "sale", version: 1, stages };
}
function generic(...stages: FlowStage[]): FlowConfig {
  return { name: "one", type: "balance", version: 1, stages };
}
/** `path: message` of all mistakes. */
function mistakes(...flows: FlowConfig[]): string[] {
  return checkFlows(flows, "flows", DEFAULT_SETTINGS).map(({ at, message }) => `${at}: ${message}`);
}

const MULTIPLE = { execution: "MULTIPLE" } as const;
const WRONG: readonly [string, FlowConfig, string][] = [
  ["an empty name", { ...sale(PROCESSING), name: "" }, "flows.0.name: must not be empty"],
  [
    "an empty type",
    { ...generic(stage("GENERIC", "a")), type: "" },
    "flows.0.type: must not be empty",
  ],
  ["no stages", generic(), "flows.0.stages: must not be empty"],
  [
    "another API major (F117)",
    { ...sale(PROCESSING), apiMajor: 2 },
    "flows.0.apiMajor: must be 1, which this device speaks",
  ],
  [
    "a payment in the background (F116)",
    { ...sale(PROCESSING), processInBackground: true },
    "flows.0.processInBackground: is for generic flows only",
  ],
  [
    "zero amounts without a payment",
    { ...generic(stage("GENERIC", "a")), allowZeroAmounts: true },
    "flows.0.allowZeroAmounts: is for payment flows only",
  ],
  [
    "a flow that says it was made by the device",
    { ...generic(stage("GENERIC", "a")), generatedFromCustomType: true },
    "flows.0.generatedFromCustomType: is set by the device itself",
  ],
  [
    "stages of another class than the type",
    { ...generic(stage("GENERIC", "a")), type: "sale" },
    "flows.0.type: sale is a payment type, and the stages make a generic flow",
  ],
  [
    "a payment without processing",
    { ...sale(stage("PRE_FLOW"), stage("POST_FLOW")), type: "mine" },
    "flows.0.stages: must hold TRANSACTION_PROCESSING",
  ],
  [
    "a generic flow without GENERIC",
    generic(stage("POST_GENERIC", "a")),
    "flows.0.stages: must hold GENERIC",
  ],
  [
    "a stage twice",
    sale(PROCESSING, PROCESSING),
    "flows.0.stages.1.name: TRANSACTION_PROCESSING stands at flows.0.stages.0 already",
  ],
  [
    "a stage twice, once within another",
    sale({
      ...SPLIT,
      inner: [stage("PRE_TRANSACTION"), { ...CHECK, inner: [PROCESSING, PROCESSING] }],
    }),
    "flows.0.stages.0.inner.1.inner.1.name: TRANSACTION_PROCESSING stands at flows.0.stages.0.inner.1.inner.0 already",
  ],
  [
    "a stage out of order",
    sale(PROCESSING, stage("PRE_FLOW")),
    "flows.0.stages.1.name: PRE_FLOW must stand before TRANSACTION_PROCESSING",
  ],
  [
    "a transaction's stage beside SPLIT",
    sale(SPLIT, stage("POST_TRANSACTION", "a")),
    "flows.0.stages.1.name: POST_TRANSACTION must stand within SPLIT",
  ],
  [
    "a flow's stage within SPLIT",
    sale({ ...SPLIT, inner: [stage("PRE_FLOW"), CHECK] }),
    "flows.0.stages.0.inner.0.name: PRE_FLOW cannot stand within SPLIT",
  ],
  [
    "another stage within FULFILLED_CHECK",
    sale({ ...CHECK, inner: [PROCESSING, stage("POST_TRANSACTION")] }),
    "flows.0.stages.0.inner.1.name: POST_TRANSACTION cannot stand within FULFILLED_CHECK",
  ],
  [
    "SPLIT without processing",
    sale({ ...SPLIT, inner: [] }),
    "flows.0.stages.0.inner: of SPLIT must hold TRANSACTION_PROCESSING",
  ],
  [
    "FULFILLED_CHECK around nothing",
    sale(stage("FULFILLED_CHECK"), PROCESSING),
    "flows.0.stages.0.inner: of FULFILLED_CHECK must hold TRANSACTION_PROCESSING",
  ],
  [
    "stages within one that holds none",
    sale({ ...stage("PRE_FLOW"), inner: [] }, PROCESSING),
    "flows.0.stages.0.inner: PRE_FLOW holds no other stages",
  ],
  [
    "GENERIC in a payment",
    sale(PROCESSING, stage("GENERIC", "a")),
    "flows.0.stages.1.name: GENERIC does not belong into a payment flow",
  ],
  [
    "STATUS_UPDATE beside GENERIC",
    { ...generic(stage("GENERIC", "a"), stage("STATUS_UPDATE")), type: "mine" },
    "flows.0.stages.0.name: GENERIC does not belong into a status flow",
  ],
  [
    "FULFILLED_CHECK that calls",
    sale({ ...CHECK, execution: "SINGLE", apps: [{ id: "a" }] }),
    "flows.0.stages.0.execution: of FULFILLED_CHECK must be NONE: it calls nobody itself",
  ],
  [
    "apps where nobody is called",
    sale({ ...PROCESSING, execution: "NONE" }),
    "flows.0.stages.0.apps: must be empty where the execution is NONE",
  ],
  [
    "two apps of SINGLE (open point 2)",
    sale({ ...stage("TRANSACTION_PROCESSING", "a", "b"), execution: "SINGLE" }),
    "flows.0.stages.0.apps: must hold one app where the execution is SINGLE",
  ],
  [
    "several payment applications at once",
    sale({ ...PROCESSING, ...MULTIPLE }),
    "flows.0.stages.0.execution: TRANSACTION_PROCESSING calls one service: SINGLE or SINGLE_SELECT",
  ],
  [
    "DYNAMIC_SELECT where settings forbid it",
    sale({ ...stage("TRANSACTION_PROCESSING"), execution: "DYNAMIC_SELECT" }),
    "flows.0.stages.0.execution: DYNAMIC_SELECT needs the setting alwaysAllowDynamicSelect",
  ],
  [
    "an app twice",
    sale({ ...stage("PRE_TRANSACTION", "a", "b", "a"), ...MULTIPLE }, PROCESSING),
    "flows.0.stages.0.apps.2.id: a is listed as 0 too",
  ],
  [
    "an app without id",
    sale(stage("TRANSACTION_PROCESSING", "")),
    "flows.0.stages.0.apps.0.id: must not be empty",
  ],
  [
    "a condition that is never looked at",
    sale({ ...PROCESSING, apps: [{ id: "a", conditionalOn: "outcomePartiallyFulfilled" }] }),
    "flows.0.stages.0.apps.0.conditionalOn: has a meaning within FULFILLED_CHECK only",
  ],
];

describe("check of flows", () => {
  test.each(WRONG)("F111: %s", (_what, flow, mistake) => {
    expect(mistakes(flow)).toEqual([mistake]);
  });

  test("nothing is wrong with a nested flow, a short one, an empty SINGLE (open point 2) and a status flow", () => {
    const status: FlowConfig = {
      name: "status",
      type: "basketStatusUpdate",
      version: 1,
      stages: [{ ...stage("STATUS_UPDATE", "a", "b"), ...MULTIPLE }],
    };
    const empty = { ...stage("SPLIT"), execution: "SINGLE", inner: SPLIT.inner } as FlowStage;
    expect(
      mistakes(
        sale(stage("PRE_FLOW"), SPLIT, stage("POST_FLOW")),
        { ...sale(PROCESSING), name: "short", type: "refund" },
        { ...sale(empty), name: "empty" },
        status,
      ),
    ).toEqual([]);
  });

  test("F114: several flows may be of one type, none of one name", () => {
    expect(mistakes(sale(PROCESSING), { ...sale(PROCESSING), name: "two" })).toEqual([]);
    expect(mistakes(sale(PROCESSING), sale(PROCESSING))).toEqual([
      "flows.1.name: is the name of flows.0 too",
    ]);
  });

  test("all mistakes are told at once", () => {
    expect(mistakes({ ...sale(stage("PRE_FLOW"), PROCESSING, PROCESSING), name: "" }).length).toBe(
      2,
    );
  });

  test("F112: DYNAMIC_SELECT where settings allow it lists nobody", () => {
    const settings = { ...DEFAULT_SETTINGS, alwaysAllowDynamicSelect: true };
    const dynamic: FlowStage = { ...stage("TRANSACTION_PROCESSING"), execution: "DYNAMIC_SELECT" };
    expect(checkFlows([sale(dynamic)], "flows", settings)).toEqual([]);
    const listing = { ...dynamic, apps: [{ id: "a" }] };
    expect(checkFlows([sale(listing)], "flows", settings)).toEqual([
      { at: "flows.0.stages.0.apps", message: "must be empty: DYNAMIC_SELECT takes any" },
    ]);
  });

  test("there may be 32 flows", () => {
    const flows = Array.from({ length: 33 }, (_, i) => ({ ...sale(PROCESSING), name: `f${i}` }));
    expect(mistakes(...flows.slice(1))).toEqual([]);
    expect(mistakes(...flows)).toEqual(["flows: must hold at most 32 flows"]);
  });

  test("the flows of a device without configuration are right", () => {
    expect(mistakes(...defaultFlows("card"))).toEqual([]);
  });
});

describe("flows of a device file", () => {
  const read = (value: unknown) => readFlows(value, "flows", DEFAULT_SETTINGS);

  test("what goes without saying may be left out", () => {
    const short = {
      name: "one",
      type: "sale",
      stages: [
        { name: "PRE_FLOW" },
        {
          name: "SPLIT",
          inner: [
            { name: "PRE_TRANSACTION", apps: ["tips", { id: "points", mandatory: true }] },
            {
              name: "FULFILLED_CHECK",
              inner: [{ name: "TRANSACTION_PROCESSING", apps: ["card", "cash"] }],
            },
          ],
        },
        { name: "POST_FLOW", apps: ["books"] },
      ],
    };
    const inner: FlowStage[] = [
      {
        name: "PRE_TRANSACTION",
        execution: "MULTIPLE",
        apps: [{ id: "tips" }, { id: "points", mandatory: true }],
      },
      { ...stage("FULFILLED_CHECK"), inner: [stage("TRANSACTION_PROCESSING", "card", "cash")] },
    ];
    const post: FlowStage = { name: "POST_FLOW", ...MULTIPLE, apps: [{ id: "books" }] };
    const whole = sale(stage("PRE_FLOW"), { ...stage("SPLIT"), inner }, post);
    expect(read([short])).toEqual({ ok: true, flows: [whole] });
    expect(read(JSON.parse(JSON.stringify([whole])))).toEqual({ ok: true, flows: [whole] });
  });

  test.each([
    ["no list", {}, "flows", "must be a list of flows"],
    ["no flow", [null], "flows.0", "must be an object"],
    [
      "an unknown stage",
      [{ name: "a", type: "b", stages: [{ name: "NOW" }] }],
      "flows.0.stages.0.name",
      "must be one of",
    ],
    ["no stages", [{ name: "a", type: "b" }], "flows.0.stages", "is missing"],
    [
      "an app that is none",
      [{ name: "a", type: "b", stages: [{ name: "GENERIC", apps: [7] }] }],
      "flows.0.stages.0.apps.0",
      "must be an object",
    ],
    [
      "an unknown execution",
      [{ name: "a", type: "b", stages: [{ name: "GENERIC", execution: "ALL", apps: ["x"] }] }],
      "flows.0.stages.0.execution",
      "must be one of NONE",
    ],
    [
      "a mistake that the shape allows",
      [{ name: "a", type: "sale", stages: [{ name: "GENERIC", apps: ["x"] }] }],
      "flows.0.type",
      "sale is a payment type",
    ],
  ])("%s is refused with its path", (_what, value, at, message) => {
    const result = read(value);
    const error = result.ok ? undefined : result.errors[0];
    expect(error?.at).toBe(at);
    expect(error?.message.slice(0, message.length)).toBe(message);
  });

  test("a flow without bottom, and one without end, are refused", () => {
    let deep: object = { name: "SPLIT" };
    for (let i = 0; i < 20_000; i++) deep = { name: "SPLIT", inner: [deep] };
    for (const stages of [[deep], Array(100_000).fill({ name: "SPLIT" })]) {
      const result = read([{ name: "a", type: "b", stages }]);
      expect(result.ok ? [] : result.errors.map(({ at }) => at)).toEqual(["flows"]);
    }
  });

  test("mistakes of several flows are told together", () => {
    const result = read([{ name: "a" }, { type: "b" }]);
    expect(result.ok ? [] : result.errors.map(({ at }) => at)).toEqual([
      "flows.0.type",
      "flows.1.name",
    ]);
  });
});
