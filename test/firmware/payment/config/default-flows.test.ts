// The flows of a device that has none configured, and how services find their place in them.

import { describe, expect, test } from "vitest";
import { defaultFlows, flowsOfDevice } from "../../../../firmware/payment/config/default-flows.ts";
import {
  appsFor,
  type FlowConfig,
  requestClass,
  stageOf,
  stagesOf,
} from "../../../../firmware/payment/config/flow-config.ts";
import { checkFlows } from "../../../../firmware/payment/config/flow-config-check.ts";
import { FLOW_TYPES, type KnownFlowType } from "../../../../firmware/payment/config/flow-types.ts";
import { DEFAULT_SETTINGS } from "../../../../firmware/payment/config/settings.ts";
import { STAGES, type Stage } from "../../../../firmware/payment/model/stages.ts";
import { infoOf } from "../registry/stub-service.ts";

function flowOf(flows: readonly FlowConfig[], type: string): FlowConfig {
  const flow = flows.find((one) => one.type === type);
  if (flow === undefined) throw new Error(`no flow of type ${type}`);
  return flow;
}

function idsAt(flows: readonly FlowConfig[], type: string, stage: Stage): string[] {
  return appsFor(flowOf(flows, type), stage).map(({ id }) => id);
}

describe("flows of a device without configuration", () => {
  test("each type has the stages and the class of the table", () => {
    for (const flow of defaultFlows("card")) {
      const facts = FLOW_TYPES[flow.type as KnownFlowType];
      expect(stagesOf(flow).map(({ name }) => name)).toEqual(facts.stages);
      expect(requestClass(flow)).toBe(facts.requestClass);
      expect(flow.name).toBe(flow.type);
    }
  });

  test("the payment application takes the money, answers reversals, and reversals run in the background (F116)", () => {
    const flows = defaultFlows("card");
    for (const type of [
      "sale",
      "refund",
      "motoSale",
      "motoRefund",
      "preAuthorisation",
      "preAuthCompletion",
      "deposit",
    ]) {
      expect(idsAt(flows, type, "TRANSACTION_PROCESSING")).toEqual(["card"]);
    }
    expect(stageOf(flowOf(flows, "sale"), "TRANSACTION_PROCESSING")?.execution).toBe("SINGLE");
    expect(idsAt(flows, "reversal", "GENERIC")).toEqual(["card"]);
    expect(flowOf(flows, "reversal").processInBackground).toBe(true);
    expect(flows.filter(({ processInBackground }) => processInBackground).length).toBe(1);
  });

  test("F120: a service that lists flow types takes part in these, wherever it implements a stage", () => {
    const tips = infoOf("tips", { stages: ["PRE_TRANSACTION", "POST_FLOW"], flowTypes: ["Sale"] });
    const flows = defaultFlows("card", [tips]);
    expect(idsAt(flows, "sale", "PRE_TRANSACTION")).toEqual(["tips"]);
    expect(idsAt(flows, "sale", "POST_FLOW")).toEqual(["tips"]);
    expect(idsAt(flows, "sale", "POST_TRANSACTION")).toEqual([]);
    expect(idsAt(flows, "motoSale", "PRE_TRANSACTION")).toEqual([]);
  });

  test("F120: one that lists none takes part in all, and in what finishes another flow only afterwards", () => {
    const any = infoOf("any", {
      stages: ["PRE_TRANSACTION", "PRE_FLOW", "POST_TRANSACTION", "POST_FLOW", "GENERIC"],
    });
    const flows = defaultFlows("card", [any]);
    expect(idsAt(flows, "preAuthorisation", "PRE_TRANSACTION")).toEqual(["any"]);
    expect(idsAt(flows, "preAuthCompletion", "PRE_TRANSACTION")).toEqual([]);
    expect(idsAt(flows, "preAuthCompletion", "POST_TRANSACTION")).toEqual(["any"]);
    expect(idsAt(flows, "refund", "PRE_FLOW")).toEqual([]);
    expect(idsAt(flows, "refund", "POST_FLOW")).toEqual(["any"]);
    expect(idsAt(flows, "tokenisation", "GENERIC")).toEqual(["card", "any"]);
    const custom = infoOf("custom", { stages: ["GENERIC"], customRequestTypes: ["balance"] });
    expect(idsAt(defaultFlows("card", [custom]), "tokenisation", "GENERIC")).toEqual(["card"]);
  });

  test("the order is the same whoever came first: the application, then by id; receipts are for others first", () => {
    const paying = {
      stages: Object.keys(STAGES) as Stage[],
      canPayAmounts: true,
      paymentMethods: ["points"],
    };
    const services = [infoOf("zulu", paying), infoOf("card", paying), infoOf("alfa", paying)];
    for (const order of [services, [...services].reverse()]) {
      const flows = defaultFlows("card", order);
      expect(idsAt(flows, "sale", "TRANSACTION_PROCESSING")).toEqual(["card", "alfa", "zulu"]);
      expect(stageOf(flowOf(flows, "sale"), "TRANSACTION_PROCESSING")?.execution).toBe(
        "SINGLE_SELECT",
      );
      expect(idsAt(flows, "receiptDelivery", "GENERIC")).toEqual(["alfa", "zulu", "card"]);
      expect(idsAt(flows, "basketStatusUpdate", "STATUS_UPDATE")).toEqual(["alfa", "zulu"]);
      expect(checkFlows(flows, "flows", DEFAULT_SETTINGS)).toEqual([]);
    }
  });

  test("F119: one place says which flows there are; configured ones stand alone", () => {
    const own: FlowConfig = { name: "mine", type: "sale", version: 1, stages: [] };
    const tips = infoOf("tips", { stages: ["PRE_TRANSACTION"] });
    expect(flowsOfDevice([own], "card", [tips])).toEqual([own]);
    expect(flowsOfDevice(undefined, "card", [tips])).toEqual(defaultFlows("card", [tips]));
  });
});
