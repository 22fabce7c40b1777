// What the board says of itself and of the purchase in an EMV transaction: amount, place, date, chance, and that nobody is
// there to ask for a secret code. Always online, so the floor limit is zero.

import type { CardReaderSetup, CardRequest } from "../card-reader.ts";
import { calendar } from "./calendar.ts";
import type { EmvPorts } from "./emv-read.ts";
import { currencyNumber } from "./iso8583-currency.ts";

export const TAG = {
  name: 0x4f,
  label: 0x50,
  track2: 0x57,
  number: 0x5a,
  processing: 0x82, // application interchange profile
  dfName: 0x84,
  dol1: 0x8c,
  methods: 0x8e, // ways to verify the cardholder
  files: 0x94, // which records to read (AFL)
  verification: 0x95, // terminal verification results
  date: 0x9a,
  type: 0x9c,
  expiry: 0x5f24,
  currency: 0x5f2a,
  sequence: 0x5f34,
  amount: 0x9f02,
  otherAmount: 0x9f03,
  issuerData: 0x9f10,
  country: 0x9f1a,
  time: 0x9f21,
  cryptogram: 0x9f26,
  cryptogramSort: 0x9f27,
  capabilities: 0x9f33,
  methodResult: 0x9f34,
  terminalType: 0x9f35,
  counter: 0x9f36,
  chance: 0x9f37,
  processingList: 0x9f38, // PDOL
  qualifiers: 0x9f66, // of the terminal, for cards in the field
} as const;

const NUMERIC: ReadonlySet<number> = new Set([
  ...[TAG.amount, TAG.otherAmount, TAG.country, TAG.currency],
  ...[TAG.date, TAG.time, TAG.type, TAG.terminalType],
]);

/** Reads chips; verifies nobody; checks no signatures of cards. */
const CAPABILITIES = [0x20, 0x08, 0x00];
/** Unattended, of a merchant, on- and offline. */
const TERMINAL_TYPE = 0x25;
/** EMV in the field, online, verification on the payer's own device welcome. */
const QUALIFIERS = [0x20, 0x80, 0x40, 0x00];

export function isNumeric(tag: number): boolean {
  return NUMERIC.has(tag);
}

/** By tag; undefined where cards cannot be asked for such a currency. The chance in it is new each time. */
export function terminalData(
  { amountMinor, currency }: CardRequest,
  { clock, entropy }: EmvPorts,
  { countryCode }: CardReaderSetup,
): Map<number, Uint8Array> | undefined {
  const currencyDigits = currencyNumber(currency);
  if (currencyDigits === undefined) return undefined;
  const { year, month, day, time } = calendar(clock.wallMs());
  return new Map([
    [TAG.amount, decimal(amountMinor, 6)],
    [TAG.otherAmount, decimal(0, 6)],
    [TAG.country, decimal(countryCode, 2)],
    [TAG.verification, new Uint8Array(5)],
    [TAG.currency, decimal(Number(currencyDigits), 2)],
    [TAG.date, decimal(Number(`${year % 100}${month}${day}`), 3)],
    [TAG.time, decimal(Number(time), 3)],
    [TAG.type, decimal(0, 1)],
    [TAG.chance, entropy.bytes(4)],
    [TAG.capabilities, Uint8Array.from(CAPABILITIES)],
    [TAG.terminalType, Uint8Array.of(TERMINAL_TYPE)],
    [TAG.qualifiers, Uint8Array.from(QUALIFIERS)],
  ]);
}

const NO_METHOD = 0x1f;
const METHOD_BITS = 0x3f;
/** Always; and where the terminal can do it, which it can. */
const CONDITIONS: ReadonlySet<number> = new Set([0x00, 0x03]);
const OFFLINE_PROOFS = 0x61;

/**
 * Verification results (95) and what became of the cardholder's (9F34), from the card's list of methods and its profile.
 * Nothing is done here: the one method that this terminal knows is none.
 */
export function verification(
  methods: Uint8Array | undefined,
  profile: Uint8Array,
): { results: Uint8Array; method: Uint8Array } {
  const results = new Uint8Array(5);
  // The card would prove itself here, and was not asked to.
  if (((profile[0] ?? 0) & OFFLINE_PROOFS) !== 0) results[0] = 0x80;
  // Above the floor limit, which is zero.
  results[3] = 0x80;
  // Two amounts stand before the rules.
  for (let at = 8; methods !== undefined && at + 1 < methods.length; at += 2) {
    const [method = 0, condition = 0] = methods.subarray(at, at + 2);
    if ((method & METHOD_BITS) === NO_METHOD && CONDITIONS.has(condition)) {
      return { results, method: Uint8Array.of(method, condition, 0x02) };
    }
  }
  const isAsked = methods !== undefined && methods.length > 8;
  if (isAsked) results[2] = 0x80;
  return { results, method: Uint8Array.of(0x3f, 0x00, isAsked ? 0x01 : 0x00) };
}

/** Decimal digits, two in a byte. */
function decimal(value: number, length: number): Uint8Array {
  const digits = String(value).padStart(2 * length, "0");
  return Uint8Array.from({ length }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}
