// Models as people read them: with what can be computed from them beside them. Reading one back ignores all of that.

import type { Json, Type } from "../../protocol/schema.ts";
import { type Amounts, amounts } from "./amounts.ts";
import { totalOf } from "./amounts-arithmetic.ts";
import { type Basket, type BasketItem, basket, basketItem } from "./basket.ts";
import { quantityOf } from "./basket-items.ts";
import { basketTotal, itemBaseTotal, itemTotal } from "./basket-total.ts";
import { type Transaction, transaction } from "./transaction.ts";
import { isFulfilled, processedOf, remainingOf } from "./transaction-sums.ts";

/** With `totalMinor`. */
export function amountsView(value: Amounts): Json {
  return beside(amounts, value, { totalMinor: totalOf(value) });
}

/** With `totalMinor`, `baseTotalMillionths`; null where they are beyond what is held exactly. */
function itemView(value: BasketItem): Json {
  const [total, base] = [itemTotal(value), itemBaseTotal(value)];
  return beside(basketItem, value, {
    totalMinor: total.ok ? total.value : null,
    baseTotalMillionths: base.ok ? base.value : null,
  });
}

/** With `quantity` and `totalMinor`, and its items so too. */
export function basketView(value: Basket): Json {
  const total = basketTotal(value);
  return beside(basket, value, {
    items: value.items.map(itemView),
    quantity: quantityOf(value),
    totalMinor: total.ok ? total.value : null,
  });
}

/** With `remaining`, `processed` and `fulfilled`. */
export function transactionView(value: Transaction): Json {
  return beside(transaction, value, {
    remaining: amountsView(remainingOf(value)),
    processed: amountsView(processedOf(value)),
    fulfilled: isFulfilled(value),
  });
}

function beside<T>(type: Type<T>, value: T, computed: Readonly<Record<string, Json>>): Json {
  return { ...(type.toJson(value) as Readonly<Record<string, Json>>), ...computed };
}
