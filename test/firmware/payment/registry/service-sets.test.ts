// Questions about what services list (peer 8.16: aggregates; F38 to F40, F45, F118).

import { describe, expect, test } from "vitest";
import type { FlowConfig } from "../../../../firmware/payment/config/flow-config.ts";
import { DEFAULT_SETTINGS } from "../../../../firmware/payment/config/settings.ts";
import {
  currencyOf,
  paymentSettings,
  servicesForFlow,
  supports,
  supportsOrAny,
  unionsOf,
} from "../../../../firmware/payment/registry/service-sets.ts";
import { infoOf } from "./stub-service.ts";

const ONE = infoOf("one", {
  paymentMethods: ["card", "cash"],
  currencies: ["GBP"],
  dataKeys: ["a", "b"],
  customRequestTypes: ["balance"],
});
const TWO = infoOf("two", {
  paymentMethods: ["points", "card"],
  currencies: ["EUR", "GBP", "USD"],
  dataKeys: ["b", "c"],
  customRequestTypes: ["balance", "enrol"],
  defaultCurrency: "USD",
});
const THREE = infoOf("three");
const ALL = [ONE, TWO, THREE];

describe("what services list", () => {
  test("F38: lists are compared without regard to case, and an empty one supports nothing", () => {
    expect([supports(["Sale"], "sALE"), supports(["Sale"], "sal"), supports([], "sale")]).toEqual([
      true,
      false,
      false,
    ]);
  });

  test("F38, open point 1: empty means any where the caller says so", () => {
    expect([supportsOrAny([], "sale"), supportsOrAny(["refund"], "sale")]).toEqual([true, false]);
  });

  test("F39, peer 8.16: unions hold each value once", () => {
    expect(unionsOf(ALL)).toEqual({
      paymentMethods: ["card", "cash", "points"],
      currencies: ["GBP", "EUR", "USD"],
      customRequestTypes: ["balance", "enrol"],
      dataKeys: ["a", "b", "c"],
    });
    expect(supports(unionsOf(ALL).dataKeys, "C")).toBe(true);
    expect(supports(unionsOf(ALL).currencies, "JPY")).toBe(false);
  });

  test("F40, defect 5: services for a flow are those of its stages, inner ones too, that call somebody", () => {
    const inner = {
      name: "TRANSACTION_PROCESSING",
      execution: "SINGLE",
      apps: [{ id: "two" }],
    } as const;
    const flow: FlowConfig = {
      name: "f",
      type: "sale",
      version: 1,
      stages: [
        { name: "PRE_FLOW", execution: "NONE", apps: [{ id: "three" }] },
        { name: "SPLIT", execution: "NONE", apps: [], inner: [inner] },
      ],
    };
    expect(servicesForFlow(flow, ALL).map(({ id }) => id)).toEqual(["two"]);
    expect(servicesForFlow(undefined, ALL)).toEqual(ALL);
    expect(servicesForFlow({ ...flow, stages: [] }, ALL)).toEqual(ALL);
  });

  test("open point 17: the first currency stands in for a default that is not given", () => {
    expect(ALL.map(currencyOf)).toEqual(["GBP", "USD", undefined]);
  });

  test("F118, peer 8.17: one answer holds flows, services, sets and settings", () => {
    const all = paymentSettings([], ALL, DEFAULT_SETTINGS);
    expect(all).toEqual({ flows: [], services: ALL, settings: DEFAULT_SETTINGS, ...unionsOf(ALL) });
  });

  test("F45: information keys travel as data", () => {
    const info = infoOf("m", {
      additionalInfo: {
        merchants: { is: "merchants", value: [{ id: "1", name: "Shop" }] },
        supportsManualEntry: { is: "flag", value: true },
      },
    });
    const [service] = paymentSettings([], [info], DEFAULT_SETTINGS).services;
    expect(service?.additionalInfo["merchants"]).toEqual({
      is: "merchants",
      value: [{ id: "1", name: "Shop" }],
    });
  });
});
