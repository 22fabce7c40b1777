// The accounts behind the cards that the acquirer simulator knows: from a file, or the test cards that are built in.

import { formatMinor } from "../../firmware/money.ts";
import { fail, ok, type Result } from "../../firmware/result.ts";
import { TEST_CARDS } from "../../hal/sim/sim-payment-host.ts";
import { parseYaml, readText } from "../device-file.ts";

export interface Account {
  name: string;
  /** Card number, 12 to 19 digits. */
  number: string;
  /** Any, where there is none. */
  currency?: string;
  /** In minor units of the currency; without end where there is none. */
  balanceMinor?: number;
  /** YYMM; any where there is none. */
  expiry?: string;
}

export interface Accounts {
  accounts: readonly Account[];
  /** What becomes of a card that is none of them. */
  others: "approve" | "decline";
}

export const TEST_ACCOUNTS: Accounts = {
  accounts: Object.entries(TEST_CARDS).map(([name, number]) => ({ name, number })),
  others: "approve",
};

const ACCOUNTS_MAX = 10_000;
const BALANCE_MAX = 1_000_000_000_000;

/** A file of YAML or JSON. Errors: `not-found`, `malformed` with the field's path; no card number is quoted. */
export function readAccounts(path: string): Result<Accounts> {
  const listed = readList(path, "accounts", ACCOUNTS_MAX);
  if (!listed.ok) return listed;
  const { file, entries } = listed.value;
  const { others = "decline" } = file;
  if (others !== "approve" && others !== "decline") {
    return fail("malformed", `${path}: approve or decline is wanted`, "others");
  }
  const accounts: Account[] = [];
  const numbers = new Set<string>();
  for (const [index, entry] of entries.entries()) {
    const account = toAccount(entry, `accounts.${index}`);
    if (!account.ok)
      return fail("malformed", `${path}: ${account.fault.message}`, account.fault.at);
    if (numbers.has(account.value.number)) {
      return fail("malformed", `${path}: a card is listed twice`, `accounts.${index}.number`);
    }
    numbers.add(account.value.number);
    accounts.push(account.value);
  }
  return ok({ accounts, others });
}

function toAccount(entry: Readonly<Record<string, unknown>>, at: string): Result<Account> {
  const { name, number, currency, balanceMinor, expiry, ...rest } = entry;
  const [unknown] = Object.keys(rest);
  const wrong = (field: string, wanted: string): Result<never> =>
    fail("malformed", `${wanted} is wanted`, `${at}.${field}`);
  if (unknown !== undefined) return fail("malformed", "there is no such field", `${at}.${unknown}`);
  if (typeof name !== "string" || !/^[\w .-]{1,32}$/.test(name)) {
    return wrong("name", "a name of at most 32 letters and digits");
  }
  if (typeof number !== "string" || !/^\d{12,19}$/.test(number)) {
    return wrong("number", 'a card number of 12 to 19 digits in quotes ("4111...")');
  }
  if (currency !== undefined && !(typeof currency === "string" && /^[A-Z]{3}$/.test(currency))) {
    return wrong("currency", "a currency of three capitals");
  }
  if (balanceMinor !== undefined && !isWhole(balanceMinor, BALANCE_MAX)) {
    return wrong("balanceMinor", "a whole number of minor units");
  }
  if (balanceMinor !== undefined && currency === undefined) {
    return wrong("currency", "the currency of the balance");
  }
  if (expiry !== undefined && !(typeof expiry === "string" && /^\d{4}$/.test(expiry))) {
    return wrong("expiry", 'YYMM in quotes ("3012")');
  }
  return ok({
    ...{ name, number },
    ...(currency !== undefined && { currency }),
    ...(balanceMinor !== undefined && { balanceMinor }),
    ...(expiry !== undefined && { expiry }),
  });
}

/** A file with `version: 1` and a list under `key`. Errors: `not-found`, `malformed`. */
export function readList(
  path: string,
  key: string,
  entriesMax: number,
): Result<{
  file: Readonly<Record<string, unknown>>;
  entries: readonly Readonly<Record<string, unknown>>[];
}> {
  const text = readText(path);
  const parsed = text.ok ? parseYaml(text.value) : text;
  if (!parsed.ok) {
    const { kind, message, at } = parsed.fault;
    return fail(kind, `${path}: ${message}`, at);
  }
  const file = isObject(parsed.value) ? parsed.value : {};
  const entries = file[key];
  if (file["version"] !== 1) return fail("malformed", `${path}: version 1 is wanted`, "version");
  if (!Array.isArray(entries) || entries.length > entriesMax || !entries.every(isObject)) {
    return fail("malformed", `${path}: a list is wanted, of at most ${entriesMax}`, key);
  }
  return ok({ file, entries });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isWhole(value: unknown, max: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= max;
}

/** First six and last four digits. */
export function masked(number: string): string {
  return `${number.slice(0, 6)}******${number.slice(-4)}`;
}

/** What it starts with, for people. */
export function accountText({ name, number, currency, balanceMinor }: Account): string {
  const has =
    currency === undefined || balanceMinor === undefined
      ? "without end"
      : formatMinor(balanceMinor, currency);
  return `${masked(number)}  ${name}  ${has}`;
}
