// Items of a basket and their modifiers, made by the rules that make them consistent.

import { fail, ok, type Result } from "../../result.ts";
import {
  type BasketItem,
  basketItem,
  type Measurement,
  MILLIONTHS,
  type Modifier,
  modifier,
} from "./basket.ts";
import { itemAmount } from "./basket-total.ts";
import { checkedCopy } from "./freeze.ts";

export interface ItemParts
  extends Pick<BasketItem, "id" | "label" | "category" | "measurement" | "data"> {
  /** Minor units of one, modifiers included; excludes base and modifiers. */
  readonly amountMinor?: number;
  /** Of one, without modifiers; zero where neither is given. */
  readonly baseMillionths?: number;
  readonly modifiers?: readonly Modifier[];
  /** 1 where it is not given. */
  readonly quantity?: number;
}

/** `malformed` or `out-of-range` at the field: no id, no label, an amount beside modifiers, a negative quantity. */
export function newItem(parts: ItemParts): Result<BasketItem> {
  const { amountMinor, baseMillionths, modifiers, quantity = 1, ...rest } = parts;
  if (parts.id === "") return fail("malformed", "an item has an id", "item.id");
  if (parts.label === "") return fail("malformed", "an item has a label", "item.label");
  if (amountMinor !== undefined && (baseMillionths !== undefined || modifiers !== undefined)) {
    return fail("malformed", "an amount, or a base with modifiers, not both", "item.amountMinor");
  }
  if (parts.measurement?.unit === "") {
    return fail("malformed", "a measurement has a unit", "item.measurement.unit");
  }
  const base = baseMillionths ?? (amountMinor ?? 0) * MILLIONTHS;
  if (!Number.isSafeInteger(base)) {
    return fail("out-of-range", "the amount is too large", "item.amountMinor");
  }
  const amount = amountMinor === undefined ? itemAmount(base, modifiers ?? []) : ok(amountMinor);
  if (!amount.ok) return amount;
  const made = { ...rest, amountMinor: amount.value, baseMillionths: base, quantity };
  const whole = modifiers === undefined ? made : { ...made, modifiers };
  return checkedCopy(basketItem, whole, "item");
}

/** The same item at another amount in minor units; its modifiers, which made up the old one, are dropped. */
export function withAmount(item: BasketItem, amountMinor: number): Result<BasketItem> {
  const { modifiers: _, baseMillionths: __, ...rest } = item;
  return newItem({ ...rest, amountMinor });
}

/** The same item in another quantity; `out-of-range` below zero. */
export function withQuantity(item: BasketItem, quantity: number): Result<BasketItem> {
  if (!Number.isSafeInteger(quantity) || quantity < 0) {
    return fail("out-of-range", "a quantity is a whole number, from 0", "item.quantity");
  }
  return checkedCopy(basketItem, { ...item, quantity }, "item");
}

/**
 * How a quantity with a fraction is held: with a unit as a measurement of one item, else as a quantity, which then must
 * be whole. `out-of-range` at `quantity`.
 */
export function fractionalQuantity(
  valueMillionths: number,
  unit?: string,
): Result<{ readonly quantity: number; readonly measurement?: Measurement }> {
  if (unit !== undefined && unit !== "") {
    return ok({ quantity: 1, measurement: { valueMillionths, unit } });
  }
  if (valueMillionths < 0 || valueMillionths % MILLIONTHS !== 0) {
    return fail("out-of-range", "a fraction needs a unit", "quantity");
  }
  return ok({ quantity: valueMillionths / MILLIONTHS });
}

/** `malformed` at the field: no name, no type, neither amount nor rate. */
export function newModifier(parts: Modifier): Result<Modifier> {
  if (parts.name === "") return fail("malformed", "a modifier has a name", "modifier.name");
  if (parts.type === "") return fail("malformed", "a modifier has a type", "modifier.type");
  if (parts.amountMillionths === undefined && parts.rateMillionths === undefined) {
    return fail("malformed", "a modifier has an amount or a rate", "modifier.amountMillionths");
  }
  return checkedCopy(modifier, parts, "modifier");
}

/** Whole minor units of a modifier's amount, toward zero; undefined where it has a rate only. */
export function modifierMinor({ amountMillionths }: Modifier): number | undefined {
  return amountMillionths === undefined ? undefined : Math.trunc(amountMillionths / MILLIONTHS) + 0;
}
