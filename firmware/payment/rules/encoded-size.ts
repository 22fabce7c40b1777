// How many bytes a model takes on the wire of flow services.

import { encodeCbor } from "../../protocol/cbor.ts";
import type { Type } from "../../protocol/schema.ts";

/** Models hold bags of data, which hold models; frames and records around an answer take some levels more. */
const ANSWER_DEPTH_MAX = 12;

/** Undefined where it is nested deeper than anybody takes it. */
export function encodedBytes<T>(type: Type<T>, value: T): number | undefined {
  const cbor = type.toCbor(value);
  return depthOf(cbor) > ANSWER_DEPTH_MAX ? undefined : encodeCbor(cbor, ANSWER_DEPTH_MAX).length;
}

function depthOf(value: unknown): number {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return 0;
  const parts = value instanceof Map ? [...value.values()] : Object.values(value);
  return parts.reduce<number>((most, part) => Math.max(most, 1 + depthOf(part)), 1);
}
