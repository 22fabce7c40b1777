// Amounts: sums, differences, fractions and conversions, exact to the last unit; what would mix currencies or lose
// a unit is refused.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Amounts } from "../../../../firmware/payment/model/amounts.ts";
import {
  additionalOf,
  amountsLess,
  amountsPlus,
  convert,
  convertAt,
  isZero,
  newAmounts,
  sameCurrency,
  totalExcluding,
  totalOf,
  withAdditional,
  withAdditionalFraction,
  zeroAmounts,
} from "../../../../firmware/payment/model/amounts-arithmetic.ts";
import { fault, pounds, value } from "./values.ts";

const minor = fc.integer({ min: 0, max: 1_000_000_000_000 });
const additional = fc.dictionary(
  fc.constantFrom("tip", "cashback", "constructor", "9", "é"),
  minor,
);
const someAmounts = fc
  .tuple(minor, additional)
  .map(([base, names]) => value(newAmounts("GBP", base, names)));

function unchanged<T>(amounts: readonly Amounts[], work: () => T): T {
  const before = JSON.stringify(amounts);
  const done = work();
  expect(JSON.stringify(amounts)).toBe(before);
  return done;
}

describe("F46: amounts", () => {
  test("peer 8.1: base, additional amounts, total and currency are as given", () => {
    const amounts = pounds(1000, { one: 1500, two: 2000 });
    expect(amounts).toEqual({ currency: "GBP", base: 1000, additional: { one: 1500, two: 2000 } });
    expect(totalOf(amounts)).toBe(4500);
    expect(additionalOf(amounts, "one")).toBe(1500);
    expect(additionalOf(amounts, "ONE")).toBe(0);
    expect(additionalOf(amounts, "toString")).toBe(0);
  });

  test("peer 8.1: nothing is an amount too, and only nothing has no currency", () => {
    const nothing = zeroAmounts("GBP");
    expect([totalOf(nothing), nothing.base, isZero(nothing)]).toEqual([0, 0, true]);
    expect(isZero(pounds(0, { tip: 0 }))).toBe(true);
    expect(isZero(pounds(0, { tip: 1 }))).toBe(false);
    expect(fault(newAmounts("XXX", 0))).toBe("ok");
    expect(fault(newAmounts("XXX", 1))).toBe("out-of-range at currency");
    expect(fault(newAmounts("XXX", 0, { tip: 1 }))).toBe("out-of-range at currency");
  });

  test.each(["", "GB", "GBPP", "gbp", "zzz", "G8P", " GBP", "GBP\n", "ÄÖÜ"])(
    "defect 4, defect 9: %j is no currency, not even of nothing",
    (currency) => {
      expect(fault(newAmounts(currency, 0))).toBe("malformed at currency");
      expect(() => zeroAmounts(currency)).toThrow("assertion failed");
    },
  );

  test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])(
    "defect 9: %d is no amount",
    (minor) => {
      expect(fault(newAmounts("GBP", minor))).toBe("out-of-range at base");
      expect(fault(newAmounts("GBP", 0, { tip: minor }))).toBe("out-of-range at additional.tip");
    },
  );

  test("a sum that cannot be held exactly is refused, the largest that can is not", () => {
    const most = Number.MAX_SAFE_INTEGER;
    expect(totalOf(value(newAmounts("GBP", most - 1, { tip: 1 })))).toBe(most);
    expect(fault(newAmounts("GBP", most, { tip: 1 }))).toBe("out-of-range at additional.tip");
    expect(fault(amountsPlus(pounds(most), pounds(1)))).toBe("out-of-range at base");
  });

  test.each(["", "__proto__", "a\u0000b", "x".repeat(33)])(
    "%j names no additional amount",
    (name) => {
      const named = JSON.parse(`{${JSON.stringify(name)}: 1}`) as Record<string, number>;
      expect(fault(newAmounts("GBP", 0, named))).toBe(`malformed at additional.${name}`);
      expect(fault(withAdditional(pounds(0), name, 1))).toBe(`malformed at additional.${name}`);
    },
  );

  test("defect 8: amounts share nothing with what they were made of, and cannot be changed", () => {
    const given = { tip: 1 };
    const amounts = value(newAmounts("GBP", 1, given));
    given.tip = 7;
    expect(amounts.additional).toEqual({ tip: 1 });
    const copy = value(withAdditional(amounts, "cashback", 5));
    expect(amounts.additional).toEqual({ tip: 1 });
    for (const one of [amounts, copy]) {
      expect(Object.isFrozen(one) && Object.isFrozen(one.additional)).toBe(true);
      expect(() => Object.assign(one.additional, { tip: 9 })).toThrow(TypeError);
    }
  });
});

describe("F47: additional amounts", () => {
  test("one is set, and set again", () => {
    const once = value(withAdditional(pounds(100), "tip", 25));
    expect(value(withAdditional(once, "tip", 20)).additional).toEqual({ tip: 20 });
    expect(fault(withAdditional(once, "tip", -1))).toBe("out-of-range at additional.tip");
  });

  test("peer 8.1: half of 1000 is 500, and 1500 in all", () => {
    const amounts = pounds(1000);
    const tipped = unchanged([amounts], () =>
      value(withAdditionalFraction(amounts, "tip", { numerator: 5, denominator: 10 })),
    );
    expect([tipped.additional, totalOf(tipped)]).toEqual([{ tip: 500 }, 1500]);
  });

  test.each([
    [-5, 10, "out-of-range at fraction"],
    [15, 10, "out-of-range at fraction"],
    [1, 0, "malformed at fraction"],
    [1, -1, "malformed at fraction"],
    [0.5, 1, "malformed at fraction"],
  ])("peer 8.1: %d/%d is no fraction of the base", (numerator, denominator, why) => {
    const made = withAdditionalFraction(pounds(1000), "tip", { numerator, denominator });
    expect(fault(made)).toBe(why);
  });

  test.each([
    [100, 29, 29],
    [333, 33, 109],
    [999, 10, 99],
    [1999, 7, 139],
    [12_345, 5, 617],
    [1_234_567, 15, 185_185],
    [16_777_217, 100, 16_777_217],
    [100_000_001, 15, 15_000_000],
    [100_000_001, 100, 100_000_001],
    [9_007_199_254_740_991, 0, 0],
  ])("defect 3, defect 7: of %d, %d per cent is %d, whole and exact", (base, percent, part) => {
    const fraction = { numerator: percent, denominator: 100 };
    expect(value(withAdditionalFraction(pounds(base), "tip", fraction)).additional).toEqual({
      tip: part,
    });
  });

  test("the fraction is the exact one, what is less than a unit dropped", () => {
    const parts = fc.integer({ min: 0, max: 1_000_000 });
    fc.assert(
      fc.property(minor, parts, (base, numerator) => {
        const made = withAdditionalFraction(pounds(base), "tip", {
          numerator,
          denominator: 1_000_000,
        });
        const off =
          BigInt(base) * BigInt(numerator) - BigInt(additionalOf(value(made), "tip")) * 1_000_000n;
        expect(off >= 0n && off < 1_000_000n).toBe(true);
      }),
    );
  });
});

describe("F48: sums and differences", () => {
  test("peer 8.1: additional amounts of one name are summed, the others joined", () => {
    const sum = amountsPlus(
      pounds(1000, { bob: 150, susan: 300 }),
      pounds(350, { bob: 250, harry: 120 }),
    );
    expect(value(sum)).toEqual(pounds(1350, { bob: 400, susan: 300, harry: 120 }));
    expect(totalOf(value(sum))).toBe(2170);
  });

  test("peer 8.1: a difference, with what comes to zero kept", () => {
    const left = value(
      amountsLess(
        pounds(1000, { bob: 450, susan: 300 }),
        pounds(350, { bob: 250, harry: 120 }),
        true,
      ),
    );
    expect(left).toEqual(pounds(650, { bob: 200, susan: 300 }));
    expect([totalOf(left), additionalOf(left, "harry")]).toEqual([1150, 0]);
  });

  test("peer 8.1: a difference, with what comes to zero dropped", () => {
    const left = amountsLess(pounds(1000, { bob: 450 }), pounds(500, { bob: 450, harry: 120 }));
    expect(value(left)).toEqual(pounds(500));
    const kept = amountsLess(pounds(1000, { bob: 450 }), pounds(500, { bob: 450 }), true);
    expect(value(kept)).toEqual(pounds(500, { bob: 0 }));
  });

  test("each part of a difference stops at zero on its own; a zero of the first alone stays", () => {
    const left = amountsLess(pounds(100, { tip: 0, charge: 50 }), pounds(300, { charge: 20 }));
    expect(value(left)).toEqual(pounds(0, { tip: 0, charge: 30 }));
  });

  test("peer 8.1: two currencies are neither summed nor subtracted", () => {
    const dollars = value(newAmounts("USD", 1000));
    expect(sameCurrency(pounds(1), dollars)).toBe(false);
    expect(fault(amountsPlus(pounds(1000), dollars))).toBe("out-of-range at currency");
    expect(fault(amountsLess(pounds(1000), dollars))).toBe("out-of-range at currency");
  });

  test("peer 8.1: a total without the names that are left out", () => {
    const amounts = pounds(1000, { one: 1500, two: 2000, three: 3000 });
    expect(totalOf(amounts)).toBe(7500);
    expect(totalExcluding(amounts, "one", "two")).toBe(4000);
    expect(totalExcluding(amounts, "other")).toBe(7500);
  });

  test("defect 1: no operand is changed, and what was added can be taken away again", () => {
    fc.assert(
      fc.property(someAmounts, someAmounts, (a, b) => {
        const sum = unchanged([a, b], () => value(amountsPlus(a, b)));
        expect(totalOf(sum)).toBe(totalOf(a) + totalOf(b));
        const left = unchanged([sum, b], () => value(amountsLess(sum, b, true)));
        expect(left.base).toBe(a.base);
        for (const name of Object.keys(sum.additional)) {
          expect(additionalOf(left, name)).toBe(additionalOf(a, name));
        }
      }),
    );
  });
});

describe("F49: conversion", () => {
  test("peer 8.2: 100 and 25 pounds at a half are 50 and 12 dollars, and it stays with them how", () => {
    const dollars = value(convert(pounds(100, { cashback: 25 }), "USD", 500_000));
    expect(dollars).toEqual({
      currency: "USD",
      base: 50,
      additional: { cashback: 12 },
      converted: { from: "GBP", rateMillionths: 500_000 },
    });
    expect(value(amountsLess(dollars, dollars)).converted).toEqual(dollars.converted);
    expect(value(amountsPlus(dollars, dollars)).converted).toEqual(dollars.converted);
    expect(value(amountsPlus(dollars, zeroAmounts("USD"))).converted).toBeUndefined();
  });

  test.each([0, -1, -1_000_000])("defect 9: a rate of %d millionths is refused", (rate) => {
    expect(fault(convert(pounds(100), "USD", rate))).toBe("out-of-range at rate");
  });

  test.each([
    ["usd", 1_000_000, "malformed at currency"],
    ["", 1_000_000, "malformed at currency"],
    ["XXX", 1_000_000, "out-of-range at currency"],
    ["GBP", 2_000_000, "out-of-range at currency"],
    ["USD", 0.5, "out-of-range at rate"],
    ["USD", Number.NaN, "out-of-range at rate"],
    ["USD", 1_000_000_000_001, "out-of-range at rate"],
  ])("to %j at %d millionths: %s", (to, rate, why) => {
    expect(fault(convert(pounds(100), to, rate))).toBe(why);
  });

  test("at one to one, the same currency is the same amounts", () => {
    expect(value(convert(pounds(7, { tip: 1 }), "GBP", 1_000_000))).toEqual(pounds(7, { tip: 1 }));
  });

  test("what cannot be held exactly in the other currency is refused, at any exact rate", () => {
    const thousand = { numerator: 10n ** 60n, denominator: 1n };
    expect(fault(convertAt(pounds(1), "JPY", thousand))).toBe("out-of-range at base");
    expect(value(convertAt(pounds(3), "JPY", { numerator: 1n, denominator: 3n })).base).toBe(1);
  });
});
