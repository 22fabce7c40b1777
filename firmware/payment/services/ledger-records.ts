// Accounts that a device keeps for its customers, and what was taken from them for each transaction: as records.

import type { Crypto } from "../../../hal/crypto.ts";
import { toHex, utf8 } from "../../bytes.ts";
import {
  field,
  flag,
  int,
  list,
  map,
  type Of,
  optional,
  text,
  uint,
} from "../../protocol/schema.ts";
import { byName } from "../../protocol/schema-open.ts";
import { MODEL_AMOUNT_MAX, minor, RATE_MILLIONTHS_MAX, signedMinor } from "../model/amounts.ts";

export const ACCOUNT_KIND = "account";
export const ENTRY_KIND = "account-entry";

export const UNITS_MAX = 8;
/** Steps of one transaction, and loads of an account, that are known again when they are repeated. */
export const STEPS_MAX = 32;
export const LOADS_MAX = 16;

/** What is named by others is held under a record's name: see `recordName`. */
const name = text(64);

export const accountRecord = map({
  /** By unit: a currency in minor units, or points. Below zero where what was spent had to be taken back. */
  balances: field(1, byName(signedMinor, UNITS_MAX, 8)),
  /** The last loads, by the key of each, so that one that is repeated does nothing. */
  loads: field(2, list(name, LOADS_MAX)),
});
export type Account = Readonly<Of<typeof accountRecord>>;

export const NEW_ACCOUNT: Account = Object.freeze({ balances: {}, loads: [] });

const earning = map({
  /** Of what was paid otherwise, and what of it was given back. */
  ofMinor: field(1, minor),
  backMinor: field(2, minor),
  /** For so much paid, one unit. */
  perMinor: field(3, int(1, MODEL_AMOUNT_MAX)),
});

export const entryRecord = map({
  transaction: field(1, name),
  account: field(2, name),
  unit: field(3, text(8)),
  /** Paid by the account, and given back to it. */
  takenMinor: field(4, minor),
  backMinor: field(5, minor),
  /** What one unit pays. */
  worthMinor: field(6, int(1, RATE_MILLIONTHS_MAX)),
  earning: optional(7, earning),
  steps: field(8, list(map({ key: field(1, name), minor: field(2, minor) }), STEPS_MAX)),
  /** Given back as a whole: nothing is taken for this transaction any more. */
  isClosed: field(9, flag),
  atMs: field(10, uint(Number.MAX_SAFE_INTEGER)),
});
export type Entry = Readonly<Of<typeof entryRecord>>;

/** Units that an entry has cost its account. What is given back of a part of a unit comes with the rest of it. */
export function spentUnits({ takenMinor, backMinor, worthMinor }: Entry): number {
  return Math.ceil((takenMinor - backMinor) / worthMinor);
}

/** Units that an entry has brought its account. */
export function earnedUnits({ earning: earned }: Entry): number {
  return earned === undefined
    ? 0
    : Math.floor((earned.ofMinor - earned.backMinor) / earned.perMinor);
}

/** A name that is fit for a record's id: a short plain one as it is, in small letters where it is hexadecimal. */
export function recordName(name: string, crypto: Pick<Crypto, "digest">): string {
  if (/^[0-9a-fA-F]{16,64}$/.test(name)) return name.toLowerCase();
  // Of those that are digested none begins like one that is not.
  if (/^[\w./:-]{1,48}$/.test(name) && !name.startsWith("digest:")) return name;
  return `digest:${toHex(crypto.digest(utf8(name)).slice(0, 16))}`;
}
