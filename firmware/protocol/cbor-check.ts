// One strict pass over CBOR bytes, before anything decodes them (RFC 8949). It reads each byte once, builds
// nothing, believes no length that the bytes do not bear out, recurses no deeper than its bound, and never
// throws. What it refuses is named by one kind, the first met in reading order; at one item the order is:
// what its first byte says (indefinite, reserved, float, tag, simple), truncated, non-minimal, depth,
// bad-utf8; at a map key then duplicate-key before unsorted; at the very end trailing.

import { fromUtf8 } from "../bytes.ts";

/**
 * `rfc8949`: core deterministic encoding (4.2.1), with floats, tags and simple values.
 * `sluice`: what our messages are made of: of that only integers, byte and text strings, arrays, maps with
 * integer or text keys, false, true and null.
 */
export type CborProfile = "rfc8949" | "sluice";

export type CborKind =
  | "duplicate-key"
  /** Map keys not in bytewise order of their encodings (4.2.1). */
  | "unsorted"
  /** Not the one shortest form: an integer, length or tag number with bytes to spare, a float that a narrower
   * one holds, a NaN other than f97e00, a bignum that an integer holds (3.4.3); or reserved info 28..30. */
  | "non-minimal"
  /** Additional information 31 anywhere: an indefinite length, a break outside one, or nonsense. */
  | "indefinite"
  | "bad-utf8"
  | "float"
  | "tag"
  /** A simple value the profile does not take, one below 32 in two bytes (3.3), reserved info 28..30 of major
   * type 7; in `sluice` also a map key that is neither integer nor text. */
  | "simple"
  | "depth"
  | "size"
  | "truncated"
  | "trailing";

export interface CborLimits {
  profile: CborProfile;
  /** More bytes than this are `size`, unread. */
  bytesMax: number;
  /** Arrays, maps and tags within each other; a lone integer has depth 0. */
  depthMax?: number;
}

export const SLUICE_DEPTH_MAX = 8;
export const RFC8949_DEPTH_MAX = 64;
export const RFC8949_BYTES_MAX = 64 * 1024;

/** Undefined when the bytes are exactly one item in the profile's one permitted encoding. */
export function checkCbor(bytes: Uint8Array, limits: CborLimits): CborKind | undefined {
  if (bytes.length > limits.bytesMax) return "size";
  const sluice = limits.profile === "sluice";
  const depthMax = limits.depthMax ?? (sluice ? SLUICE_DEPTH_MAX : RFC8949_DEPTH_MAX);
  const scan: Scan = { bytes, at: 0, sluice, depthMax, argument: 0 };
  const kind = item(scan, 0);
  if (kind !== undefined) return kind;
  return scan.at === bytes.length ? undefined : "trailing";
}

interface Scan {
  bytes: Uint8Array;
  /** The next byte to read. */
  at: number;
  sluice: boolean;
  depthMax: number;
  /** Of the head last read; exact up to 2^53, and above that certainly more than there are bytes. */
  argument: number;
}

function item(scan: Scan, depth: number): CborKind | undefined {
  const first = scan.bytes[scan.at];
  if (first === undefined) return "truncated";
  const major = first >> 5;
  const info = first & 31;
  if (info === 31) return "indefinite";
  if (major === 7) return simpleOrFloat(scan, info);
  if (major === 6 && scan.sluice) return "tag";
  const kind = head(scan, info);
  if (kind !== undefined) return kind;
  if (major < 2) return undefined;
  if (major < 4) return string(scan, major === 3);
  if (depth >= scan.depthMax) return "depth";
  if (major === 4) return array(scan, depth + 1);
  if (major === 5) return map(scan, depth + 1);
  return tagged(scan, depth + 1);
}

/** Reads the initial byte and the argument after it (RFC 8949 3). */
function head(scan: Scan, info: number): CborKind | undefined {
  scan.at += 1;
  scan.argument = info;
  if (info < 24) return undefined;
  if (info > 27) return "non-minimal";
  const width = 1 << (info - 24);
  if (scan.bytes.length - scan.at < width) return "truncated";
  let argument = 0;
  for (let i = 0; i < width; i++) argument = argument * 256 + (scan.bytes[scan.at + i] ?? 0);
  scan.at += width;
  scan.argument = argument;
  const least = width === 1 ? 24 : 2 ** (4 * width);
  return argument < least ? "non-minimal" : undefined;
}

function string(scan: Scan, text: boolean): CborKind | undefined {
  const start = scan.at;
  if (scan.argument > scan.bytes.length - start) return "truncated";
  scan.at = start + scan.argument;
  if (!text) return undefined;
  for (let i = start; i < scan.at; i++) {
    if ((scan.bytes[i] ?? 0) < 0x80) continue;
    return fromUtf8(scan.bytes.subarray(i, scan.at)) === undefined ? "bad-utf8" : undefined;
  }
  return undefined;
}

function array(scan: Scan, depth: number): CborKind | undefined {
  const length = scan.argument;
  // Every element takes a byte at least, so a header cannot make us count beyond the bytes that are there.
  if (length > scan.bytes.length - scan.at) return "truncated";
  for (let i = 0; i < length; i++) {
    const kind = item(scan, depth);
    if (kind !== undefined) return kind;
  }
  return undefined;
}

function map(scan: Scan, depth: number): CborKind | undefined {
  const pairs = scan.argument;
  if (pairs * 2 > scan.bytes.length - scan.at) return "truncated";
  let before: { start: number; end: number } | undefined;
  const keyStarts: number[] = [];
  for (let i = 0; i < pairs; i++) {
    const start = scan.at;
    if (scan.sluice && !isSluiceKey(scan.bytes[start] ?? 0)) return "simple";
    const badKey = item(scan, depth);
    if (badKey !== undefined) return badKey;
    const end = scan.at;
    if (before !== undefined) {
      const order = compare(scan.bytes, before, { start, end });
      if (order === 0) return "duplicate-key";
      if (order > 0)
        return occursAt(scan.bytes, keyStarts, start, end) ? "duplicate-key" : "unsorted";
    }
    before = { start, end };
    keyStarts.push(start);
    const badValue = item(scan, depth);
    if (badValue !== undefined) return badValue;
  }
  return undefined;
}

/** Integer or text string; what is no key of any sort (a float, a tag) is left to be named by what it is. */
function isSluiceKey(first: number): boolean {
  const major = first >> 5;
  const named = major === 6 || (first >= 0xf9 && first <= 0xfb) || (first & 31) === 31;
  return major < 2 || major === 3 || named;
}

function tagged(scan: Scan, depth: number): CborKind | undefined {
  const tag = scan.argument;
  const start = scan.at;
  const kind = item(scan, depth);
  if (kind !== undefined) return kind;
  const isBignum = (tag === 2 || tag === 3) && (scan.bytes[start] ?? 0) >> 5 === 2;
  // 3.4.3: no leading zeros, and never for what major type 0 or 1 can hold; up to 8 bytes are such, and up
  // to 23 the string's own head is one byte.
  if (isBignum && (scan.at - start <= 9 || bignumLeadsWithZero(scan.bytes, start)))
    return "non-minimal";
  return undefined;
}

function bignumLeadsWithZero(bytes: Uint8Array, start: number): boolean {
  const info = (bytes[start] ?? 0) & 31;
  const headLength = info < 24 ? 1 : 1 + (1 << (info - 24));
  return bytes[start + headLength] === 0;
}

function simpleOrFloat(scan: Scan, info: number): CborKind | undefined {
  const isFloat = info >= 25 && info <= 27;
  if (isFloat && scan.sluice) return "float";
  if (scan.sluice && (info < 20 || info > 22)) return "simple";
  if (info > 27) return "simple";
  scan.at += 1;
  if (info < 24) return undefined;
  const width = 1 << (info - 24);
  const start = scan.at;
  if (scan.bytes.length - start < width) return "truncated";
  scan.at = start + width;
  if (!isFloat) return (scan.bytes[start] ?? 0) < 32 ? "simple" : undefined;
  return isShortestFloat(scan.bytes, start, width) ? undefined : "non-minimal";
}

function isShortestFloat(bytes: Uint8Array, start: number, width: number): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, width);
  if (width === 2) {
    const bits = view.getUint16(0);
    const isNan = (bits & 0x7c00) === 0x7c00 && (bits & 0x03ff) !== 0;
    return !isNan || bits === 0x7e00;
  }
  const value = width === 4 ? view.getFloat32(0) : view.getFloat64(0);
  if (Number.isNaN(value)) return false;
  if (width === 8) return Math.fround(value) !== value;
  return !fitsHalf(value, view.getUint32(0));
}

/** Whether a single-precision value is exactly a half-precision one: 11 significant bits, down to 2^-24. */
function fitsHalf(value: number, singleBits: number): boolean {
  const size = Math.abs(value);
  if (size === 0 || size === Number.POSITIVE_INFINITY) return true;
  if (size > 65504) return false;
  if (size < 2 ** -14) return Number.isInteger(size * 2 ** 24);
  return (singleBits & 0x1fff) === 0;
}

interface Span {
  start: number;
  end: number;
}

/** Bytewise lexicographic (4.2.1): negative when a comes first, 0 when equal. */
function compare(bytes: Uint8Array, a: Span, b: Span): number {
  const shared = Math.min(a.end - a.start, b.end - b.start);
  for (let i = 0; i < shared; i++) {
    const difference = (bytes[a.start + i] ?? 0) - (bytes[b.start + i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.end - a.start - (b.end - b.start);
}

/** Whether the key was there before. No encoding is the beginning of another one, so its length is enough. */
function occursAt(
  bytes: Uint8Array,
  starts: readonly number[],
  start: number,
  end: number,
): boolean {
  const length = end - start;
  const key = { start, end };
  return starts.some((at) => compare(bytes, { start: at, end: at + length }, key) === 0);
}
