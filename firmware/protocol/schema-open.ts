// Field combinators for what is not known beforehand: values under names of their maker's choice, and types that
// hold themselves.

import type { CborValue } from "./cbor.ts";
import { headBytes, plain, refuse, type Type, text } from "./schema.ts";

/** Values by name: a CBOR map with text keys, an object in memory and in a store. */
export function byName<T>(
  type: Type<T>,
  countMax: number,
  nameBytesMax: number,
): Type<Readonly<Record<string, T>>> {
  const name = text(nameBytesMax);
  const build = <V>(
    items: readonly (readonly [unknown, V])[],
    at: string,
    one: (item: V, at: string) => T,
  ): Record<string, T> => {
    if (items.length > countMax) refuse(at, `must hold at most ${countMax} names`);
    const out = new Map<string, T>();
    for (const [key, item] of items) {
      const known = name.fromJson(key, `${at}.${String(key)}`);
      if (known === "" || known === "__proto__") refuse(at, "must not hold that name");
      out.set(known, one(item, `${at}.${known}`));
    }
    return Object.fromEntries(out);
  };
  const entries = (value: unknown, at: string): (readonly [string, unknown])[] => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      refuse(at, "must be an object");
    }
    return Object.entries(value);
  };
  return {
    toCbor: (value) =>
      new Map(Object.entries(value).map(([key, item]) => [key, type.toCbor(item)])),
    fromCbor: (value, at) =>
      value instanceof Map
        ? build([...(value as ReadonlyMap<unknown, CborValue>)], at, type.fromCbor)
        : refuse(at, "must be a map"),
    toJson: (value) =>
      Object.fromEntries(
        entries(value, "value").map(([key, item]) => [key, type.toJson(item as T)]),
      ),
    fromJson: (value, at) => build(entries(value, at), at, type.fromJson),
    bytesMax: headBytes(countMax) + countMax * (name.bytesMax + type.bytesMax),
    cddl: { is: "names", of: type.cddl, countMax, nameBytesMax },
  };
}

/** A type that holds itself, by way of others; how much of it there may be is said by whoever bounds the whole. */
export function lazy<T>(ruleName: string, bytesMax: number, type: () => Type<T>): Type<T> {
  return {
    toCbor: (value) => type().toCbor(value),
    fromCbor: (value, at) => type().fromCbor(value, at),
    toJson: (value) => type().toJson(value),
    fromJson: (value, at) => type().fromJson(value, at),
    bytesMax,
    cddl: plain(ruleName),
  };
}
