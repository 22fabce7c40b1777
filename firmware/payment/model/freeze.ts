// Values that nobody can change any more: how the engine hands a model to services, and keeps one of theirs.

import { readJson, type Type } from "../../protocol/schema.ts";
import { ok, type Result } from "../../result.ts";
import "./data-value.ts";

/** The same value, frozen through and through; bytes cannot be frozen, and are left as they are. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  Object.freeze(value);
  for (const part of Object.values(value)) deepFreeze(part);
  return value;
}

/**
 * The same value with bytes of its own, or itself where it holds none. Those of a card stay shared: the engine
 * overwrites them in the end, for everybody.
 */
export function withOwnBytes<T>(value: T): T {
  if (value instanceof Uint8Array) return value.slice() as T;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    const own = value.map(withOwnBytes);
    return own.some((item, i) => item !== value[i]) ? (own as T) : value;
  }
  const changed = Object.entries(value).flatMap(([name, part]) => {
    const own = name === "card" ? part : withOwnBytes<unknown>(part);
    return own === part ? [] : [[name, own] as const];
  });
  return changed.length === 0 ? value : { ...value, ...Object.fromEntries(changed) };
}

/** A frozen copy of a model, made by its shape: it shares nothing with the original and holds nothing else. */
export function copyOf<T>(type: Type<T>, value: T): T {
  return deepFreeze(type.fromJson(type.toJson(value), "value"));
}

/** As `copyOf`, of a value that may be out of the shape's bounds: `malformed`, naming the field. */
export function checkedCopy<T>(type: Type<T>, value: T, name: string): Result<T> {
  const copied: Type<T> = {
    ...type,
    fromJson: (given, at) => type.fromJson(type.toJson(given as T), at),
  };
  const read = readJson(copied, value, name);
  return read.ok ? ok(deepFreeze(read.value)) : read;
}
