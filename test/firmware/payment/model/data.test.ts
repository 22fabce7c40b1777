// The typed bag: a value is read as what it is, a key is only what the bag itself holds, and no class names travel.

import { describe, expect, test } from "vitest";
import {
  DATA_KEYS_MAX,
  type Data,
  data,
  NO_DATA,
} from "../../../../firmware/payment/model/data.ts";
import {
  addData,
  amountOf,
  amountsOf,
  basketOf,
  cardOf,
  customerOf,
  dataOf,
  entryOf,
  flagOf,
  hasData,
  integerOf,
  integersOf,
  ofType,
  textOf,
  textsOf,
  tokenOf,
  withData,
  withoutData,
} from "../../../../firmware/payment/model/data-access.ts";
import type { DataValue } from "../../../../firmware/payment/model/data-value.ts";
import { copyOf, deepFreeze } from "../../../../firmware/payment/model/freeze.ts";
import { readJson } from "../../../../firmware/protocol/schema.ts";
import { fault, pounds, value } from "./values.ts";

const customer = { id: "c", tokens: [], details: NO_DATA };
const bag: Data = deepFreeze({
  text: { is: "text", value: "hello" },
  flag: { is: "flag", value: true },
  integer: { is: "integer", value: 12 },
  large: { is: "integer", value: Number.MAX_SAFE_INTEGER },
  texts: { is: "texts", value: ["a", "b"] },
  integers: { is: "integers", value: [1, 2] },
  amount: { is: "amount", value: { value: -5, currency: "GBP" } },
  amounts: { is: "amounts", value: pounds(5) },
  token: { is: "token", value: { value: "t" } },
  card: { is: "card", value: { data: NO_DATA } },
  customer: { is: "customer", value: customer },
  basket: {
    is: "basket",
    value: { id: "b", name: "n", items: [], data: NO_DATA, primary: false, rounding: "up" },
  },
});
const NATURE = ["toString", "constructor", "__proto__", "hasOwnProperty", "valueOf"];

describe("F56: additional data", () => {
  test("peer 8.14: text, flags and integers of any size are read as what they are", () => {
    expect([textOf(bag, "text"), flagOf(bag, "flag"), integerOf(bag, "integer")]).toEqual([
      "hello",
      true,
      12,
    ]);
    expect(integerOf(bag, "large")).toBe(Number.MAX_SAFE_INTEGER);
  });

  test("peer 8.14: models are read as what they are", () => {
    expect(amountOf(bag, "amount")).toEqual({ value: -5, currency: "GBP" });
    expect(amountsOf(bag, "amounts")).toEqual(pounds(5));
    expect(tokenOf(bag, "token")).toEqual({ value: "t" });
    expect(cardOf(bag, "card")).toEqual({ data: {} });
    expect(customerOf(bag, "customer")).toEqual(customer);
    expect(basketOf(bag, "basket")?.id).toBe("b");
  });

  test("peer 8.14: nothing is read as another type", () => {
    const readers = {
      textOf,
      flagOf,
      integerOf,
      amountOf,
      amountsOf,
      tokenOf,
      cardOf,
      customerOf,
      basketOf,
    };
    for (const [name, read] of Object.entries(readers)) {
      const found = Object.keys(bag).filter((key) => read(bag, key) !== undefined);
      const own = Object.keys(bag).filter((key) => name === `${bag[key]?.is}Of`);
      expect([name, found]).toEqual([name, own]);
    }
  });

  test("peer 8.14: a default stands in where nothing fits; defect 12: a missing key is no crash", () => {
    expect(integerOf(bag, "none") ?? 7).toBe(7);
    expect([flagOf(bag, "none"), integerOf(bag, "text"), dataOf(NO_DATA, "x", "bytes")]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test("peer 8.14: one value is read as a list of itself, any plain one as texts", () => {
    expect(textsOf(bag, "text")).toEqual(["hello"]);
    expect(textsOf(bag, "texts")).toEqual(["a", "b"]);
    expect(textsOf(bag, "integer")).toEqual(["12"]);
    expect(textsOf(bag, "integers")).toEqual(["1", "2"]);
    expect(textsOf(bag, "flag")).toEqual(["true"]);
    expect(textsOf(bag, "customer")).toBeUndefined();
    expect(integersOf(bag, "integer")).toEqual([12]);
    expect(integersOf(bag, "integers")).toEqual([1, 2]);
    expect(integersOf(bag, "flag")).toBeUndefined();
  });

  test("peer 8.14: all values of a type, by key", () => {
    expect(ofType(bag, "integer")).toEqual({ integer: 12, large: Number.MAX_SAFE_INTEGER });
    expect(ofType(bag, "bytes")).toEqual({});
  });

  test("peer 8.14: keys are added, replaced, taken away, all of them too, and the bag stays as it was", () => {
    const before = JSON.stringify(bag);
    const text = { is: "text", value: "other" } as const;
    const more = value(withData(bag, "text", text));
    expect(textOf(more, "text")).toBe("other");
    const less = withoutData(bag, "text", "flag", "none");
    expect([hasData(less, "text"), hasData(less, "integer")]).toEqual([false, true]);
    expect(Object.keys(withoutData(bag, ...Object.keys(bag)))).toEqual([]);
    expect(JSON.stringify(bag)).toBe(before);
    for (const made of [more, less]) expect(Object.isFrozen(made)).toBe(true);
  });

  test("a bag that is copied into another replaces only where that is asked for", () => {
    const more = {
      text: { is: "text", value: "new" },
      added: { is: "flag", value: false },
    } as const;
    const kept = value(addData(bag, more));
    expect([textOf(kept, "text"), flagOf(kept, "added")]).toEqual(["hello", false]);
    expect(textOf(value(addData(bag, more, "overwrite")), "text")).toBe("new");
  });

  test.each(NATURE)(
    "%s is a key like any other, or none: never what objects have by nature",
    (key) => {
      expect([textOf(bag, key), textsOf(bag, key), hasData(bag, key)]).toEqual([
        undefined,
        undefined,
        false,
      ]);
      expect(entryOf(bag, key)).toBeUndefined();
      const text = { is: "text", value: "own" } as const;
      const made = withData(NO_DATA, key, text);
      if (key === "__proto__") expect(fault(made)).toBe("malformed at data.__proto__");
      else expect(textOf(value(made), key)).toBe("own");
      expect(({} as { own?: unknown }).own).toBeUndefined();
    },
  );

  test("a bag has so many keys, each of so many bytes", () => {
    const flag = { is: "flag", value: true } as const;
    const many = Array.from({ length: DATA_KEYS_MAX }, (_, index) => [`${index}`, flag] as const);
    const full = value(addData(NO_DATA, Object.fromEntries(many)));
    expect(fault(withData(full, "0", flag))).toBe("ok");
    expect(fault(withData(full, "more", flag))).toBe("too-many at data");
    expect(fault(withData(NO_DATA, "", flag))).toBe("malformed at data.");
    expect(fault(withData(NO_DATA, "x".repeat(41), flag))).toBe(
      `malformed at data.${"x".repeat(41)}`,
    );
  });
});

describe("what a bag takes from outside", () => {
  test.each([
    [{ a: { is: "java.lang.String", value: "x" } }, "malformed at data.a.is"],
    [{ a: { is: "constructor", value: "x" } }, "malformed at data.a.is"],
    [{ a: { is: "__proto__", value: "x" } }, "malformed at data.a.is"],
    [{ a: { is: "integer", value: 1.5 } }, "malformed at data.a.value"],
    [{ a: { is: "integers", value: [1, "2"] } }, "malformed at data.a.value.1"],
    [{ a: { is: "text" } }, "malformed at data.a.value"],
    [{ a: "text" }, "malformed at data.a.is"],
    [{ a: null }, "malformed at data.a.is"],
    [[], "malformed at data"],
    ["text", "malformed at data"],
    [null, "malformed at data"],
    [{ a: { is: "text", value: "x".repeat(513) } }, "malformed at data.a.value"],
    [{ a: { is: "text", value: "\u001b[2J" } }, "malformed at data.a.value"],
    [{ a: { is: "bytes", value: "00".repeat(1025) } }, "malformed at data.a.value"],
  ])("I11, defect 6: %j: %s", (json, why) => {
    expect(fault(readJson(data, json, "data"))).toBe(why);
  });

  test("I11: a key of the one forbidden name, and one bag in another, cannot reach what objects are made of", () => {
    const hostile = '{"__proto__":{"is":"text","value":"x"}}';
    expect(fault(readJson(data, JSON.parse(hostile), "data"))).toBe("malformed at data");
    const inner = `{"c":{"is":"card","value":{"data":${hostile}}}}`;
    expect(fault(readJson(data, JSON.parse(inner), "data"))).toBe("malformed at data.c.value.data");
  });

  test("defect 8: a copy shares nothing, down to the bytes", () => {
    const bytes = new Uint8Array([1, 2]);
    const one: DataValue = { is: "bytes", value: bytes };
    const copy = copyOf(data, { one });
    bytes[0] = 9;
    expect(dataOf(copy, "one", "bytes")).toEqual(new Uint8Array([1, 2]));
    expect(Object.isFrozen(copy) && Object.isFrozen(copy["one"])).toBe(true);
  });
});
