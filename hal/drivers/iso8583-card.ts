// The payer's card as a terminal's secure module sees it: opened from the sealed credential, its number kept as
// bytes that are overwritten after use, and never made into text. What leaves is masked or a keyed digest.

import type { Crypto } from "../crypto.ts";
import type { HostBinding, HostCard, HostCredential, HostDecline } from "../payment-host.ts";

/** Offer digest 16, amount 4 (big-endian), currency 3, expiry year and month 2, card number 12 to 19 digits. */
const NUMBER_AT = 25;
const NUMBER_BYTES_MIN = 12;
const NUMBER_BYTES_MAX = 19;
const TOKEN_BYTES = 16;
const KEY_BYTES = 32;
const NONCE_BYTES = 24;

export interface OpenedCard {
  /** ASCII digits. Overwrite it with `forget`. */
  number: Uint8Array;
  /** YYMM. */
  expiry: Uint8Array;
}

/** Opens a credential that the payer sealed, and checks what it is bound to. */
export function openCard(
  { payerKey, nonce, box }: Extract<HostCredential, { kind: "sealed" }>,
  binding: HostBinding,
  crypto: Crypto,
  secretKey: Uint8Array,
): OpenedCard | HostDecline {
  if (payerKey.length !== KEY_BYTES || nonce.length !== NONCE_BYTES) return "credential-invalid";
  const shared = crypto.boxShared(payerKey, secretKey);
  const plain = shared && crypto.open(box, nonce, shared);
  shared?.fill(0);
  if (plain === undefined) return "credential-invalid";
  try {
    return readPlain(plain, binding);
  } finally {
    plain.fill(0);
  }
}

function readPlain(plain: Uint8Array, binding: HostBinding): OpenedCard | HostDecline {
  const length = plain.length - NUMBER_AT;
  if (length < NUMBER_BYTES_MIN || length > NUMBER_BYTES_MAX) return "credential-invalid";
  const number = plain.slice(NUMBER_AT);
  const [year = 0, month = 0] = plain.subarray(23, NUMBER_AT);
  const isCard = number.every((byte) => byte >= 0x30 && byte <= 0x39) && passesLuhn(number);
  if (!isCard || year > 99 || month < 1 || month > 12) {
    number.fill(0);
    return "credential-invalid";
  }
  const isBound =
    binding.offer.length === 16 &&
    binding.offer.every((byte, i) => byte === plain[i]) &&
    new DataView(plain.buffer, plain.byteOffset).getUint32(16) === binding.amountMinor &&
    String.fromCharCode(...plain.subarray(20, 23)) === binding.currency;
  if (!isBound) {
    number.fill(0);
    return "credential-mismatch";
  }
  const digits = [year / 10, year % 10, month / 10, month % 10];
  return { number, expiry: Uint8Array.from(digits, (digit) => 0x30 + Math.floor(digit)) };
}

export function forget(card: OpenedCard): void {
  card.number.fill(0);
  card.expiry.fill(0);
}

/** ISO/IEC 7812-1 annex B check digit. */
function passesLuhn(number: Uint8Array): boolean {
  let sum = 0;
  for (const [index, byte] of number.entries()) {
    const isDoubled = (number.length - index) % 2 === 0;
    const value = (byte - 0x30) * (isDoubled ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 === 0;
}

/** First digits of the issuer, and whose they are (ISO/IEC 7812); the longest that fits counts. */
const NETWORKS: readonly (readonly [from: number, to: number, network: string])[] = [
  [4, 4, "visa"],
  [51, 55, "mastercard"],
  [2221, 2720, "mastercard"],
  [34, 34, "amex"],
  [37, 37, "amex"],
  [6011, 6011, "discover"],
  [644, 649, "discover"],
  [65, 65, "discover"],
  [300, 305, "diners"],
  [36, 36, "diners"],
  [38, 39, "diners"],
  [3528, 3589, "jcb"],
  [50, 50, "maestro"],
  [56, 58, "maestro"],
  [63, 63, "maestro"],
  [67, 67, "maestro"],
  [62, 62, "unionpay"],
];

function networkOf(number: Uint8Array): string {
  for (const [from, to, network] of NETWORKS) {
    const digits = String(from).length;
    const first = Number(String.fromCharCode(...number.subarray(0, digits)));
    if (first >= from && first <= to) return network;
  }
  return "unknown";
}

/** What may be known of it outside. */
export function describeCard(
  { number }: OpenedCard,
  crypto: Crypto,
  secretKey: Uint8Array,
): HostCard {
  const first = String.fromCharCode(...number.subarray(0, 6));
  const last = String.fromCharCode(...number.subarray(-4));
  const keyed = new Uint8Array(secretKey.length + number.length);
  keyed.set(secretKey, 0);
  keyed.set(number, secretKey.length);
  const token = crypto.digest(keyed).subarray(0, TOKEN_BYTES);
  keyed.fill(0);
  return {
    maskedPan: `${first}******${last}`,
    network: networkOf(number),
    entryMethod: "manual",
    token: Array.from(token, (byte) => byte.toString(16).padStart(2, "0")).join(""),
  };
}
