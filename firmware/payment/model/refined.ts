// A shape with a rule of its own on top: checked wherever a value comes in, on the wire as in a record.

import type { Type } from "../../protocol/schema.ts";

/** `check` ends the decode with `refuse` where the rule is broken. */
export function refined<T>(type: Type<T>, check: (value: T, at: string) => void): Type<T> {
  const checked = (value: T, at: string): T => {
    check(value, at);
    return value;
  };
  return {
    ...type,
    fromCbor: (value, at) => checked(type.fromCbor(value, at), at),
    fromJson: (value, at) => checked(type.fromJson(value, at), at),
  };
}
