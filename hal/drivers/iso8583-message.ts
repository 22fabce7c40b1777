// One ISO 8583 message as bytes: type in four ASCII digits, bitmaps in binary, elements in ASCII (iso8583-fields.ts).
// Reading is strict: what is cut off, too long, in another alphabet or followed by more is refused.

import { type Alphabet, FIELD_FORMATS, type FieldFormat } from "./iso8583-fields.ts";

/** Above any message here; a longer one is refused before it is read. */
export const MESSAGE_BYTES_MAX = 1_024;
const TYPE_BYTES = 4;
const BITMAP_BYTES = 8;

export interface Iso8583Message {
  /** Four digits, such as 0100. */
  type: string;
  /** By number, without padding. Bytes are as hexadecimal text. */
  fields: ReadonlyMap<number, string>;
}

export type Iso8583Read =
  | { ok: true; message: Iso8583Message }
  /** `field` is the element at which reading ended. */
  | {
      ok: false;
      why: "short" | "long" | "type" | "unknown" | "length" | "alphabet";
      field?: number;
    };

/** What may stand in a field: text, or ASCII bytes that must never become text. */
export type FieldValue = string | Uint8Array;

const ALPHABETS: Readonly<Record<Exclude<Alphabet, "b">, (byte: number) => boolean>> = {
  n: isDigit,
  an: (byte) => isDigit(byte) || isLetter(byte) || byte === 0x20,
  ans: (byte) => byte >= 0x20 && byte <= 0x7e,
  x: (byte) => isDigit(byte) || byte === 0x43 || byte === 0x44,
  z: (byte) => isDigit(byte) || byte === 0x3d || byte === 0x44,
};

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isLetter(byte: number): boolean {
  return (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);
}

/**
 * Digits are filled with zeros on the left, text with spaces on the right. Throws a plain Error for a value that
 * does not fit its element: that is a bug of the caller. The message names the element, never the value.
 */
export function encodeIso8583(type: string, fields: ReadonlyMap<number, FieldValue>): Uint8Array {
  const numbers = [...fields.keys()].sort((a, b) => a - b);
  const bitmaps = new Uint8Array(numbers.some((number) => number > 64) ? 16 : 8);
  if (bitmaps.length === 16) bitmaps[0] = 0x80;
  const parts = numbers.map((number) => {
    const at = (number - 1) >> 3;
    bitmaps[at] = (bitmaps[at] ?? 0) | (0x80 >> ((number - 1) & 7));
    return encodeField(number, fields.get(number) ?? "");
  });
  const length = parts.reduce((sum, part) => sum + part.length, TYPE_BYTES + bitmaps.length);
  check(length <= MESSAGE_BYTES_MAX && /^\d{4}$/.test(type), `message ${type}`);
  const bytes = new Uint8Array(length);
  bytes.set(toAscii(type), 0);
  bytes.set(bitmaps, TYPE_BYTES);
  let offset = TYPE_BYTES + bitmaps.length;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
    // A part may have been a card number.
    part.fill(0);
  }
  return bytes;
}

function encodeField(number: number, value: FieldValue): Uint8Array {
  const format = FIELD_FORMATS.get(number);
  check(format !== undefined && number !== 65, `element ${number} is unknown`);
  const { alphabet, length, lengthDigits } = format;
  const given = typeof value === "string" ? valueBytes(alphabet, value) : value.slice();
  const fits = alphabet === "b" || given.every(ALPHABETS[alphabet]);
  check(fits && given.length <= length, `element ${number} does not fit`);
  if (lengthDigits > 0) {
    const part = new Uint8Array(lengthDigits + given.length);
    part.set(toAscii(String(given.length).padStart(lengthDigits, "0")), 0);
    part.set(given, lengthDigits);
    given.fill(0);
    return part;
  }
  if (given.length === length) return given;
  check(alphabet !== "b" && alphabet !== "x", `element ${number} is too short`);
  const part = new Uint8Array(length).fill(alphabet === "n" ? 0x30 : 0x20);
  part.set(given, alphabet === "n" ? length - given.length : 0);
  return part;
}

/** Elements of `unread` are checked and left out: a card number in an answer never becomes text. */
export function decodeIso8583(bytes: Uint8Array, unread: readonly number[] = []): Iso8583Read {
  if (bytes.length > MESSAGE_BYTES_MAX) return { ok: false, why: "long" };
  if (bytes.length < TYPE_BYTES + BITMAP_BYTES) return { ok: false, why: "short" };
  const type = fromAscii(bytes.subarray(0, TYPE_BYTES));
  if (!/^0[1-8]\d\d$/.test(type)) return { ok: false, why: "type" };
  const isLong = ((bytes[TYPE_BYTES] ?? 0) & 0x80) !== 0;
  let offset = TYPE_BYTES + (isLong ? 2 : 1) * BITMAP_BYTES;
  if (bytes.length < offset) return { ok: false, why: "short" };
  const bitmaps = bytes.subarray(TYPE_BYTES, offset);
  const fields = new Map<number, string>();
  for (let number = 2; number <= 8 * bitmaps.length; number++) {
    if (((bitmaps[(number - 1) >> 3] ?? 0) & (0x80 >> ((number - 1) & 7))) === 0) continue;
    const format = FIELD_FORMATS.get(number);
    if (format === undefined || number === 65) return { ok: false, why: "unknown", field: number };
    const read = decodeField(bytes, offset, format);
    if (typeof read === "string") return { ok: false, why: read, field: number };
    offset = read.end;
    const { alphabet, lengthDigits } = format;
    if (unread.includes(number)) continue;
    const text = alphabet === "b" ? toHex(read.value) : fromAscii(read.value);
    fields.set(number, lengthDigits === 0 && alphabet.startsWith("an") ? text.trimEnd() : text);
  }
  return offset === bytes.length
    ? { ok: true, message: { type, fields } }
    : { ok: false, why: "long" };
}

function decodeField(
  bytes: Uint8Array,
  start: number,
  { alphabet, length: lengthMax, lengthDigits }: FieldFormat,
): { value: Uint8Array; end: number } | "short" | "length" | "alphabet" {
  const head = bytes.subarray(start, start + lengthDigits);
  if (head.length < lengthDigits) return "short";
  if (!head.every(isDigit)) return "length";
  const length = lengthDigits === 0 ? lengthMax : Number(fromAscii(head));
  if (length > lengthMax) return "length";
  const end = start + lengthDigits + length;
  if (end > bytes.length) return "short";
  const value = bytes.subarray(start + lengthDigits, end);
  if (alphabet !== "b" && !value.every(ALPHABETS[alphabet])) return "alphabet";
  return { value, end };
}

function valueBytes(alphabet: Alphabet, value: string): Uint8Array {
  if (alphabet !== "b") return toAscii(value);
  check(/^([0-9a-f]{2})*$/.test(value), "bytes are written in hexadecimal");
  return Uint8Array.from({ length: value.length / 2 }, (_, i) =>
    Number.parseInt(value.slice(2 * i, 2 * i + 2), 16),
  );
}

function toAscii(text: string): Uint8Array {
  // What is no ASCII becomes a byte that no alphabet holds.
  return Uint8Array.from(text, (character) => Math.min(character.codePointAt(0) ?? 0, 0xff));
}

function fromAscii(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ISO 8583 ${what}`);
}
