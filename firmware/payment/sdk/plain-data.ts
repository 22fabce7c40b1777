// Additional data as authors write it: plain values by key, each becoming a value of the type that it has.

import type { Data } from "../model/data.ts";
import type { DataValue } from "../model/data-value.ts";
import { SdkError } from "./sdk-error.ts";

export type PlainValue =
  | string
  | number
  | boolean
  | Uint8Array
  | readonly string[]
  | readonly number[]
  /** Any type of the model: `{ is: "amounts", value: ... }`. */
  | DataValue;
/** Keys whose value is undefined are left out. */
export type PlainData = Readonly<Record<string, PlainValue | undefined>>;

/** Throws SdkError `malformed` for a value that is of no type. */
export function dataFrom(plain: PlainData): Data {
  const entries = Object.entries(plain).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, valueFrom(key, value)] as const],
  );
  return Object.fromEntries(entries);
}

function valueFrom(key: string, value: PlainValue): DataValue {
  if (typeof value === "string") return { is: "text", value };
  if (typeof value === "boolean") return { is: "flag", value };
  if (typeof value === "number") return { is: "integer", value };
  if (value instanceof Uint8Array) return { is: "bytes", value };
  if (isList(value)) {
    if (value.every((item) => typeof item === "number")) {
      return value.length === 0 ? { is: "texts", value: [] } : { is: "integers", value };
    }
    return { is: "texts", value: value as readonly string[] };
  }
  if (typeof value !== "object" || value === null || !("is" in value)) {
    throw new SdkError("malformed", `data.${key} is of no type that data can hold`);
  }
  return value;
}

function isList(value: PlainValue): value is readonly string[] | readonly number[] {
  return Array.isArray(value);
}
