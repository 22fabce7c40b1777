// Whether two models say the same: all fields equal, but not the id.

import type { Json, Type } from "../../protocol/schema.ts";

/** The same in everything but the id, which differs. */
export function equivalent<T extends { id: string }>(type: Type<T>, a: T, b: T): boolean {
  return a.id !== b.id && equalModels(type, a, { ...b, id: a.id });
}

/** The same in everything, ids included; the order of names in a bag does not count. */
export function equalModels<T>(type: Type<T>, a: T, b: T): boolean {
  return equalJson(type.toJson(a), type.toJson(b));
}

function equalJson(a: Json, b: Json): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [a as Readonly<Record<string, Json>>, b as Readonly<Record<string, Json>>];
  const names = Object.keys(left);
  if (names.length !== Object.keys(right).length) return false;
  return names.every((name) => {
    const [one, other] = [left[name], right[name]];
    return (
      one !== undefined &&
      other !== undefined &&
      Object.hasOwn(right, name) &&
      equalJson(one, other)
    );
  });
}
