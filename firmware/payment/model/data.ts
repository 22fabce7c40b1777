// Additional data: typed values by key, which applications agree upon among themselves. The type of a value is a
// number on the wire, never the name of a class.

import { assert } from "../../assert.ts";
import { refuse, type Type } from "../../protocol/schema.ts";
import { byName, lazy } from "../../protocol/schema-open.ts";
import type { DataValue } from "./data-value.ts";

export const DATA_KEYS_MAX = 24;
export const DATA_KEY_BYTES_MAX = 40;
/** Of one bag, encoded. */
export const DATA_BYTES_MAX = 4096;

export type Data = Readonly<Record<string, DataValue>>;

export const NO_DATA: Data = Object.freeze({});

let values: Type<DataValue> | undefined;

/** A bag holds models that hold bags: data-value.ts, which knows them all, says here what a value may be. */
export function defineDataValues(type: Type<DataValue>): void {
  values = type;
}

/** A value in a bag may hold a bag, and what is in that one may not: so models have a greatest depth. */
const BAGS_WITHIN_MAX = 2;

const bag: Type<Data> = lazy("data", DATA_BYTES_MAX, () => {
  assert(values !== undefined, "data-value.ts is imported where data is read or written");
  return byName(values, DATA_KEYS_MAX, DATA_KEY_BYTES_MAX);
});

/** Bags within each other that are being read now. */
let within = 0;

function inside(value: unknown, at: string, read: () => Data): Data {
  const count = value instanceof Map ? value.size : Object.keys(Object(value)).length;
  if (within >= BAGS_WITHIN_MAX && count > 0) {
    refuse(at, `must be empty: ${BAGS_WITHIN_MAX} bags are within each other already`);
  }
  within += 1;
  try {
    return read();
  } finally {
    within -= 1;
  }
}

/** Its size is bounded by the frame and the record around it. */
export const data: Type<Data> = {
  ...bag,
  fromCbor: (value, at) => inside(value, at, () => bag.fromCbor(value, at)),
  fromJson: (value, at) => inside(value, at, () => bag.fromJson(value, at)),
};
