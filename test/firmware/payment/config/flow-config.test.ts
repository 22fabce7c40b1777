// Look-ups in a flow, and its way through JSON and CBOR (peer 8.15).

import { describe, expect, test } from "vitest";
import {
  appsFor,
  type FlowConfig,
  flowConfig,
  hasStage,
  isOpenTo,
  requestClass,
  stageOf,
  stagesOf,
} from "../../../../firmware/payment/config/flow-config.ts";
import { readCbor, readJson } from "../../../../firmware/protocol/schema.ts";

const SALE: FlowConfig = {
  name: "cardSale",
  type: "sale",
  version: 3,
  allowZeroAmounts: true,
  stages: [
    { name: "PRE_FLOW", execution: "NONE", apps: [] },
    {
      name: "SPLIT",
      execution: "NONE",
      apps: [],
      inner: [
        {
          name: "PRE_TRANSACTION",
          execution: "MULTIPLE",
          apps: [{ id: "tips" }, { id: "points", mandatory: true }],
        },
        {
          name: "FULFILLED_CHECK",
          execution: "NONE",
          apps: [],
          inner: [
            {
              name: "TRANSACTION_PROCESSING",
              execution: "SINGLE_SELECT",
              apps: [
                { id: "card", delegateCancellationsTo: true },
                { id: "cash", conditionalOn: "outcomePartiallyFulfilled" },
              ],
            },
          ],
        },
      ],
    },
  ],
};
const REVERSAL: FlowConfig = {
  name: "reversal",
  type: "reversal",
  version: 1,
  processInBackground: true,
  stages: [{ name: "GENERIC", execution: "SINGLE", apps: [{ id: "card" }] }],
};

describe("flow configuration", () => {
  test("peer 8.15, defect 5: stages are found however deep they lie, also after parsing", () => {
    const read = readJson(flowConfig, JSON.parse(JSON.stringify(SALE)), "flow");
    const flow = read.ok ? read.value : undefined;
    expect(flow && stagesOf(flow).map(({ name }) => name)).toEqual([
      "PRE_FLOW",
      "SPLIT",
      "PRE_TRANSACTION",
      "FULFILLED_CHECK",
      "TRANSACTION_PROCESSING",
    ]);
    expect(flow && requestClass(flow)).toBe("payment");
    expect(flow && hasStage(flow, "TRANSACTION_PROCESSING")).toBe(true);
    expect(hasStage(REVERSAL, "PRE_FLOW")).toBe(false);
  });

  test("peer 8.15: apps come in their order, and none for a stage that is not there", () => {
    expect(appsFor(SALE, "PRE_TRANSACTION").map(({ id }) => id)).toEqual(["tips", "points"]);
    expect(appsFor(SALE, "PRE_TRANSACTION")[0]).toEqual({ id: "tips" });
    expect(appsFor(SALE, "PRE_FLOW")).toEqual([]);
    expect(appsFor(SALE, "POST_FLOW")).toEqual([]);
    expect(stageOf(SALE, "POST_FLOW")).toBeUndefined();
  });

  test("the request class follows the stages, not the type", () => {
    expect(requestClass(REVERSAL)).toBe("generic");
    expect(requestClass({ ...REVERSAL, type: "sale" })).toBe("generic");
    const status = { name: "STATUS_UPDATE", execution: "MULTIPLE", apps: [] } as const;
    expect(requestClass({ ...REVERSAL, stages: [status] })).toBe("status");
  });

  test("F111, F113, peer 8.15: flags, conditions and inner stages survive JSON and CBOR", () => {
    for (const flow of [SALE, REVERSAL]) {
      expect(readJson(flowConfig, flowConfig.toJson(flow), "flow")).toEqual({
        ok: true,
        value: flow,
      });
      expect(readCbor(flowConfig, flowConfig.toCbor(flow), "flow")).toEqual({
        ok: true,
        value: flow,
      });
    }
  });

  test("F115: a flow that is restricted is open to its initiator alone", () => {
    const own = { ...SALE, restrictedToApp: "kiosk" };
    expect([isOpenTo(SALE, "sale"), isOpenTo(own, "kiosk"), isOpenTo(own, "sale")]).toEqual([
      true,
      true,
      false,
    ]);
  });
});
