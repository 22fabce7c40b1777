// Divisions that sum up exactly: in proportion, of a partial authorisation, of an answer over its question.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  convert,
  newAmounts,
  totalOf,
} from "../../../../firmware/payment/model/amounts-arithmetic.ts";
import {
  apportion,
  normalise,
  partialAuthorisation,
} from "../../../../firmware/payment/model/apportion.ts";
import { fault, pounds, value } from "./values.ts";

describe("apportion", () => {
  test.each([
    [100, [1, 1, 1], [34, 33, 33]],
    [101, [1, 1, 1], [34, 34, 33]],
    [10, [0, 5, 5], [0, 5, 5]],
    [7, [3, 1], [5, 2]],
    [5, [1, 2, 1], [1, 3, 1]],
    [9, [5, 4], [5, 4]],
    [0, [5, 4], [0, 0]],
    [0, [0, 0], [0, 0]],
    [0, [], []],
    [Number.MAX_SAFE_INTEGER, [1, 1], [2 ** 52, 2 ** 52 - 1]],
  ])("%d over %j is %j", (total, weights, parts) => {
    expect(value(apportion(total, weights))).toEqual(parts);
  });

  test.each([
    [-1, [1], "out-of-range at total"],
    [0.5, [1], "out-of-range at total"],
    [1, [1, -1], "out-of-range at weights"],
    [1, [Number.NaN], "out-of-range at weights"],
    [1, [0, 0], "out-of-range at weights"],
    [1, [], "out-of-range at weights"],
  ])("%d over %j: %s", (total, weights, why) => {
    expect(fault(apportion(total, weights))).toBe(why);
  });

  test("I4: sums up exactly, within a unit of the exact part, and never above a part's own weight", () => {
    const weight = fc.integer({ min: 0, max: 1_000_000_000 });
    const weights = fc.array(weight, { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(weights, fc.integer({ min: 0, max: 1_000_000 }), (given, millionths) => {
        const sum = given.reduce((so, one) => so + one, 0);
        const total = Math.floor((sum / 1_000_000) * millionths);
        const parts = value(apportion(total, given));
        expect(parts.reduce((so, one) => so + one, 0)).toBe(total);
        for (const [index, part] of parts.entries()) {
          const exact = BigInt(total) * BigInt(given[index] ?? 0);
          const off = BigInt(part) * BigInt(sum) - exact;
          expect(off < BigInt(sum) && -off < BigInt(sum)).toBe(sum > 0);
          expect(part).toBeLessThanOrEqual(given[index] ?? 0);
        }
      }),
    );
  });
});

describe("F82: partial authorisation", () => {
  const requested = pounds(1000, { tip: 200, charity: 100 });

  test.each([
    [1300, 1000, 200, 100],
    [1150, 1000, 100, 50],
    [1000, 1000, 0, 0],
    [999, 999, 0, 0],
    [0, 0, 0, 0],
    [1001, 1000, 1, 0],
    [1002, 1000, 1, 1],
    [1299, 1000, 199, 100],
    [1100, 1000, 67, 33],
  ])("%d is %d, tip %d, charity %d", (authorised, base, tip, charity) => {
    const paid = value(partialAuthorisation(requested, authorised));
    expect(paid).toEqual(pounds(base, { tip, charity }));
  });

  test("of equal remainders the name decides, whatever order they were named in", () => {
    const ab = pounds(0, { a: 1, b: 1 });
    const ba = pounds(0, { b: 1, a: 1 });
    expect(value(partialAuthorisation(ab, 1))).toEqual(pounds(0, { a: 1, b: 0 }));
    expect(value(partialAuthorisation(ba, 1))).toEqual(pounds(0, { a: 1, b: 0 }));
  });

  test.each([1301, -1, 0.5, Number.NaN])("%d of 1300 cannot be authorised", (authorised) => {
    expect(fault(partialAuthorisation(requested, authorised))).toBe("out-of-range at authorised");
  });

  test("the conversion of the request stays with it", () => {
    const dollars = value(convert(requested, "USD", 2_000_000));
    expect(value(partialAuthorisation(dollars, 5)).converted).toEqual(dollars.converted);
  });

  test("sums up exactly to what was authorised, no part above what was requested", () => {
    const minor = fc.integer({ min: 0, max: 1_000_000 });
    const names = fc.dictionary(fc.constantFrom("tip", "charity", "a", "constructor"), minor);
    fc.assert(
      fc.property(minor, names, fc.nat(), (base, additional, seed) => {
        const asked = pounds(base, additional);
        const authorised = seed % (totalOf(asked) + 1);
        const paid = value(partialAuthorisation(asked, authorised));
        expect(totalOf(paid)).toBe(authorised);
        expect(paid.base).toBe(Math.min(base, authorised));
        for (const [name, part] of Object.entries(paid.additional)) {
          expect(part).toBeLessThanOrEqual(additional[name] ?? 0);
        }
      }),
    );
  });
});

describe("F83: an answer is laid onto the structure of its question", () => {
  const requested = pounds(1000, { tip: 200 });

  test("as it is, where every part fits", () => {
    expect(normalise(requested, requested)).toEqual(requested);
    expect(normalise(requested, pounds(1000, { tip: 150 }))).toEqual(pounds(1000, { tip: 150 }));
    expect(normalise(requested, pounds(0, { tip: 200 }))).toEqual(pounds(0, { tip: 200 }));
    expect(normalise(requested, pounds(5, { other: 0 }))).toEqual(pounds(5, { tip: 0 }));
  });

  test.each([
    [pounds(1200), pounds(1000, { tip: 200 })],
    [pounds(1100), pounds(1000, { tip: 100 })],
    [pounds(900, { tip: 300 }), pounds(1000, { tip: 200 })],
    [pounds(100, { other: 50 }), pounds(150, { tip: 0 })],
    [pounds(0, { constructor: 5 }), pounds(5, { tip: 0 })],
  ])("by its total where a part does not: %j", (approved, laid) => {
    expect(normalise(requested, approved)).toEqual(laid);
  });

  test("never above the total requested, nor in another currency", () => {
    expect(normalise(requested, pounds(1201))).toBeUndefined();
    expect(normalise(requested, pounds(1000, { tip: 201 }))).toBeUndefined();
    expect(normalise(requested, value(newAmounts("USD", 5)))).toBeUndefined();
  });
});
