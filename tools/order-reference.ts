// How people name an order of theirs: its id, any beginning of it that no other order shares, or `last`.

import type { Purchase, Purchases } from "../firmware/consumer/purchase.ts";
import { fail, ok, type Result } from "../firmware/result.ts";

const LISTED_MAX = 5;

/** Latest first. */
export function byAge(purchases: readonly Purchase[]): readonly Purchase[] {
  return [...purchases].sort((a, b) => (b.madeMs ?? 0) - (a.madeMs ?? 0));
}

/** Errors: `usage` for a reference that is none or fits several, `order-unknown`. */
export function resolveOrder(
  purchases: readonly Purchase[],
  reference: string | undefined,
): Result<Purchase> {
  if (reference === undefined || reference === "") {
    return fail("usage", "which order? give its REF, or last", "REF");
  }
  const start = reference.toLowerCase();
  if (start !== "last" && !/^[0-9a-f]{1,16}$/.test(start)) {
    return fail("usage", "a REF is up to 16 hexadecimal digits, or last", "REF");
  }
  const [latest] = byAge(purchases);
  if (latest === undefined) {
    return fail(
      "order-unknown",
      'this identity has no orders: "sluice quote" or "sluice buy" makes one',
    );
  }
  if (start === "last") return ok(latest);
  const fitting = purchases.filter(({ id }) => id.startsWith(start));
  const [only] = fitting;
  if (only === undefined) {
    return fail("order-unknown", `this identity has no order ${start}: see "sluice status"`, "REF");
  }
  if (fitting.length === 1) return ok(only);
  const some = fitting.slice(0, LISTED_MAX).map(({ id }) => id);
  return fail("usage", `${fitting.length} orders begin with ${start}: ${some.join(", ")}`, "REF");
}

export async function findOrder(
  purchases: Purchases,
  reference: string | undefined,
): Promise<Result<Purchase>> {
  return resolveOrder(await purchases.list(), reference);
}
