// The payer's card as a terminal's secure module sees it: opened from the sealed credential, its number kept as
// bytes that are overwritten after use, and never made into text. What leaves is masked or a keyed digest.

import type { Crypto } from "../crypto.ts";
import type { HostBinding, HostCard, HostCredential, HostDecline } from "../payment-host.ts";
import { type ChipData, readSealedPlain, SEALED_TAGS, type SealedEntry } from "../sealed-card.ts";
import { writeTlv } from "./ber-tlv.ts";
import { DE } from "./iso8583-fields.ts";
import type { FieldValue } from "./iso8583-message.ts";

const TOKEN_BYTES = 16;
const KEY_BYTES = 32;
const NONCE_BYTES = 24;
/** What element 55 holds. */
const CHIP_BYTES_MAX = 255;
/** Has an element of its own. */
const SEQUENCE_TAG = 0x5f34;

export interface OpenedCard {
  /** ASCII digits. Overwrite it with `forget`. */
  number: Uint8Array;
  /** YYMM. */
  expiry: Uint8Array;
  entry: SealedEntry;
  /** Of a card at a reader: element 23, three digits, where the card has one, and element 55. */
  sequence?: string;
  chip?: Uint8Array;
}

/** Opens a credential that the payer or a card reader sealed, and checks what it is bound to. */
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
  const read = plain && readSealedPlain(plain);
  plain?.fill(0);
  if (read === undefined) return "credential-invalid";
  const { number, expiry, entryMethod, chip } = read;
  const isBound =
    binding.offer.length === 16 &&
    binding.offer.every((byte, i) => byte === read.offer[i]) &&
    read.amountMinor === binding.amountMinor &&
    read.currency === binding.currency;
  const element = chip && chipBytes(chip);
  const fits = element === undefined || element.length <= CHIP_BYTES_MAX;
  if (!isBound || !fits) {
    number.fill(0);
    return isBound ? "credential-invalid" : "credential-mismatch";
  }
  const sequence = chip?.get(SEQUENCE_TAG)?.[0]?.toString(16).padStart(3, "0");
  const hasSequence = sequence !== undefined && /^\d{3}$/.test(sequence);
  return {
    ...{ number, expiry, entry: entryMethod },
    ...(hasSequence && { sequence }),
    ...(element !== undefined && { chip: element }),
  };
}

/** In the order of the layout. */
function chipBytes(chip: ChipData): Uint8Array {
  const parts = SEALED_TAGS.flatMap((tag) => {
    const value = tag === SEQUENCE_TAG ? undefined : chip.get(tag);
    return value === undefined ? [] : [...writeTlv(tag, value)];
  });
  return Uint8Array.from(parts);
}

/** Elements that are in the message and nowhere else. */
export function cardElements(card: OpenedCard): readonly (readonly [number, FieldValue])[] {
  const { number, expiry, sequence, chip } = card;
  return [
    [DE.pan, number],
    [DE.expiry, expiry],
    ...(sequence === undefined ? [] : [[DE.sequence, sequence] as const]),
    ...(chip === undefined ? [] : [[DE.chip, chip] as const]),
  ];
}

export function forget(card: OpenedCard): void {
  card.number.fill(0);
  card.expiry.fill(0);
  card.chip?.fill(0);
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
  { number, entry }: OpenedCard,
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
    entryMethod: entry,
    token: Array.from(token, (byte) => byte.toString(16).padStart(2, "0")).join(""),
  };
}
