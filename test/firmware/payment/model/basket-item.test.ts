// Items and modifiers: by which parts they may be made, and what they come to.

import { describe, expect, test } from "vitest";
import type { Modifier } from "../../../../firmware/payment/model/basket.ts";
import {
  fractionalQuantity,
  modifierMinor,
  newItem,
  newModifier,
  withAmount,
  withQuantity,
} from "../../../../firmware/payment/model/basket-item.ts";
import { itemBaseTotal, itemTotal } from "../../../../firmware/payment/model/basket-total.ts";
import { millionthsOf, parseDecimal } from "../../../../firmware/payment/model/decimal.ts";
import { deepFreeze } from "../../../../firmware/payment/model/freeze.ts";
import { fault, value } from "./values.ts";

const named = { id: "i", label: "item" };
const hundred = 100_000_000;

function extra(parts: Partial<Modifier>): Modifier {
  return { name: "extra", type: "extra", ...parts };
}

describe("F51: items", () => {
  test("peer 8.12: an item has an id and a label, and is one of nothing unless more is said", () => {
    expect(fault(newItem({ id: "", label: "x" }))).toBe("malformed at item.id");
    expect(fault(newItem({ id: "x", label: "" }))).toBe("malformed at item.label");
    const bare = value(newItem(named));
    expect(bare).toEqual({ ...named, amountMinor: 0, baseMillionths: 0, quantity: 1 });
    expect([bare.measurement, bare.modifiers, bare.data]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test("peer 8.12: the base is the amount where no base is given", () => {
    expect(value(newItem({ ...named, amountMinor: 7 })).baseMillionths).toBe(7_000_000);
  });

  test("peer 8.12: base 100 and 100 on top, whose 50 % do not count, twice", () => {
    const modifiers = [extra({ amountMillionths: hundred, rateMillionths: 500_000 })];
    const item = value(newItem({ ...named, baseMillionths: hundred, modifiers, quantity: 2 }));
    expect(item.amountMinor).toBe(200);
    expect([value(itemTotal(item)), value(itemBaseTotal(item))]).toEqual([400, 200_000_000]);
    const four = value(withQuantity(deepFreeze(item), 4));
    expect([value(itemTotal(four)), value(itemBaseTotal(four))]).toEqual([800, 400_000_000]);
    expect(item.quantity).toBe(2);
  });

  test("a modifier's amount of zero leaves the word to its rate", () => {
    const modifiers = [extra({ amountMillionths: 0, rateMillionths: 500_000 })];
    const item = value(newItem({ ...named, baseMillionths: hundred, modifiers }));
    expect(item.amountMinor).toBe(150);
  });

  test("peer 8.12: 100 + 100 - 5.5 % is 194.5, which is 195", () => {
    const modifiers = [extra({ amountMillionths: hundred }), extra({ rateMillionths: -55_000 })];
    const item = value(newItem({ ...named, baseMillionths: hundred, modifiers }));
    expect(item.amountMinor).toBe(195);
  });

  test("peer 8.12: an amount excludes base and modifiers, whichever comes first", () => {
    const modifiers = [extra({ amountMillionths: 1 })];
    const why = "malformed at item.amountMinor";
    expect(fault(newItem({ ...named, amountMinor: 1, modifiers }))).toBe(why);
    expect(fault(newItem({ ...named, baseMillionths: 1, amountMinor: 1 }))).toBe(why);
  });

  test("defect 15: an item that was made before takes another amount, any number of times", () => {
    const modifiers = [extra({ amountMillionths: hundred })];
    const item = deepFreeze(value(newItem({ ...named, baseMillionths: hundred, modifiers })));
    const discount = value(withAmount(value(withAmount(item, 7)), -50));
    expect(discount).toEqual({
      ...named,
      amountMinor: -50,
      baseMillionths: -50_000_000,
      quantity: 1,
    });
    expect(item.modifiers).toHaveLength(1);
  });

  test("peer 8.12: a quantity is a whole number, not below zero", () => {
    expect(fault(newItem({ ...named, quantity: -1 }))).toBe("malformed at item.quantity");
    expect(fault(newItem({ ...named, quantity: 1.5 }))).toBe("malformed at item.quantity");
    expect(fault(withQuantity(value(newItem(named)), -1))).toBe("out-of-range at item.quantity");
    expect(value(newItem({ ...named, quantity: 0 })).quantity).toBe(0);
  });

  test("peer 8.12: 1000 by its amount and 500 by its base, twice", () => {
    const item = { ...value(newItem({ ...named, amountMinor: 1000 })), quantity: 2 };
    const two = { ...item, baseMillionths: 500_000_000 };
    expect([value(itemTotal(two)), value(itemBaseTotal(two))]).toEqual([2000, 1_000_000_000]);
  });

  test("peer 8.12: a fraction is a measurement where it has a unit, else it must be whole", () => {
    expect(value(fractionalQuantity(2_100_000, "kg"))).toEqual({
      quantity: 1,
      measurement: { valueMillionths: 2_100_000, unit: "kg" },
    });
    expect(value(fractionalQuantity(2_000_000))).toEqual({ quantity: 2 });
    expect(fault(fractionalQuantity(2_100_000))).toBe("out-of-range at quantity");
    expect(fault(fractionalQuantity(2_100_000, ""))).toBe("out-of-range at quantity");
    expect(fault(fractionalQuantity(-1_000_000))).toBe("out-of-range at quantity");
    const measurement = { valueMillionths: 1, unit: "" };
    expect(fault(newItem({ ...named, measurement }))).toBe("malformed at item.measurement.unit");
  });

  test("what an item cannot hold is refused", () => {
    const item = { ...value(newItem(named)), amountMinor: 1e12, quantity: 1_000_000 };
    expect(fault(itemTotal(item))).toBe("out-of-range at items");
    expect(fault(newItem({ ...named, amountMinor: 2 ** 53 }))).toBe(
      "out-of-range at item.amountMinor",
    );
    expect(fault(newItem({ ...named, amountMinor: 2e9 }))).toBe("malformed at item.baseMillionths");
  });
});

describe("F52: modifiers", () => {
  test.each([
    [{ name: "", type: "tax", rateMillionths: 1 }, "malformed at modifier.name"],
    [{ name: "tax", type: "", rateMillionths: 1 }, "malformed at modifier.type"],
    [{ name: "tax", type: "tax" }, "malformed at modifier.amountMillionths"],
    [{ name: "tax", type: "tax", amountMillionths: 1 }, "ok"],
    [{ name: "tax", type: "tax", rateMillionths: 1 }, "ok"],
    [{ id: "i", name: "tax", type: "tax", rateMillionths: 1, amountMillionths: 1 }, "ok"],
  ] as const)("peer 8.13: %j: %s", (parts, why) => {
    expect(fault(newModifier(parts))).toBe(why);
  });

  test("peer 8.13: an amount is seen whole and as a fraction, none where there is only a rate", () => {
    const amountMillionths = value(millionthsOf("10.165443"));
    const modifier = value(newModifier(extra({ amountMillionths })));
    expect([modifier.amountMillionths, modifierMinor(modifier)]).toEqual([10_165_443, 10]);
    expect(modifierMinor(extra({ amountMillionths: -10_900_000 }))).toBe(-10);
    expect(modifierMinor(extra({ rateMillionths: 5 }))).toBeUndefined();
  });
});

describe("decimals are read exactly", () => {
  test.each([
    ["0.15", 15n, 100n],
    ["1", 1n, 1n],
    ["-2.50", -250n, 100n],
    ["1e-7", 1n, 10_000_000n],
    ["1.5e3", 1500n, 1n],
    ["+007", 7n, 1n],
  ])("%s", (text, numerator, denominator) => {
    const read = parseDecimal(text);
    expect(read && read.numerator * denominator === numerator * read.denominator).toBe(true);
  });

  test.each(["", ".", "1.", ".5", "1,5", "0x1", "1e", "1e9999", "NaN", "1 ", "1".repeat(41)])(
    "%j is none",
    (text) => {
      expect(parseDecimal(text)).toBeUndefined();
      expect(fault(millionthsOf(text))).toBe("malformed at value");
    },
  );

  test("what millionths cannot hold is refused", () => {
    expect(value(millionthsOf("24.56"))).toBe(24_560_000);
    expect(fault(millionthsOf("0.0000001"))).toBe("out-of-range at value");
    expect(fault(millionthsOf("1e10"))).toBe("out-of-range at value");
  });
});
