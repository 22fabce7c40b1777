// Reads any well-formed CBOR (RFC 8949 3) into a plain tree: what others may send, tags, floats and
// indefinite lengths included. For looking at bytes and for checking other people's objects; our own
// messages never come this way, they pass the strict check and the codec. Bounded in size and depth.

import { fromUtf8 } from "../bytes.ts";
import { RFC8949_BYTES_MAX, RFC8949_DEPTH_MAX } from "./cbor-check.ts";

export type CborNode =
  | { is: "integer"; value: bigint }
  | { is: "bytes"; value: Uint8Array }
  | { is: "text"; value: string }
  /** A string in pieces: the pieces are of the same sort and whole (3.2.3). */
  | { is: "pieces"; text: boolean; items: readonly CborNode[] }
  | { is: "array"; items: readonly CborNode[]; indefinite: boolean }
  | { is: "map"; pairs: readonly (readonly [CborNode, CborNode])[]; indefinite: boolean }
  | { is: "tag"; tag: bigint; content: CborNode }
  | { is: "simple"; value: number }
  /** The value, and in how many bytes it came: 2, 4 or 8. */
  | { is: "float"; value: number; width: number };

/** Undefined for what is not exactly one well-formed item, is larger than 64 KiB or deeper than 64. */
export function readCborTree(bytes: Uint8Array): CborNode | undefined {
  if (bytes.length > RFC8949_BYTES_MAX) return undefined;
  const reader: Reader = { bytes, at: 0 };
  const node = item(reader, 0);
  return node !== "break" && reader.at === bytes.length ? node : undefined;
}

interface Reader {
  bytes: Uint8Array;
  at: number;
}

/** A node, a lone break, or undefined for what is no CBOR. */
type Read = CborNode | "break" | undefined;

function item(reader: Reader, depth: number): Read {
  const first = reader.bytes[reader.at];
  if (first === undefined || depth > RFC8949_DEPTH_MAX) return undefined;
  reader.at += 1;
  const major = first >> 5;
  const info = first & 31;
  if (info === 31) return indefinite(reader, major, depth);
  const argument = readArgument(reader, info);
  if (argument === undefined) return undefined;
  switch (major) {
    case 0:
      return { is: "integer", value: argument };
    case 1:
      return { is: "integer", value: -1n - argument };
    case 2:
    case 3:
      return string(reader, major === 3, argument);
    case 4: {
      const items = several(reader, argument, depth);
      return items && { is: "array", items, indefinite: false };
    }
    case 5: {
      const items = several(reader, argument * 2n, depth);
      return items && { is: "map", pairs: pairUp(items), indefinite: false };
    }
    case 6: {
      const content = item(reader, depth + 1);
      return content && content !== "break" ? { is: "tag", tag: argument, content } : undefined;
    }
    default:
      return simpleOrFloat(reader, info, argument);
  }
}

function readArgument(reader: Reader, info: number): bigint | undefined {
  if (info < 24) return BigInt(info);
  const width = 1 << (info - 24);
  if (info > 27 || reader.bytes.length - reader.at < width) return undefined;
  let argument = 0n;
  for (let i = 0; i < width; i++) {
    argument = argument * 256n + BigInt(reader.bytes[reader.at + i] ?? 0);
  }
  reader.at += width;
  return argument;
}

function string(reader: Reader, text: boolean, length: bigint): CborNode | undefined {
  if (length > reader.bytes.length - reader.at) return undefined;
  const end = reader.at + Number(length);
  const value = reader.bytes.slice(reader.at, end);
  reader.at = end;
  if (!text) return { is: "bytes", value };
  const decoded = fromUtf8(value);
  return decoded === undefined ? undefined : { is: "text", value: decoded };
}

function several(reader: Reader, count: bigint, depth: number): CborNode[] | undefined {
  // Each takes a byte at least: a count beyond what is left is never believed.
  if (count > reader.bytes.length - reader.at) return undefined;
  const items: CborNode[] = [];
  for (let i = 0; i < count; i++) {
    const node = item(reader, depth + 1);
    if (node === undefined || node === "break") return undefined;
    items.push(node);
  }
  return items;
}

function pairUp(items: readonly CborNode[]): [CborNode, CborNode][] {
  const pairs: [CborNode, CborNode][] = [];
  for (let i = 0; i + 1 < items.length; i += 2) {
    pairs.push([items[i] as CborNode, items[i + 1] as CborNode]);
  }
  return pairs;
}

function indefinite(reader: Reader, major: number, depth: number): Read {
  if (major === 7) return "break";
  if (major < 2 || major === 6) return undefined;
  const items: CborNode[] = [];
  for (;;) {
    const node = item(reader, depth + 1);
    if (node === undefined) return undefined;
    if (node === "break") break;
    items.push(node);
  }
  if (major === 4) return { is: "array", items, indefinite: true };
  if (major === 5) {
    return items.length % 2 === 0
      ? { is: "map", pairs: pairUp(items), indefinite: true }
      : undefined;
  }
  const sort = major === 3 ? "text" : "bytes";
  return items.every((piece) => piece.is === sort)
    ? { is: "pieces", text: major === 3, items }
    : undefined;
}

function simpleOrFloat(reader: Reader, info: number, argument: bigint): CborNode | undefined {
  if (info < 24) return { is: "simple", value: info };
  if (info === 24) {
    return argument < 32n ? undefined : { is: "simple", value: Number(argument) };
  }
  const width = 1 << (info - 24);
  const start = reader.bytes.byteOffset + reader.at - width;
  const view = new DataView(reader.bytes.buffer, start, width);
  if (width === 2) return { is: "float", value: half(view.getUint16(0)), width };
  return { is: "float", value: width === 4 ? view.getFloat32(0) : view.getFloat64(0), width };
}

/** RFC 8949 appendix D. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}
