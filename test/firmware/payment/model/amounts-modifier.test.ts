// How amounts are changed step by step: what is refused leaves the draft as it was, and order counts.

import { describe, expect, test } from "vitest";
import {
  type AmountsDraft,
  changeCurrency,
  draftOf,
  offsetBase,
  setAdditional,
  setAdditionalFraction,
  setBase,
  setBasketTotal,
} from "../../../../firmware/payment/model/amounts-modifier.ts";
import type { Result } from "../../../../firmware/result.ts";
import { fault, pounds, value } from "./values.ts";

type Step = (draft: AmountsDraft) => Result<AmountsDraft>;

function stepped(start: AmountsDraft, ...steps: readonly Step[]): AmountsDraft {
  return steps.reduce((draft, step) => value(step(draft)), start);
}

const tenPercent = { numerator: 1, denominator: 10 };

describe("F75, F76: changes of amounts", () => {
  test("peer 8.2: base and additional amounts are changed together", () => {
    const draft = stepped(
      draftOf(pounds(100, { cashback: 25 })),
      (so) => setBase(so, 50),
      (so) => setAdditional(so, "cashback", 30),
      (so) => setAdditional(so, "tip", 15),
    );
    expect(draft.amounts).toEqual(pounds(50, { cashback: 30, tip: 15 }));
  });

  test("peer 8.2: what is negative is refused, and the amounts stay as they were", () => {
    const draft = draftOf(pounds(100, { cashback: 25 }));
    expect(fault(setBase(draft, -1))).toBe("out-of-range at base");
    expect(fault(setAdditional(draft, "tip", -1))).toBe("out-of-range at additional.tip");
    expect(fault(setAdditional(draft, "cashback", -1, true))).toBe(
      "out-of-range at additional.cashback",
    );
    expect(draft).toEqual(draftOf(pounds(100, { cashback: 25 })));
  });

  test("peer 8.2: an additional amount is reduced only where that is allowed", () => {
    const draft = draftOf(pounds(1000, { tip: 100 }));
    expect(fault(setAdditional(draft, "tip", 50))).toBe("out-of-range at additional.tip");
    expect(value(setAdditional(draft, "tip", 50, true)).amounts).toEqual(pounds(1000, { tip: 50 }));
    const fraction = { numerator: 9, denominator: 100 };
    expect(fault(setAdditionalFraction(draft, "tip", fraction))).toBe(
      "out-of-range at additional.tip",
    );
    expect(value(setAdditionalFraction(draft, "tip", fraction, true)).amounts.additional).toEqual({
      tip: 90,
    });
  });

  test("setting what is there already counts as a change", () => {
    const draft = draftOf(pounds(1000, { tip: 100 }));
    expect(draft.modified).toBe(false);
    expect(value(setAdditional(draft, "tip", 100)).modified).toBe(true);
  });

  test("peer 8.2: the base goes down by an offset, never below zero", () => {
    expect(value(offsetBase(draftOf(pounds(100)), -50)).amounts).toEqual(pounds(50));
    expect(value(offsetBase(draftOf(pounds(100)), -100)).amounts).toEqual(pounds(0));
    expect(fault(offsetBase(draftOf(pounds(100)), -101))).toBe("out-of-range at base");
  });

  test("a fraction is of the base as it is at that step", () => {
    const draft = draftOf(pounds(100));
    const basketFirst = stepped(
      draft,
      (so) => setBasketTotal(so, 100),
      (so) => setAdditionalFraction(so, "tip", tenPercent),
    );
    expect(basketFirst.amounts).toEqual(pounds(200, { tip: 20 }));
    const tipFirst = stepped(
      draft,
      (so) => setAdditionalFraction(so, "tip", tenPercent),
      (so) => setBasketTotal(so, 100),
    );
    expect(tipFirst.amounts).toEqual(pounds(200, { tip: 10 }));
    expect(fault(setAdditionalFraction(draft, "tip", { numerator: 2, denominator: 1 }))).toBe(
      "out-of-range at fraction",
    );
  });

  test("a second basket replaces the first, and what that added to the base", () => {
    const draft = stepped(
      draftOf(pounds(200)),
      (so) => setBasketTotal(so, 300),
      (so) => offsetBase(so, 7),
      (so) => setBasketTotal(so, 50),
    );
    expect([draft.amounts, draft.basketMinor]).toEqual([pounds(257), 50]);
    expect(fault(setBasketTotal(draft, -1))).toBe("out-of-range at basket");
  });
});

describe("F79: changes of currency", () => {
  test("peer 8.2: everything is converted, and how stays with it through later steps", () => {
    const draft = stepped(
      draftOf(pounds(100, { cashback: 25 })),
      (so) => changeCurrency(so, "USD", 500_000),
      (so) => offsetBase(so, 1),
    );
    expect(draft.amounts).toEqual({
      currency: "USD",
      base: 51,
      additional: { cashback: 12 },
      converted: { from: "GBP", rateMillionths: 500_000 },
    });
    expect(fault(changeCurrency(draft, "EUR", 0))).toBe("out-of-range at rate");
  });

  test("what a basket added is converted with the rest, and can still be replaced", () => {
    const draft = stepped(
      draftOf(pounds(100)),
      (so) => setBasketTotal(so, 50),
      (so) => changeCurrency(so, "USD", 2_000_000),
      (so) => setBasketTotal(so, 10),
    );
    expect(draft.amounts.base).toBe(210);
  });
});
