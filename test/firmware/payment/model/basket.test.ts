// Baskets: items in and out, each change a new basket; totals exact in millionths and rounded once.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Basket,
  type BasketItem,
  basket,
  ITEMS_MAX,
  type Rounding,
} from "../../../../firmware/payment/model/basket.ts";
import { newItem } from "../../../../firmware/payment/model/basket-item.ts";
import {
  addItems,
  clearItems,
  decrement,
  hasItem,
  increment,
  itemById,
  itemByLabel,
  itemsOfCategory,
  newBasket,
  quantityOf,
  removeItem,
  setQuantity,
} from "../../../../firmware/payment/model/basket-items.ts";
import { basketTotal } from "../../../../firmware/payment/model/basket-total.ts";
import { equalModels, equivalent } from "../../../../firmware/payment/model/equivalence.ts";
import { copyOf, deepFreeze } from "../../../../firmware/payment/model/freeze.ts";
import { fault, value } from "./values.ts";

const ROUNDINGS: readonly Rounding[] = ["nearest", "up", "down"];

function item(id: string, amountMinor = 100, more: Partial<BasketItem> = {}): BasketItem {
  return { ...value(newItem({ id, label: `label of ${id}`, amountMinor })), ...more };
}

function filled(...items: readonly BasketItem[]): Basket {
  return deepFreeze(value(newBasket("basket", "sale", items)));
}

function idsOf({ items }: Basket): readonly string[] {
  return items.map(({ id, quantity }) => (quantity === 1 ? id : `${quantity} ${id}`));
}

describe("F50: items of a basket", () => {
  test("peer 8.11: the latest item is first; a basket that is made keeps the order it is given", () => {
    const made = value(addItems(filled(), item("a"), item("b")));
    expect(idsOf(value(addItems(made, item("c"))))).toEqual(["c", "b", "a"]);
    expect(idsOf(filled(item("a"), item("b")))).toEqual(["a", "b"]);
  });

  test("peer 8.11: one whose id is there adds to its quantity, and changes neither price nor place", () => {
    const two = filled(item("a", 100), item("b"));
    const merged = value(addItems(two, item("b"), item("a", 999, { label: "other", quantity: 2 })));
    expect(idsOf(merged)).toEqual(["3 a", "2 b"]);
    expect(itemById(merged, "a")).toMatchObject({ amountMinor: 100, label: "label of a" });
  });

  test("peer 8.11: items are found by id, by label and by category; labels may be shared", () => {
    const one = filled(
      item("a", 1, { label: "coffee", category: "drinks" }),
      item("b", 2, { label: "coffee", category: "drinks" }),
      item("c", 3, { category: "food" }),
    );
    expect(itemById(one, "b")?.amountMinor).toBe(2);
    expect(itemById(one, "z")).toBeUndefined();
    expect(itemByLabel(one, "coffee")?.id).toBe("a");
    expect(itemByLabel(one, "tea")).toBeUndefined();
    expect(itemsOfCategory(one, "drinks").map(({ id }) => id)).toEqual(["a", "b"]);
  });

  test("peer 8.11: whether an item is there, and as many of it as are wanted", () => {
    const one = filled(item("a", 1, { quantity: 2 }), item("none", 1, { quantity: 0 }));
    expect([hasItem(one, "a"), hasItem(one, "none"), hasItem(one, "z")]).toEqual([
      true,
      true,
      false,
    ]);
    expect([hasItem(one, "a", 2), hasItem(one, "a", 3)]).toEqual([true, false]);
  });

  test("peer 8.11: quantities go up and down in place", () => {
    const two = filled(item("a"), item("b", 1, { quantity: 2 }));
    expect(idsOf(value(increment(two, "a")))).toEqual(["2 a", "2 b"]);
    expect(idsOf(value(increment(two, "a", 4)))).toEqual(["5 a", "2 b"]);
    expect(idsOf(value(decrement(two, "b")))).toEqual(["a", "b"]);
    expect(idsOf(value(setQuantity(two, "b", 9)))).toEqual(["a", "9 b"]);
    expect(idsOf(value(setQuantity(two, "b", 0)))).toEqual(["a", "0 b"]);
  });

  test("peer 8.11: at none an item goes, unless it is to stay; below none is refused", () => {
    const one = filled(item("a"));
    expect(idsOf(value(decrement(one, "a")))).toEqual([]);
    expect(idsOf(value(decrement(one, "a", 1, true)))).toEqual(["0 a"]);
    expect(fault(decrement(one, "a", 2))).toBe("out-of-range at item.quantity");
    expect(fault(decrement(one, "a", 2, true))).toBe("out-of-range at item.quantity");
    expect(fault(setQuantity(one, "a", -1))).toBe("out-of-range at item.quantity");
    expect(fault(setQuantity(one, "a", 1_000_001))).toBe("malformed at item.quantity");
    expect(fault(increment(one, "z"))).toBe("not-found at basket.items");
  });

  test("peer 8.11: lines and pieces are counted, items removed, all of them cleared", () => {
    const two = filled(item("a", 1, { quantity: 3 }), item("b", 1, { quantity: 0 }));
    expect([two.items.length, quantityOf(two)]).toEqual([2, 3]);
    expect(idsOf(removeItem(two, "a"))).toEqual(["0 b"]);
    expect(idsOf(removeItem(two, "z"))).toEqual(["3 a", "0 b"]);
    expect(idsOf(clearItems(two))).toEqual([]);
    expect(idsOf(two)).toEqual(["3 a", "0 b"]);
  });

  test("a basket holds so many lines and no more", () => {
    const items = Array.from({ length: ITEMS_MAX }, (_, index) => item(`${index}`));
    const full = filled(...items);
    expect(idsOf(value(addItems(full, item("0"))))).toContain("2 0");
    expect(fault(addItems(full, item("more")))).toBe("too-many at basket.items");
    expect(fault(newBasket("b", "n", [...items, item("more")]))).toBe("too-many at basket.items");
    expect(fault(newBasket("", "n", []))).toBe("malformed at basket.id");
  });

  test("defect 14: a basket keeps its flag, its data and its rounding through every change", () => {
    const data = { note: { is: "text", value: "kept" } } as const;
    const made = value(
      newBasket("basket", "sale", [item("a"), item("b")], { data, rounding: "up" }),
    );
    const one = deepFreeze({ ...made, primary: true });
    const changes = [
      copyOf(basket, one),
      value(addItems(one, item("c"))),
      value(increment(one, "a")),
      value(decrement(one, "a")),
      value(setQuantity(one, "a", 0)),
      removeItem(one, "a"),
      clearItems(one),
    ];
    for (const changed of changes) {
      expect(changed).toMatchObject({
        id: "basket",
        name: "sale",
        primary: true,
        data,
        rounding: "up",
      });
      expect(Object.isFrozen(changed) && Object.isFrozen(changed.items)).toBe(true);
    }
  });

  test("peer 8.11: a basket survives its JSON unchanged, and is equivalent to one of another id", () => {
    const one = filled(item("a"), item("b", 7, { quantity: 2, category: "food" }));
    const json = JSON.parse(JSON.stringify(basket.toJson(one)));
    expect(basket.toJson(basket.fromJson(json, "basket"))).toEqual(json);
    const other = { ...one, id: "other" };
    expect([equivalent(basket, one, other), equalModels(basket, one, other)]).toEqual([
      true,
      false,
    ]);
    expect(equivalent(basket, one, { ...other, name: "x" })).toBe(false);
  });
});

describe("F50: totals", () => {
  test.each([
    [[item("a", 200, { quantity: 2 }), item("b", 50)], 450],
    [[item("a", 1000), item("b", -500)], 500],
    [[item("a", -500)], -500],
    [[item("a", 500, { baseMillionths: 0, quantity: 3 })], 1500],
    [[item("a", 16_777_217)], 16_777_217],
    [[], 0],
  ])("peer 8.11, defect 7: %j", (items, total) => {
    for (const rounding of ROUNDINGS) {
      expect(value(basketTotal({ items, rounding }))).toBe(total);
    }
  });

  test.each([
    ["nearest", 1757],
    ["down", 1756],
    ["up", 1757],
  ] as const)("peer 8.11: 1756.6955 is rounded %s to %d", (rounding, total) => {
    const first = newItem({
      id: "first",
      label: "first",
      baseMillionths: 500_000_000,
      quantity: 2,
      modifiers: [
        { name: "extra", type: "extra", amountMillionths: 202_050_000 },
        { name: "tax", type: "tax", rateMillionths: 245_600 },
      ],
    });
    const second = newItem({
      id: "second",
      label: "second",
      baseMillionths: 150_000_000,
      modifiers: [
        { name: "less", type: "deduction", amountMillionths: -5_500_000 },
        { name: "off", type: "discount", rateMillionths: -250_030 },
      ],
    });
    expect(value(basketTotal({ items: [value(first), value(second)], rounding }))).toBe(total);
  });

  test.each([
    [1_500_000, 2, 2, 1],
    [1_499_999, 1, 2, 1],
    [-1_500_000, -1, -1, -1],
    [-1_500_001, -2, -1, -1],
    [-400_000, 0, 0, 0],
    [400_000, 0, 1, 0],
  ])("%d millionths are %d to the nearest, %d up and %d down", (millionths, nearest, up, down) => {
    const modifiers = [{ name: "part", type: "extra", amountMillionths: millionths }];
    const one = { ...item("a", 0), modifiers };
    const totals = ROUNDINGS.map((rounding) => value(basketTotal({ items: [one], rounding })));
    expect(totals).toEqual([nearest, up, down]);
  });

  test("a fraction of a millionth counts until the whole is rounded", () => {
    const modifiers = [{ name: "tiny", type: "tax", rateMillionths: 1 }];
    const one = { ...item("a", 0), baseMillionths: 500_000, modifiers, quantity: 1_000_000 };
    expect(value(basketTotal({ items: [one], rounding: "down" }))).toBe(500_000);
    expect(value(basketTotal({ items: [one], rounding: "up" }))).toBe(500_001);
  });

  test("what cannot be held exactly is refused", () => {
    const huge = item("a", 1_000_000_000, { quantity: 1_000_000 });
    const items = new Array(10).fill(huge);
    expect(fault(basketTotal({ items, rounding: "nearest" }))).toBe("out-of-range at items");
  });

  test("up and down hold the exact total between them, the nearest is one of the two", () => {
    const millionths = fc.integer({ min: -1e9, max: 1e9 });
    const modifier = fc.record({ amountMillionths: millionths, rateMillionths: millionths });
    fc.assert(
      fc.property(millionths, fc.array(modifier, { maxLength: 4 }), (baseMillionths, parts) => {
        const modifiers = parts.map((part) => ({ name: "m", type: "extra", ...part }));
        const one = { ...item("a", 0), baseMillionths, modifiers };
        const [nearest = 0, up = 0, down = 0] = ROUNDINGS.map((rounding) =>
          value(basketTotal({ items: [one], rounding })),
        );
        expect([up, up - 1]).toContain(nearest);
        expect(Math.abs(down)).toBeLessThanOrEqual(Math.max(Math.abs(up), Math.abs(up - 1)));
        expect([up, up - 1]).toContain(down);
      }),
    );
  });
});
