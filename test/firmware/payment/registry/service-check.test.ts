// What a service says of itself: each rule that refuses it, and that nothing it says can hurt.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { FlowService } from "../../../../firmware/payment/engine/service.ts";
import type { ServiceInfo } from "../../../../firmware/payment/model/service-info.ts";
import type { Stage } from "../../../../firmware/payment/model/stages.ts";
import { checkInfo, wordsOf } from "../../../../firmware/payment/registry/service-check.ts";
import { infoOf, stubService } from "./stub-service.ts";

const PAYING = { canPayAmounts: true, paymentMethods: ["card"] };

function check(
  more: object,
  stages: readonly Stage[] = ["GENERIC"],
  service: Partial<FlowService> = {},
) {
  return checkInfo(stubService("a", stages, service), { ...infoOf("a"), ...more });
}
/** Code and message of the refusal. */
function why(...given: Parameters<typeof check>): string {
  const checked = check(...given);
  return checked.ok ? "ok" : `${checked.error}: ${checked.message}`;
}

test.each(["operator", "Sale", "engine", "a b", "\u0430", "a\u200b", "../a", ""])(
  "no service is called %j: another might be meant",
  (id) => {
    const service = stubService(id, ["GENERIC"]);
    expect(checkInfo(service, infoOf(id))).toMatchObject({ error: "invalidServiceInfo" });
  },
);

test("a payment method is no longer than an answer can name it", () => {
  const methods = (name: string) => why({ ...PAYING, paymentMethods: ["card", name] });
  expect(methods("m".repeat(24))).toBe("ok");
  expect(methods("m".repeat(25))).toBe(
    "invalidServiceInfo: info.paymentMethods.1 must be at most 24 bytes",
  );
});

describe("F31: what must be said", () => {
  test("all 18 fields come through", () => {
    const full: ServiceInfo = {
      ...infoOf("a"),
      accessible: true,
      flowTypes: ["sale"],
      customRequestTypes: ["balance"],
      dataKeys: ["points"],
      canAdjustAmounts: true,
      ...PAYING,
      defaultCurrency: "GBP",
      currencies: ["EUR", "GBP"],
      additionalInfo: { supportsManualEntry: { is: "flag", value: true } },
    };
    const checked = check(full, ["GENERIC"]);
    expect(checked).toEqual({ ok: true, info: { ...full, stages: ["GENERIC"] } });
  });

  test("F45: what is said besides travels as typed data", () => {
    const merchants = { is: "merchants", value: [{ id: "1", name: "Shop" }] };
    const checked = check({ additionalInfo: { merchants } });
    expect(checked.ok && checked.info.additionalInfo["merchants"]).toEqual(merchants);
    expect(why({ additionalInfo: { merchants: { is: "merchants", value: "Shop" } } })).toBe(
      "invalidServiceInfo: info.additionalInfo.merchants.value must be a list",
    );
  });

  test.each([
    ["no vendor (peer 8.16)", { vendor: "" }, "info.vendor must not be empty"],
    ["no vendor at all", { vendor: undefined }, "info.vendor is missing"],
    ["no display name (peer 8.16)", { displayName: "  " }, "info.displayName must not be empty"],
    ["no version", { serviceVersion: "" }, "info.serviceVersion must not be empty"],
    ["no API version", { apiVersion: "" }, "info.apiVersion must be a version, such as 1.0.0"],
    ["another's id", { id: "b" }, "info.id is b, and the service is a"],
    [
      "paying without methods (peer 8.16)",
      { canPayAmounts: true },
      "info.paymentMethods must not be empty where canPayAmounts is set",
    ],
    [
      "a currency that is none",
      { currencies: ["GBP", "gbp"] },
      "info.currencies.1 must be three capital letters",
    ],
    [
      "a default that is none",
      { defaultCurrency: "€" },
      "info.defaultCurrency must be three capital letters",
    ],
    [
      "a default it does not take",
      { defaultCurrency: "USD", currencies: ["GBP"] },
      "info.defaultCurrency must be one of info.currencies",
    ],
    ["a wrong type", { accessible: "yes" }, "info.accessible must be true or false"],
    ["too many", { dataKeys: Array(33).fill("k") }, "info.dataKeys must hold at most 32 items"],
    ["a long text", { vendor: "v".repeat(49) }, "info.vendor must be at most 48 bytes of UTF-8"],
    ["a huge text", { vendor: "v".repeat(1_000_000) }, "info.vendor is too large"],
    ["a fraction", { vendor: 1.5 }, "info.vendor must be an integer"],
  ])("F35: %s is invalidServiceInfo", (_what, more, message) => {
    expect(why(more)).toBe(`invalidServiceInfo: ${message}`);
  });

  test("a service that processes transactions pays", () => {
    expect(why({}, ["TRANSACTION_PROCESSING"])).toBe(
      "invalidServiceInfo: info.canPayAmounts must be set by a service that processes transactions",
    );
    expect(why(PAYING, ["TRANSACTION_PROCESSING"])).toBe("ok");
  });

  test.each(["payment", "sale", "my type", "My", "tea making"])(
    "F30, open point 18: %j is no custom request type",
    (type) => {
      expect(why({ customRequestTypes: ["balance", type] })).toMatch(
        /^invalidServiceInfo: info\.customRequestTypes\.1 must be a camelCase name/,
      );
    },
  );
});

describe("F32: stages", () => {
  test("are those that the service implements, in their order, whatever it says", () => {
    const checked = check({ stages: ["SPLIT"], flowStages: [{ flow: "x", stages: ["SPLIT"] }] }, [
      "POST_FLOW",
      "PRE_FLOW",
    ]);
    expect(checked.ok && checked.info.stages).toEqual(["PRE_FLOW", "POST_FLOW"]);
    expect(checked.ok && checked.info.flowStages).toBeUndefined();
    expect(check({ stages: undefined }).ok).toBe(true);
  });

  test.each([
    ["none", [], "stages: it implements none"],
    ["no list", "GENERIC", "stages: it implements none"],
    ["an unknown one", ["GENERIC", "NOW"], "stages: NOW is none"],
    ["the engine's own", ["FULFILLED_CHECK"], "stages: FULFILLED_CHECK is the engine's own"],
    ["one twice", ["GENERIC", "GENERIC"], "stages: one is listed twice"],
    ["a prototype's name", ["toString"], "stages: toString is none"],
  ])("F35: %s is invalidStageDefinitions", (_what, stages, message) => {
    expect(why({}, stages as Stage[]).slice(0, 25 + message.length)).toBe(
      `invalidStageDefinitions: ${message}`,
    );
  });

  test("custom request types need GENERIC", () => {
    const types = { customRequestTypes: ["balance"] };
    expect(why(types, ["PRE_FLOW"])).toBe(
      "invalidStageDefinitions: info.customRequestTypes need the stage GENERIC",
    );
    expect(why(types, ["PRE_FLOW", "GENERIC"])).toBe("ok");
  });
});

describe("grants", () => {
  const rights = {
    stages: ["GENERIC", "SPLIT"] as Stage[],
    adjust: false,
    pay: false,
    card: false,
  };
  test.each([
    ["another stage", {}, ["GENERIC", "PRE_FLOW"], "its grant does not cover the stage PRE_FLOW"],
    [
      "adjusting",
      { canAdjustAmounts: true },
      ["GENERIC"],
      "its grant does not let it adjust amounts",
    ],
    ["paying", PAYING, ["GENERIC"], "its grant does not let it pay amounts"],
  ])("%s beyond the grant is overReaching", (_what, more, stages, message) => {
    expect(why(more, stages as Stage[], { rights })).toBe(`overReaching: ${message}`);
    const all = { stages: stages as Stage[], adjust: true, pay: true, card: false };
    expect(why(more, stages as Stage[], { rights: all })).toBe("ok");
  });

  test("a service that knows why it takes no part says so itself", () => {
    const refusal = { refused: "notEnrolled", message: "its grant has expired" };
    expect(checkInfo(stubService("a", ["GENERIC"]), refusal)).toEqual({
      ok: false,
      error: "notEnrolled",
      message: "its grant has expired",
    });
    expect(why({ refused: "because" })).toBe("ok");
  });
});

describe("hostile infos", () => {
  const cyclic: Record<string, unknown> = { ...infoOf("a") };
  cyclic["additionalInfo"] = cyclic;
  const deep = (depth: number): unknown => (depth === 0 ? 1 : { a: deep(depth - 1) });
  test.each([
    ["nothing", undefined],
    ["null", null],
    ["text", "info"],
    ["a list", []],
    ["a cycle", cyclic],
    ["a deep one", { ...infoOf("a"), additionalInfo: deep(5000) }],
    ["a wide one", { ...infoOf("a"), dataKeys: Array(1_000_000).fill("k") }],
    ["endless", { ...infoOf("a"), dataKeys: { length: Number.POSITIVE_INFINITY } }],
    [
      "a getter that throws",
      Object.defineProperty({ ...infoOf("a") }, "vendor", {
        enumerable: true,
        get: () => {
          throw new Error("no");
        },
      }),
    ],
    [
      "a proxy that throws",
      new Proxy(
        {},
        {
          get: () => {
            throw new Error("no");
          },
        },
      ),
    ],
    ["a function", () => infoOf("a")],
    [
      "the prototype as a key",
      { ...infoOf("a"), additionalInfo: JSON.parse('{"__proto__":{"is":"flag","value":true}}') },
    ],
  ])("%s is refused as invalidServiceInfo", (_what, info) => {
    expect(checkInfo(stubService("a", ["GENERIC"]), info)).toMatchObject({
      ok: false,
      error: "invalidServiceInfo",
    });
  });

  test("what is kept is a frozen copy: nothing that the service does later reaches it", () => {
    const given = { ...infoOf("a"), dataKeys: ["one"] };
    const checked = checkInfo(stubService("a", ["GENERIC"]), given);
    given.dataKeys.push("two");
    given.vendor = "Other";
    expect(checked.ok && [checked.info.dataKeys, checked.info.vendor]).toEqual([
      ["one"],
      "Example",
    ]);
    expect(
      checked.ok && [Object.isFrozen(checked.info), Object.isFrozen(checked.info.dataKeys)],
    ).toEqual([true, true]);
  });

  test("any value is answered, never thrown at", () => {
    const fields = Object.keys(infoOf("a"));
    fc.assert(
      fc.property(
        fc.constantFrom(...fields, "defaultCurrency", "refused"),
        fc.anything(),
        (name, value) => {
          const checked = check({ [name]: value });
          expect(checked.ok ? Object.isFrozen(checked.info) : checked.message.length <= 163).toBe(
            true,
          );
        },
      ),
    );
  });

  test("whatever is thrown has words, of bounded length", () => {
    const nasty = {
      toString: () => {
        throw new Error("no");
      },
    };
    expect(wordsOf(new Error("broken"))).toBe("broken");
    expect(wordsOf(nasty)).toBe("it threw something that has no words");
    expect(wordsOf("x".repeat(1000)).length).toBe(163);
    expect(wordsOf("a\u001b[2Jb")).toBe("a [2Jb");
  });
});
