// What firmware/protocol/cbor.ts uses of cbor-x, and no more: in place of it in a bundle, because an engine that interprets
// keeps all code in memory. The same bytes for the same values; what is decoded has been checked before.

import { decodeUtf8, encodeUtf8 } from "./utf8.ts";

export class Encoder {
  encode(value: unknown): Uint8Array {
    const out: number[] = [];
    write(out, value);
    return Uint8Array.from(out);
  }
}

export class Decoder {
  /** Throws for what is not whole. */
  decode(bytes: Uint8Array): unknown {
    const from = { bytes, at: 0 };
    const value = read(from);
    if (from.at !== bytes.length) throw new Error("bytes are left");
    return value;
  }
}

function write(out: number[], value: unknown): void {
  if (typeof value === "number" || typeof value === "bigint") {
    if (value < 0) head(out, 1, -1n - BigInt(value));
    else head(out, 0, value);
  } else if (value === false || value === true) out.push(value ? 0xf5 : 0xf4);
  else if (value === null) out.push(0xf6);
  else if (typeof value === "string") string(out, 3, encodeUtf8(value));
  else if (value instanceof Uint8Array) string(out, 2, value);
  else if (Array.isArray(value)) {
    head(out, 4, value.length);
    for (const element of value) write(out, element);
  } else if (value instanceof Map) {
    head(out, 5, value.size);
    for (const [key, of] of value) {
      write(out, key);
      write(out, of);
    }
  } else throw new Error(`no CBOR for ${typeof value}`);
}

function string(out: number[], major: number, bytes: Uint8Array): void {
  head(out, major, bytes.length);
  for (const byte of bytes) out.push(byte);
}

/** The shortest form. */
function head(out: number[], major: number, argument: number | bigint): void {
  const lead = major << 5;
  if (argument < 24) {
    out.push(lead | Number(argument));
    return;
  }
  const power = argument < 0x100 ? 0 : argument < 0x10000 ? 1 : argument < 0x100000000 ? 2 : 3;
  out.push(lead | (24 + power));
  const wide = BigInt(argument);
  for (let i = (1 << power) - 1; i >= 0; i--) out.push(Number((wide >> BigInt(8 * i)) & 0xffn));
}

interface From {
  bytes: Uint8Array;
  at: number;
}

function read(from: From): unknown {
  const lead = next(from);
  const major = lead >> 5;
  if (major === 7) {
    if (lead === 0xf4 || lead === 0xf5) return lead === 0xf5;
    if (lead === 0xf6) return null;
    throw new Error(`simple value ${lead & 31}`);
  }
  const argument = readArgument(from, lead & 31);
  if (major === 0) return argument;
  if (major === 1) return typeof argument === "bigint" ? -1n - argument : -1 - argument;
  const count = Number(argument);
  if (major === 2 || major === 3) {
    const bytes = from.bytes.slice(from.at, from.at + count);
    if (bytes.length < count) throw new Error("the end is missing");
    from.at += count;
    return major === 2 ? bytes : decodeUtf8(bytes, true);
  }
  if (major === 4) return Array.from({ length: count }, () => read(from));
  if (major === 5) return readMap(from, count);
  throw new Error("a tag");
}

function readMap(from: From, count: number): Map<unknown, unknown> {
  const map = new Map<unknown, unknown>();
  for (let i = 0; i < count; i++) {
    const key = read(from);
    map.set(key, read(from));
  }
  return map;
}

/** A bigint where a number is not exact. */
function readArgument(from: From, info: number): number | bigint {
  if (info < 24) return info;
  if (info > 27) throw new Error("no length");
  let argument = 0n;
  for (let i = 1 << (info - 24); i > 0; i--) argument = (argument << 8n) | BigInt(next(from));
  return argument <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(argument) : argument;
}

function next(from: From): number {
  const byte = from.bytes[from.at];
  if (byte === undefined) throw new Error("the end is missing");
  from.at++;
  return byte;
}
