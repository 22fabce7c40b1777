// A basket's items: put in, counted, found, taken out. Every change is a new basket; what a basket says of itself (its
// flag, its data, its rounding) stays with it.

import { fail, ok, type Result } from "../../result.ts";
import { type Basket, type BasketItem, basket, ITEMS_MAX } from "./basket.ts";
import { withQuantity } from "./basket-item.ts";
import { NO_DATA } from "./data.ts";
import { checkedCopy } from "./freeze.ts";

/** A basket of these items, in this order. `malformed` at the field, `too-many` items. */
export function newBasket(
  id: string,
  name: string,
  items: readonly BasketItem[],
  more: Partial<Pick<Basket, "data" | "rounding">> = {},
): Result<Basket> {
  if (id === "") return fail("malformed", "a basket has an id", "basket.id");
  if (items.length > ITEMS_MAX) return tooMany();
  const whole: Basket = {
    id,
    name,
    items,
    data: NO_DATA,
    primary: false,
    rounding: "nearest",
    ...more,
  };
  return checkedCopy(basket, whole, "basket");
}

/**
 * Puts items in: each new one goes to the front, one whose id is there adds to the quantity of that, which keeps its
 * label and price. `too-many` lines, `malformed` for a quantity that cannot be.
 */
export function addItems(before: Basket, ...items: readonly BasketItem[]): Result<Basket> {
  let list = before.items;
  for (const item of items) {
    const known = list.find(({ id }) => id === item.id);
    if (known === undefined) list = [item, ...list];
    else {
      const merged = withQuantity(known, known.quantity + item.quantity);
      if (!merged.ok) return merged;
      list = list.map((one) => (one === known ? merged.value : one));
    }
  }
  return list.length > ITEMS_MAX ? tooMany() : ok(withItems(before, list));
}

/** One more of it, in its place. `not-found`. */
export function increment(before: Basket, id: string, by = 1): Result<Basket> {
  return changed(before, id, (item) => withQuantity(item, item.quantity + by));
}

/** One less of it, in its place; at none it goes, unless `retainIfZero`. `not-found`; `out-of-range` below none. */
export function decrement(
  before: Basket,
  id: string,
  by = 1,
  retainIfZero = false,
): Result<Basket> {
  const after = changed(before, id, (item) => withQuantity(item, item.quantity - by));
  if (!after.ok || retainIfZero) return after;
  return itemById(after.value, id)?.quantity === 0 ? ok(removeItem(after.value, id)) : after;
}

/** So many of it; none keeps the line. `not-found`; `out-of-range` below none. */
export function setQuantity(before: Basket, id: string, quantity: number): Result<Basket> {
  return changed(before, id, (item) => withQuantity(item, quantity));
}

export function removeItem(before: Basket, id: string): Basket {
  return withItems(
    before,
    before.items.filter((item) => item.id !== id),
  );
}

export function clearItems(before: Basket): Basket {
  return withItems(before, []);
}

export function itemById({ items }: Basket, id: string): BasketItem | undefined {
  return items.find((item) => item.id === id);
}

/** The first of that label: several items may share one. */
export function itemByLabel({ items }: Basket, label: string): BasketItem | undefined {
  return items.find((item) => item.label === label);
}

export function itemsOfCategory({ items }: Basket, category: string): readonly BasketItem[] {
  return items.filter((item) => item.category === category);
}

/** Whether it is there, at least so many of it. */
export function hasItem(basket: Basket, id: string, quantityMin = 0): boolean {
  const item = itemById(basket, id);
  return item !== undefined && item.quantity >= quantityMin;
}

/** Pieces of all lines together; lines are `items.length`, those of none included. */
export function quantityOf({ items }: Basket): number {
  return items.reduce((sum, { quantity }) => sum + quantity, 0);
}

function tooMany(): Result<Basket> {
  return fail("too-many", `a basket holds at most ${ITEMS_MAX} items`, "basket.items");
}

function changed(
  before: Basket,
  id: string,
  change: (item: BasketItem) => Result<BasketItem>,
): Result<Basket> {
  const item = itemById(before, id);
  if (item === undefined) return fail("not-found", `the basket has no item ${id}`, "basket.items");
  const after = change(item);
  if (!after.ok) return after;
  return ok(
    withItems(
      before,
      before.items.map((one) => (one === item ? after.value : one)),
    ),
  );
}

function withItems(before: Basket, items: readonly BasketItem[]): Basket {
  return Object.freeze({ ...before, items: Object.freeze([...items]) });
}
