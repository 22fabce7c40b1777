// A payer's card as payment hosts read it: opened from the sealed credential, whose plain text has a fixed layout,
// big-endian: offer digest 16, amount 4, currency 3, expiry year and month 1 each, card number 12 to 19 digits.

import type { Crypto } from "./crypto.ts";
import type { HostCredential } from "./payment-host.ts";

/** Holds a whole card number: never stored, logged or passed on. */
export interface SealedCard {
  offer: Uint8Array;
  amountMinor: number;
  currency: string;
  /** YYMM. */
  expiry: string;
  number: string;
}

/** Undefined for what cannot be opened with this key, and for what is no card. */
export function openSealedCard(
  credential: Extract<HostCredential, { kind: "sealed" }>,
  secretKey: Uint8Array,
  crypto: Crypto,
): SealedCard | undefined {
  const shared = crypto.boxShared(credential.payerKey, secretKey);
  const plain = shared && crypto.open(credential.box, credential.nonce, shared);
  const card = plain && readSealedCard(plain);
  plain?.fill(0);
  return card;
}

function readSealedCard(plain: Uint8Array): SealedCard | undefined {
  if (plain.length < 37 || plain.length > 44) return undefined;
  const ascii = (from: number, to?: number): string =>
    String.fromCharCode(...plain.subarray(from, to));
  const number = ascii(25);
  const [year = 0, month = 0] = plain.subarray(23, 25);
  if (!/^\d{12,19}$/.test(number) || !passesLuhn(number)) return undefined;
  if (year > 99 || month < 1 || month > 12) return undefined;
  return {
    offer: plain.slice(0, 16),
    amountMinor: new DataView(plain.buffer, plain.byteOffset).getUint32(16),
    currency: ascii(20, 23),
    expiry: `${String(year).padStart(2, "0")}${String(month).padStart(2, "0")}`,
    number,
  };
}

/** ISO/IEC 7812-1 annex B check digit. */
function passesLuhn(number: string): boolean {
  let sum = 0;
  for (const [index, digit] of [...number].reverse().entries()) {
    const value = Number(digit) * (index % 2 === 0 ? 1 : 2);
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 === 0;
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
