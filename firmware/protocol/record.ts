// Records as a store keeps them: JSON text that an operator can read, checked field by field when it comes back,
// because a memory card may give back anything.

import { HalError } from "../../hal/hal-error.ts";
import type { StoreWrite } from "../../hal/store.ts";
import { readJson, type Type } from "./schema.ts";

/** Throws HalError `corrupt`, naming the record and the field. */
export function readRecord<T>(type: Type<T>, kind: string, id: string, body: string): T {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch (error) {
    throw new HalError("corrupt", `record ${kind} ${id} is not JSON`, error);
  }
  const read = readJson(type, json, kind);
  if (read.ok) return read.value;
  throw new HalError("corrupt", `record ${kind} ${id}: ${read.fault.message}`);
}

export function writeRecord<T>(type: Type<T>, kind: string, id: string, value: T): StoreWrite {
  return { kind, id, body: JSON.stringify(type.toJson(value)) };
}
