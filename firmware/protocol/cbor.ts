// Values to CBOR bytes and back. This is the only file that knows cbor-x; before it decodes, the bytes have
// passed the strict check, and what it encodes is put into deterministic form first (RFC 8949 4.2.1):
// cbor-x by itself keeps map keys in insertion order and writes integers above 2^32 as floats.

import { Decoder, Encoder } from "cbor-x";
import { assert } from "../assert.ts";
import { utf8 } from "../bytes.ts";
import { fail, ok, type Result } from "../result.ts";
import { checkCbor, SLUICE_DEPTH_MAX } from "./cbor-check.ts";

/**
 * All that our messages are made of. Numbers are integers; a bigint is used only beyond the safe integers
 * (-2^64 < value < 2^64), so that every value has one shape. No value of a map or an array is undefined.
 */
export type CborValue =
  | number
  | bigint
  | string
  | boolean
  | null
  | Uint8Array
  | readonly CborValue[]
  | CborMap;

export type CborMap = ReadonlyMap<number | string, CborValue>;

/**
 * Deterministic bytes; a float, an undefined or any other stranger is a bug of ours and asserted about. `depthMax` is
 * how deep the receiver takes it: models of a payment flow hold each other and go deeper than messages.
 */
export function encodeCbor(value: CborValue, depthMax: number = SLUICE_DEPTH_MAX): Uint8Array {
  // cbor-x answers a view of its own work space.
  return new Uint8Array(encoder.encode(prepare(value, depthMax)));
}

/**
 * Refuses anything but the one strict encoding: `too-large` above `bytesMax`, else `malformed`, the message
 * naming the kind. Byte strings are copies: they keep nothing of the input alive.
 */
export function decodeCbor(
  bytes: Uint8Array,
  bytesMax: number,
  depthMax: number = SLUICE_DEPTH_MAX,
): Result<CborValue> {
  const kind = checkCbor(bytes, { profile: "sluice", bytesMax, depthMax });
  if (kind === "size") {
    return fail("too-large", `CBOR size: ${bytes.length} bytes, at most ${bytesMax} are taken`);
  }
  if (kind !== undefined) return fail("malformed", `CBOR ${kind}`);
  try {
    // cbor-x hangs a cache on the array it is given, so it gets a view of its own.
    const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return ok(plain(decoder.decode(view)));
  } catch (error) {
    return fail(
      "malformed",
      `CBOR refused by the decoder: ${error instanceof Error ? error.message : ""}`,
    );
  }
}

// Without these, cbor-x writes records under a private tag, 16-bit map heads and typed-array tags.
const encoder = new Encoder({
  useRecords: false,
  mapsAsObjects: false,
  variableMapSize: true,
  tagUint8Array: false,
  structuredClone: false,
});
const decoder = new Decoder({ useRecords: false, mapsAsObjects: false });

/** The same value such that cbor-x writes it deterministically; `levels` of arrays and maps may still follow. */
function prepare(value: CborValue, levels: number): unknown {
  if (typeof value === "number") return integer(value);
  if (typeof value === "bigint") return bigInteger(value);
  if (typeof value === "boolean" || value === null) return value;
  if (typeof value === "string") {
    assert(!/\p{Surrogate}/u.test(value), "text to encode has no lone surrogate");
    return value;
  }
  if (value instanceof Uint8Array) return value;
  assert(levels > 0, "a value to encode is no deeper than a receiver takes");
  if (Array.isArray(value)) return Array.from(value, (element) => prepare(element, levels - 1));
  assert(value instanceof Map, "a value to encode is one of CborValue");
  const map = new Map<unknown, unknown>();
  for (const key of [...value.keys()].sort(compareKeys)) {
    assert(typeof key === "number" || typeof key === "string", "a map key is an integer or text");
    map.set(prepare(key, levels), prepare(value.get(key), levels - 1));
  }
  return map;
}

/** CBOR itself reaches down to -2^64, but cbor-x writes that one as a bignum; nothing of ours needs it. */
const INTEGER_END = 2n ** 64n;

function integer(value: number): number | bigint {
  assert(Number.isSafeInteger(value), "a number to encode is a safe integer");
  // Beyond 32 bits cbor-x would write a float. The sum turns -0 into 0.
  return value > 0xffffffff || value < -0x100000000 ? BigInt(value) : value + 0;
}

function bigInteger(value: bigint): number | bigint {
  assert(-INTEGER_END < value && value < INTEGER_END, "an integer to encode is within 2^64");
  return value > 0xffffffffn || value < -0x100000000n ? value : Number(value);
}

/** The bytewise order of the encoded keys: 0, 1, 2 ..., -1, -2 ..., then text, the shorter first. */
function compareKeys(a: number | string, b: number | string): number {
  if (typeof a === "string" || typeof b === "string") {
    if (typeof a === "number") return -1;
    return typeof b === "number" ? 1 : compareTexts(utf8(a), utf8(b));
  }
  if (a < 0 || b < 0) return b - a;
  return a - b;
}

function compareTexts(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return a.length - b.length;
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** What cbor-x decoded, in the one shape of each value. It can only be what the strict check let pass. */
function plain(value: unknown): CborValue {
  switch (typeof value) {
    case "number":
    case "string":
    case "boolean":
      return value;
    case "bigint":
      if (value <= -INTEGER_END) throw new Error("integer -2^64");
      return isSafe(value) ? Number(value) : value;
    default:
      break;
  }
  if (value === null) return null;
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) return value.map(plain);
  assert(value instanceof Map, "the decoder answers what the strict check let pass");
  const map = new Map<number | string, CborValue>();
  for (const [key, entry] of value) {
    const plainKey = plain(key);
    if (typeof plainKey !== "number" && typeof plainKey !== "string")
      throw new Error("key beyond 2^53");
    map.set(plainKey, plain(entry));
  }
  return map;
}

function isSafe(value: bigint): boolean {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
}
