// What a store accepts as the name of a record, what a commit expects to find, and the order in which records
// are listed: the same for every implementation. A name outside the bounds is our own bug, so it throws a plain
// Error, not a HalError.

import { HalError } from "./hal-error.ts";
import type { StoreWrite } from "./store.ts";

const KIND = /^[a-z][a-z0-9-]{0,31}$/;
/** Printable text without control characters; a lone surrogate would not come back from the disk. */
const ID = /^[^\p{Cc}\p{Cs}]{1,128}$/u;

/** Throws when a kind or an id is out of bounds. */
export function checkWrites(writes: readonly StoreWrite[]): void {
  for (const write of writes) {
    checkKind(write.kind);
    if (!ID.test(write.id) || write.id.length > 128) {
      throw new Error(`assertion failed: ${JSON.stringify(write.id)} cannot be a record's id`);
    }
  }
}

/** Throws HalError `changed` when a body is not the one that a write expects; before any of them is applied. */
export function checkExpected(
  writes: readonly StoreWrite[],
  bodyNow: (kind: string, id: string) => string | undefined,
): void {
  for (const { kind, id, was } of writes) {
    if (was !== undefined && (bodyNow(kind, id) ?? null) !== was) {
      throw new HalError("changed", `record ${kind} ${id} was changed by somebody else meanwhile`);
    }
  }
}

export function checkKind(kind: string): void {
  if (!KIND.test(kind)) {
    throw new Error(`assertion failed: ${JSON.stringify(kind)} cannot be a kind of record`);
  }
}

/** By code point, which is also the order of UTF-8 bytes. */
export function compareIds(a: string, b: string): number {
  const left = [...a];
  const right = [...b];
  for (let i = 0; i < left.length && i < right.length; i++) {
    const difference = (left[i]?.codePointAt(0) ?? 0) - (right[i]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
