// A payer's card as payment hosts read it: opened from the sealed credential, whose plain text has a fixed layout,
// big-endian: digest 16, amount 4, currency 3, expiry year and month 1 each (128 more: STREAM_MONTH); then, keyed in, the card
// number in 12 to 19 digits, or, read by a reader, 1 (chip) or 2 (field) and BER-TLV: first the number (5A), then SEALED_TAGS.

import type { Crypto } from "./crypto.ts";
import type { HostCredential } from "./payment-host.ts";

export type SealedEntry = "manual" | "insert" | "tap";

/** What a reader's card says beside its number, by tag (EMV book 3, annex A): all that an issuer checks a cryptogram with. */
export type ChipData = ReadonlyMap<number, Uint8Array>;

/** Holds a whole card number: never stored, logged or passed on. */
export interface SealedCard {
  /** Digest of the signed offer, or of the commitment where it is one. */
  offer: Uint8Array;
  /** The payer pays while he is served: what may be taken is what his commitment and his last proof are worth. */
  stream?: true;
  amountMinor: number;
  currency: string;
  /** YYMM. */
  expiry: string;
  number: string;
  entryMethod: SealedEntry;
  /** Of a card at a reader. */
  chip?: ChipData;
}

/** The same with number and expiry as ASCII digits, which can be overwritten. */
export interface SealedPlain extends Omit<SealedCard, "expiry" | "number"> {
  expiry: Uint8Array;
  number: Uint8Array;
}

const HEAD_BYTES = 25;
/** Added to the month of expiry where the digest is a commitment's. */
const STREAM_MONTH = 128;
const PLAIN_BYTES_MAX = 384;
const NUMBER_TAG = 0x5a;
const VALUE_BYTES_MAX = 32;

/** Tags that may stand in a sealed card, each at most once; no others, so that none can bring a number along. */
export const SEALED_TAGS = [
  ...[0x5f34, 0x9f26, 0x9f27, 0x9f10, 0x9f37, 0x9f36, 0x95, 0x9a, 0x9c, 0x9f02, 0x9f03, 0x5f2a],
  ...[0x82, 0x9f1a, 0x9f33, 0x9f34, 0x84, 0x9f35],
] as const;

/** Undefined for what cannot be opened with this key, and for what is no card. */
export function openSealedCard(
  credential: Extract<HostCredential, { kind: "sealed" }>,
  secretKey: Uint8Array,
  crypto: Crypto,
): SealedCard | undefined {
  const shared = crypto.boxShared(credential.payerKey, secretKey);
  const plain = shared && crypto.open(credential.box, credential.nonce, shared);
  const read = plain && readSealedPlain(plain);
  plain?.fill(0);
  if (read === undefined) return undefined;
  const { number, expiry, ...rest } = read;
  const card = { ...rest, expiry: ascii(expiry), number: ascii(number) };
  number.fill(0);
  expiry.fill(0);
  return card;
}

/** The opened box, in copies of its own; undefined for what is no card. */
export function readSealedPlain(plain: Uint8Array): SealedPlain | undefined {
  const [year = 100, marked = 0, way = 0] = plain.subarray(23, HEAD_BYTES + 1);
  const month = marked % STREAM_MONTH;
  if (plain.length > PLAIN_BYTES_MAX || year > 99 || month < 1 || month > 12) return undefined;
  const entryMethod = way === 1 ? "insert" : way === 2 ? "tap" : "manual";
  const chip = entryMethod === "manual" ? undefined : readChip(plain.subarray(HEAD_BYTES + 1));
  const number = entryMethod === "manual" ? plain.slice(HEAD_BYTES) : chip?.number;
  if (number === undefined || !isNumber(number)) {
    number?.fill(0);
    return undefined;
  }
  const digits = [year / 10, year % 10, month / 10, month % 10];
  return {
    offer: plain.slice(0, 16),
    amountMinor: new DataView(plain.buffer, plain.byteOffset).getUint32(16),
    currency: ascii(plain.subarray(20, 23)),
    expiry: Uint8Array.from(digits, (digit) => 0x30 + Math.floor(digit)),
    ...{ number, entryMethod },
    ...(marked >= STREAM_MONTH && { stream: true }),
    ...(chip !== undefined && { chip: chip.data }),
  };
}

/** Objects of one or two bytes of tag and one of length; anything else is refused. */
function readChip(bytes: Uint8Array): { number: Uint8Array; data: ChipData } | undefined {
  const data = new Map<number, Uint8Array>();
  let number: Uint8Array | undefined;
  let offset = 0;
  while (offset < bytes.length) {
    const first = bytes[offset++] ?? 0;
    const isLong = (first & 0x1f) === 0x1f;
    const tag = isLong ? first * 256 + (bytes[offset++] ?? 0) : first;
    const length = bytes[offset++] ?? VALUE_BYTES_MAX + 1;
    const value = bytes.slice(offset, offset + length);
    offset += length;
    if (length > VALUE_BYTES_MAX || offset > bytes.length) return undefined;
    if (number === undefined) {
      if (tag !== NUMBER_TAG) return undefined;
      number = unpacked(value);
      value.fill(0);
    } else if (data.has(tag) || !(SEALED_TAGS as readonly number[]).includes(tag)) {
      return undefined;
    } else {
      data.set(tag, value);
    }
  }
  return number && { number, data };
}

/** Two digits in a byte, filled up with F: as ASCII, where what is no digit stays none. */
function unpacked(value: Uint8Array): Uint8Array {
  const last = value.at(-1) ?? 0;
  const length = 2 * value.length - ((last & 15) === 15 ? 1 : 0);
  return Uint8Array.from({ length }, (_, i) => {
    const byte = value[i >> 1] ?? 0;
    return 0x30 + (i % 2 === 0 ? byte >> 4 : byte & 15);
  });
}

function isNumber(digits: Uint8Array): boolean {
  const fits = digits.length >= 12 && digits.length <= 19;
  return fits && digits.every((byte) => byte >= 0x30 && byte <= 0x39) && passesLuhn(digits);
}

/** ISO/IEC 7812-1 annex B check digit; of ASCII digits. */
export function passesLuhn(number: Uint8Array): boolean {
  let sum = 0;
  for (const [index, byte] of number.entries()) {
    const isDoubled = (number.length - index) % 2 === 0;
    const value = (byte - 0x30) * (isDoubled ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 === 0;
}

function ascii(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** First six and last four digits. */
export function maskCard(number: string): string {
  return `${number.slice(0, 6)}${"*".repeat(number.length - 10)}${number.slice(-4)}`;
}

/** By the issuer's range: the first digits of the number. */
const RANGES: readonly (readonly [from: number, to: number, network: string])[] = [
  [400_000, 499_999, "visa"],
  [510_000, 559_999, "mastercard"],
  [222_100, 272_099, "mastercard"],
  [340_000, 349_999, "amex"],
  [370_000, 379_999, "amex"],
  [352_800, 358_999, "jcb"],
  [601_100, 601_199, "discover"],
  [644_000, 659_999, "discover"],
  [300_000, 305_999, "diners"],
  [360_000, 369_999, "diners"],
  [620_000, 629_999, "unionpay"],
];

/** In lower case; "other" where the range is nobody's we know. */
export function cardNetwork(number: string): string {
  const prefix = Number(number.slice(0, 6));
  return RANGES.find(([from, to]) => prefix >= from && prefix <= to)?.[2] ?? "other";
}
