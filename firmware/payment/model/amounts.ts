// Amounts: what goods and services cost (base) and what comes on top by name (a tip, a charge). Integers in the
// currency's minor unit; every fraction is an integer ratio, so nothing is lost to floating point.

import {
  field,
  int,
  map,
  named,
  type Of,
  optional,
  refuse,
  text,
  uint,
} from "../../protocol/schema.ts";
import { byName } from "../../protocol/schema-open.ts";
import { refined } from "./refined.ts";

/** Above any amount that a device sells for, below what an integer of ours can hold exactly in all sums. */
export const MODEL_AMOUNT_MAX = 1_000_000_000_000;
export const ADDITIONAL_AMOUNTS_MAX = 8;
export const IDENTIFIER_BYTES_MAX = 32;
export const RATE_MILLIONTHS_MAX = 1_000_000_000_000;
/** The ISO 4217 code of no currency: only for nothing. */
export const NO_CURRENCY = "XXX";

export const minor = uint(MODEL_AMOUNT_MAX);
export const signedMinor = int(-MODEL_AMOUNT_MAX, MODEL_AMOUNT_MAX);

/** ISO 4217, three capitals; whether such a currency exists is not known here. */
export function isCurrency(code: unknown): code is string {
  return typeof code === "string" && /^[A-Z]{3}$/.test(code);
}

const currencyCode = refined(text(3), (code, at) => {
  if (!isCurrency(code)) refuse(at, "must be three capital letters");
});

export const amount = named(
  "amount",
  map({ value: field(1, signedMinor), currency: field(2, currencyCode) }),
);
/** One amount in minor units. */
export type Amount = Readonly<Of<typeof amount>>;

const shape = map({
  /** ISO 4217; the code of no currency (three X) for a zero of none. */
  currency: field(1, currencyCode),
  base: field(2, minor),
  /** By identifier, such as `tip`; tax is never one: it is contained in the base. */
  additional: field(3, byName(minor, ADDITIONAL_AMOUNTS_MAX, IDENTIFIER_BYTES_MAX)),
  /** Where they were converted: from which currency, at how many millionths of this one for one of that. */
  converted: optional(
    4,
    map({ from: field(1, currencyCode), rateMillionths: field(2, int(1, RATE_MILLIONTHS_MAX)) }),
  ),
});

export const amounts = named(
  "amounts",
  refined(shape, ({ currency, base, additional }, at) => {
    const isNothing = base === 0 && Object.values(additional).every((value) => value === 0);
    if (currency === NO_CURRENCY && !isNothing) refuse(`${at}.currency`, "must be a currency");
  }),
);
export type Amounts = Readonly<Of<typeof amounts>>;
