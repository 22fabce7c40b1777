// What leaves of a card that was read: what people may see, and a box that only the payment host opens. The number stays
// bytes, is overwritten, and is looked for in all that leaves in the clear (I12).

import type { CardReaderSetup, CardRequest, ReaderCard } from "../card-reader.ts";
import type { HostCredential } from "../payment-host.ts";
import { passesLuhn, SEALED_TAGS } from "../sealed-card.ts";
import { writeTlv } from "./ber-tlv.ts";
import type { ReadApplication } from "./emv-application.ts";
import type { EmvPorts } from "./emv-read.ts";
import { TAG } from "./emv-terminal.ts";

const DIGITS_MIN = 12;
const DIGITS_MAX = 19;
const TOKEN_BYTES = 16;
/** Digits of a label: with more it is none. */
const LABEL_DIGITS_MAX = 4;
/** What a card may add to an application's name that is known. */
const NAME_BYTES_MORE = 3;
const WAY = { insert: 1, tap: 2 } as const;

/** ASCII digits, and YYMM as ASCII digits. Overwrite both. */
export interface CardNumber {
  digits: Uint8Array;
  expiry: Uint8Array;
}

/** By 5A and 5F24, or by the copy of track 2 (57), which must not say otherwise; undefined for what is no card number. */
export function cardNumber(data: ReadonlyMap<number, Uint8Array>): CardNumber | undefined {
  const own = data.get(TAG.number);
  const track = data.get(TAG.track2);
  const own16 = own && nibbles(own);
  const track16 = track && nibbles(track);
  try {
    const split = track16?.indexOf(0x0d) ?? -1;
    const trackDigits = track16 && split > 0 ? track16.subarray(0, split) : undefined;
    if (track !== undefined && trackDigits === undefined) return undefined;
    const ownDigits = own16 && unpadded(own16);
    const number = ownDigits ?? trackDigits;
    if (number === undefined || !isNumber(number)) return undefined;
    if (trackDigits !== undefined && !isSame(trackDigits, number)) return undefined;
    const date = data.get(TAG.expiry);
    const expiry = date ? nibbles(date).subarray(0, 4) : track16?.subarray(split + 1, split + 5);
    if (expiry?.length !== 4 || !isDate(expiry) || (date && date.length !== 3)) return undefined;
    const digits = number.map((digit) => 0x30 + digit);
    if (passesLuhn(digits)) return { digits, expiry: expiry.map((digit) => 0x30 + digit) };
    digits.fill(0);
    return undefined;
  } finally {
    own16?.fill(0);
    track16?.fill(0);
  }
}

function nibbles(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: 2 * bytes.length }, (_, i) => {
    const byte = bytes[i >> 1] ?? 0;
    return i % 2 === 0 ? byte >> 4 : byte & 15;
  });
}

function unpadded(digits: Uint8Array): Uint8Array {
  const end = digits.indexOf(0x0f);
  if (end < 0) return digits;
  return digits.subarray(end).every((digit) => digit === 0x0f) ? digits.subarray(0, end) : digits;
}

function isNumber(digits: Uint8Array): boolean {
  const fits = digits.length >= DIGITS_MIN && digits.length <= DIGITS_MAX;
  return fits && digits.every((digit) => digit <= 9);
}

function isDate([y1 = 10, y2 = 10, m1 = 10, m2 = 10]: Uint8Array): boolean {
  const month = 10 * m1 + m2;
  return y1 <= 9 && y2 <= 9 && m2 <= 9 && month >= 1 && month <= 12;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Undefined where the number stands in what would leave in the clear. */
export function describeReaderCard(
  way: "tap" | "insert",
  read: ReadApplication,
  { digits, expiry }: CardNumber,
  crypto: EmvPorts["crypto"],
  tokenKey: Uint8Array,
): ReaderCard | undefined {
  const { candidate, data, cryptogramType } = read;
  const { network, known } = candidate;
  const isPlain = read.fullName.length <= known.length + NAME_BYTES_MORE;
  const named = isPlain ? read.fullName : known;
  const shown = {
    aid: named,
    tvr: data.get(TAG.verification) ?? new Uint8Array(),
    tsi: read.status,
    atc: data.get(TAG.counter) ?? new Uint8Array(),
    cryptogram: data.get(TAG.cryptogram) ?? new Uint8Array(),
  };
  if (Object.values(shown).some((bytes) => holdsDigits(nibbles(bytes), digits))) return undefined;
  const keyed = new Uint8Array(tokenKey.length + digits.length);
  keyed.set(tokenKey, 0);
  keyed.set(digits, tokenKey.length);
  const token = toHex(crypto.digest(keyed).subarray(0, TOKEN_BYTES));
  keyed.fill(0);
  const first = ascii(digits.subarray(0, 6));
  const last = ascii(digits.subarray(-4));
  const label = labelText(read.label);
  return {
    maskedPan: `${first}${"*".repeat(digits.length - 10)}${last}`,
    ...{ expiry: ascii(expiry), network, entryMethod: way, token, cryptogramType },
    ...(label !== undefined && { label }),
    ...{ aid: toHex(shown.aid), tvr: toHex(shown.tvr), tsi: toHex(shown.tsi) },
    ...{ atc: toHex(shown.atc), cryptogram: toHex(shown.cryptogram) },
  };
}

/** Printable, and no place for a number. */
function labelText(label: Uint8Array | undefined): string | undefined {
  if (label === undefined || label.length === 0 || label.length > 16) return undefined;
  if (!label.every((byte) => byte >= 0x20 && byte <= 0x7e)) return undefined;
  const digits = label.filter((byte) => byte >= 0x30 && byte <= 0x39).length;
  const text = ascii(label).trim();
  return digits > LABEL_DIGITS_MAX || text === "" ? undefined : text;
}

/** Nibbles that are the digits, wherever they begin. */
function holdsDigits(hay: Uint8Array, digits: Uint8Array): boolean {
  for (let at = 0; at + digits.length <= hay.length; at++) {
    if (digits.every((digit, i) => hay[at + i] === digit - 0x30)) return true;
  }
  return false;
}

/** Opens with the host's secret, `payerKey` and `nonce`; the layout is that of sealed-card.ts. */
export function sealReaderCard(
  way: "tap" | "insert",
  { data, fullName }: ReadApplication,
  number: CardNumber,
  request: CardRequest,
  { crypto, entropy }: EmvPorts,
  { hostKey }: CardReaderSetup,
): Extract<HostCredential, { kind: "sealed" }> {
  const head = new Uint8Array(26);
  head.set(request.offer, 0);
  new DataView(head.buffer).setUint32(16, request.amountMinor);
  head.set(
    Uint8Array.from(request.currency, (letter) => letter.charCodeAt(0)),
    20,
  );
  const [y1 = 0, y2 = 0, m1 = 0, m2 = 0] = number.expiry.map((digit) => digit - 0x30);
  head.set([10 * y1 + y2, 10 * m1 + m2, WAY[way]], 23);
  const parts = [head, writeTlv(TAG.number, packed(number.digits))];
  for (const tag of SEALED_TAGS) {
    const value = tag === TAG.dfName ? fullName : data.get(tag);
    if (value !== undefined && value.length <= 32) parts.push(writeTlv(tag, value));
  }
  const plain = joined(parts);
  const secret = entropy.bytes(32);
  const nonce = entropy.bytes(24);
  const shared = crypto.boxShared(hostKey, secret);
  if (shared === undefined) throw new Error("assertion failed: the host's key is of small order");
  const box = crypto.seal(plain, nonce, shared);
  const payerKey = crypto.boxPublicKey(secret);
  for (const bytes of [plain, secret, shared, ...parts]) bytes.fill(0);
  return { kind: "sealed", payerKey, nonce, box };
}

/** Two digits in a byte, filled up with F on the right. */
function packed(digits: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: Math.ceil(digits.length / 2) }, (_, i) => {
    const low = digits[2 * i + 1];
    return (((digits[2 * i] ?? 0) - 0x30) << 4) | (low === undefined ? 15 : low - 0x30);
  });
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function ascii(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
