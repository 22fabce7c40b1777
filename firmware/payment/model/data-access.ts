// Reading and writing a bag of additional data. A key is only what the bag itself holds, never what objects have by
// nature; a value is read as the type it has, with one widening: anything of one word can be read as a list of texts.

import { fail, ok, type Result } from "../../result.ts";
import type { Amount, Amounts } from "./amounts.ts";
import type { Basket } from "./basket.ts";
import type { Card } from "./card.ts";
import type { Customer, Token } from "./customer.ts";
import { DATA_KEY_BYTES_MAX, DATA_KEYS_MAX, type Data } from "./data.ts";
import type { DataType, DataTypes, DataValue } from "./data-value.ts";
import { isIdentifier } from "./names.ts";

/** Undefined where the bag holds no such key, or a value of another type. */
export function dataOf<K extends DataType>(
  data: Data,
  key: string,
  is: K,
): DataTypes[K] | undefined {
  const found = entryOf(data, key);
  return found?.is === is ? (found.value as DataTypes[K]) : undefined;
}

export function entryOf(data: Data, key: string): DataValue | undefined {
  return Object.hasOwn(data, key) ? data[key] : undefined;
}

export function textOf(data: Data, key: string): string | undefined {
  return dataOf(data, key, "text");
}

export function integerOf(data: Data, key: string): number | undefined {
  return dataOf(data, key, "integer");
}

export function flagOf(data: Data, key: string): boolean | undefined {
  return dataOf(data, key, "flag");
}

export function amountOf(data: Data, key: string): Amount | undefined {
  return dataOf(data, key, "amount");
}

export function amountsOf(data: Data, key: string): Amounts | undefined {
  return dataOf(data, key, "amounts");
}

export function tokenOf(data: Data, key: string): Token | undefined {
  return dataOf(data, key, "token");
}

export function cardOf(data: Data, key: string): Card | undefined {
  return dataOf(data, key, "card");
}

export function customerOf(data: Data, key: string): Customer | undefined {
  return dataOf(data, key, "customer");
}

export function basketOf(data: Data, key: string): Basket | undefined {
  return dataOf(data, key, "basket");
}

/** Texts, or one text, number or flag, or numbers, each as text. Undefined for anything else. */
export function textsOf(data: Data, key: string): readonly string[] | undefined {
  const found = entryOf(data, key);
  switch (found?.is) {
    case "texts":
      return found.value;
    case "text":
    case "integer":
    case "flag":
      return [String(found.value)];
    case "integers":
      return found.value.map(String);
    default:
      return undefined;
  }
}

/** Integers, or one integer as a list of itself. */
export function integersOf(data: Data, key: string): readonly number[] | undefined {
  const one = integerOf(data, key);
  return one === undefined ? dataOf(data, key, "integers") : [one];
}

/** All values of one type, by key. */
export function ofType<K extends DataType>(
  data: Data,
  is: K,
): Readonly<Record<string, DataTypes[K]>> {
  const found = Object.entries(data).filter(([, value]) => value.is === is);
  return Object.freeze(
    Object.fromEntries(found.map(([key, { value }]) => [key, value as DataTypes[K]])),
  );
}

export function hasData(data: Data, key: string): boolean {
  return Object.hasOwn(data, key);
}

/** A bag with that value too, replacing one under the same key. `malformed` at the key, `too-many` keys. */
export function withData(data: Data, key: string, value: DataValue): Result<Data> {
  return addData(data, { [key]: value }, "overwrite");
}

/**
 * A bag with all of `more` too. A key that both have keeps its value unless `how` is "overwrite": nobody changes what a
 * payment application said. `malformed` at a key that is none; `too-many` above what a bag holds.
 */
export function addData(data: Data, more: Data, how: "keep" | "overwrite" = "keep"): Result<Data> {
  const bad = Object.keys(more).find((key) => !isIdentifier(key, DATA_KEY_BYTES_MAX));
  if (bad !== undefined) {
    return fail("malformed", `a key is 1 to ${DATA_KEY_BYTES_MAX} bytes`, `data.${bad}`);
  }
  const merged = how === "overwrite" ? { ...data, ...more } : { ...more, ...data };
  if (Object.keys(merged).length > DATA_KEYS_MAX) {
    return fail("too-many", `a bag holds at most ${DATA_KEYS_MAX} keys`, "data");
  }
  return ok(Object.freeze(merged));
}

/** The bag without these keys. */
export function withoutData(data: Data, ...keys: readonly string[]): Data {
  return Object.freeze(
    Object.fromEntries(Object.entries(data).filter(([key]) => !keys.includes(key))),
  );
}
