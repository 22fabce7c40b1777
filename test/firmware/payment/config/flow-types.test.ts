// The table of flow types, and the rule for names of custom types.

import { describe, expect, test } from "vitest";
import { majorOf } from "../../../../firmware/payment/config/api-version.ts";
import {
  FLOW_TYPES,
  flowTypeOf,
  isCustomTypeName,
  missingKeys,
} from "../../../../firmware/payment/config/flow-types.ts";

describe("flow types", () => {
  test("there are fourteen, each of one class, with the stages of that class", () => {
    const types = Object.values(FLOW_TYPES);
    expect(types.length).toBe(14);
    for (const { requestClass, stages } of types) {
      const names: readonly string[] = stages;
      expect(names.includes("TRANSACTION_PROCESSING")).toBe(requestClass === "payment");
      expect(names.includes("GENERIC")).toBe(requestClass === "generic");
      expect(names.includes("STATUS_UPDATE")).toBe(requestClass === "status");
    }
  });

  test("types are open and case sensitive", () => {
    expect(flowTypeOf("sale")?.requestClass).toBe("payment");
    expect(flowTypeOf("Sale")).toBeUndefined();
    expect(flowTypeOf("toString")).toBeUndefined();
  });

  test("a request without what its type needs is told the shortest list that would do", () => {
    expect(missingKeys("reversal", {})).toEqual(["transactionId"]);
    expect(missingKeys("reversal", { transactionId: 1 })).toBeUndefined();
    expect(missingKeys("receiptDelivery", { receiptAmounts: 1 })).toEqual(["transaction"]);
    const amounts = { receiptAmounts: 1, receiptPaymentMethod: 1, receiptOutcome: 1 };
    expect(missingKeys("receiptDelivery", amounts)).toBeUndefined();
    expect(missingKeys("batchClosure", {})).toBeUndefined();
    expect(missingKeys("myType", {})).toBeUndefined();
  });

  test.each([
    ["balance", true],
    ["pointsBalance2", true],
    ["payment", false],
    ["sale", false],
    ["my type", false],
    ["my_type", false],
    ["MyType", false],
    ["tea making", false],
    ["", false],
  ])("F30, open point 18: %j as a name of a custom type: %s", (name, isOne) => {
    expect(isCustomTypeName(name)).toBe(isOne);
  });

  test.each([
    ["1.0.0", 1],
    ["10.2.1", 10],
    ["2", 2],
    ["3-beta", 3],
    ["", undefined],
    ["v1", undefined],
    ["1x", undefined],
  ])("defect 17: the major version of %j is the whole number before the dot", (version, major) => {
    expect(majorOf(version)).toBe(major);
  });
});
