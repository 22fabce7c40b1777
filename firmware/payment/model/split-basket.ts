// Sharing a basket among those who split the bill: what was in it, what is paid, what is left, and what the next share
// takes.

import { fail, ok, type Result } from "../../result.ts";
import type { Basket, BasketItem } from "./basket.ts";
import { withQuantity } from "./basket-item.ts";
import { addItems, clearItems, decrement, itemById } from "./basket-items.ts";
import type { SplitRequest } from "./payment.ts";
import { isFulfilled } from "./transaction-sums.ts";

export interface SplitBasket {
  readonly source: Basket;
  readonly paid: Basket;
  /** Lines of which nothing is left stay in it. */
  readonly remaining: Basket;
  /** The share that comes next: a secondary basket under an id of its own. */
  readonly next: Basket;
}

interface Moved {
  readonly from: Basket;
  readonly to: Basket;
}

export function canSplitBasket({ payment }: Pick<SplitRequest, "payment">): boolean {
  return payment.basket !== undefined;
}

/**
 * As the rounds so far left it: what a round paid in full is paid, anything else is not. Lines of which nothing is left
 * are dropped unless `retainZero`. `unsupported` at `basket` where the payment has none.
 */
export function splitBasketOf(
  split: SplitRequest,
  nextId: string,
  retainZero = false,
): Result<SplitBasket> {
  const source = split.payment.basket;
  if (source === undefined) return fail("unsupported", "there is no basket to share", "basket");
  const secondary = clearItems({ ...source, primary: false });
  const rounds = split.transactions.filter(isFulfilled);
  const items = rounds.flatMap(({ baskets }) => baskets[0]?.items ?? []);
  let moved: Moved = { from: source, to: secondary };
  for (const { id, quantity } of items) {
    const left = itemById(moved.from, id)?.quantity ?? 0;
    const step = move(moved, id, Math.min(quantity, left), retainZero);
    if (!step.ok) return step;
    moved = step.value;
  }
  const next = Object.freeze({ ...secondary, id: nextId });
  return ok(Object.freeze({ source, paid: moved.to, remaining: moved.from, next }));
}

/** Moves pieces of a line into the next share; an empty line stays. `not-found`; `out-of-range` for more than are left. */
export function moveToNext(
  { source, paid, remaining, next }: SplitBasket,
  id: string,
  quantity = 1,
): Result<SplitBasket> {
  const moved = move({ from: remaining, to: next }, id, quantity, true);
  if (!moved.ok) return moved;
  return ok(Object.freeze({ source, paid, remaining: moved.value.from, next: moved.value.to }));
}

/** Moves pieces of a line back out of the next share. `not-found`; `out-of-range` for more than are in it. */
export function moveBack(
  { source, paid, remaining, next }: SplitBasket,
  id: string,
  quantity = 1,
): Result<SplitBasket> {
  const moved = move({ from: next, to: remaining }, id, quantity, false);
  if (!moved.ok) return moved;
  return ok(Object.freeze({ source, paid, remaining: moved.value.to, next: moved.value.from }));
}

/** Empties the next share. */
export function moveAllBack(split: SplitBasket): Result<SplitBasket> {
  let now: Result<SplitBasket> = ok(split);
  for (const { id, quantity } of split.next.items) {
    if (now.ok) now = moveBack(now.value, id, quantity);
  }
  return now;
}

function move({ from, to }: Moved, id: string, quantity: number, retain: boolean): Result<Moved> {
  if (quantity === 0) return ok({ from, to });
  const item: BasketItem | undefined = itemById(from, id);
  if (item === undefined) return fail("not-found", `the basket has no item ${id}`, "basket.items");
  const pieces = withQuantity(item, quantity);
  if (!pieces.ok) return pieces;
  const less = decrement(from, id, quantity, retain);
  if (!less.ok) return less;
  const more = addItems(to, pieces.value);
  return more.ok ? ok({ from: less.value, to: more.value }) : more;
}
