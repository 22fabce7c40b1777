// Accounts of one service in the device's store. Whatever moves is one commit, durable before anybody is told; for
// each transaction it moves once, however often it is asked for, and once it was given back it never moves again.

import type { Clock } from "../../../hal/clock.ts";
import type { Crypto } from "../../../hal/crypto.ts";
import { HalError } from "../../../hal/hal-error.ts";
import type { Store, StoreWrite } from "../../../hal/store.ts";
import { assert } from "../../assert.ts";
import { readRecord, writeRecord } from "../../protocol/record.ts";
import { MODEL_AMOUNT_MAX } from "../model/amounts.ts";
import {
  ACCOUNT_KIND,
  type Account,
  accountRecord,
  ENTRY_KIND,
  type Entry,
  earnedUnits,
  entryRecord,
  LOADS_MAX,
  NEW_ACCOUNT,
  recordName,
  STEPS_MAX,
  spentUnits,
  UNITS_MAX,
} from "./ledger-records.ts";

/** Entries that are kept, far more than orders stay open: beyond, the oldest goes of which nothing is left, if any. */
const ENTRIES_MAX = 4_000;
const ACCOUNTS_MAX = 10_000;

export interface LedgerPorts {
  store: Store;
  clock: Clock;
  crypto: Pick<Crypto, "digest">;
}

export interface Taking {
  transaction: string;
  account: string;
  /** A currency, or points. */
  unit: string;
  mostMinor: number;
  /** Else all of it or nothing. */
  isPart: boolean;
  /** What one unit pays; 1 for money. */
  worthMinor: number;
}

export interface Earning {
  transaction: string;
  /** That of the transaction where it is left out. */
  account: string | undefined;
  unit: string;
  /** What was paid, and for how much of it there is a unit. */
  ofMinor: number;
  perMinor: number;
  worthMinor: number;
  /** Once for each step. */
  step: string;
}

export interface Earned {
  units: number;
  balance: number;
}

/** All of it, heard of or not; or if it is known; or a part, or all but a part, once for each step. */
export type GiveBack =
  | { what: "all" }
  | { what: "known" }
  | { what: "part"; minor: number; step: string }
  | { what: "all-but"; keepMinor: number; step: string };

interface Change {
  entry: Entry;
  before: Entry | undefined;
}

export class Ledger {
  readonly #ports: LedgerPorts;
  readonly #service: string;
  #last: Promise<unknown> = Promise.resolve();
  /** By record id, the oldest first: whether anything is left that may be given back. */
  #entries: Map<string, boolean> | undefined;
  #accounts = new Set<string>();

  constructor(service: string, ports: LedgerPorts) {
    this.#service = service;
    this.#ports = ports;
  }

  /** By unit. HalError as the store, here and in all others. */
  balances(account: string): Promise<Account["balances"]> {
    return this.#alone(async () => (await this.#account(this.#name(account))).value.balances);
  }

  /** What the account pays of it, in minor units; 0 where it cannot. The same for the same transaction. */
  take(asked: Taking): Promise<number> {
    return this.#alone(async () => {
      const { transaction, unit, mostMinor, isPart, worthMinor } = asked;
      const account = this.#name(asked.account);
      const before = await this.#entry(transaction);
      if (before?.isClosed === true) return 0;
      const isHis = before?.account === account && before.unit === unit;
      if (before !== undefined && before.takenMinor > 0) {
        return isHis ? before.takenMinor - before.backMinor : 0;
      }
      if (before !== undefined && !isHis) return 0;
      const { balances } = (await this.#account(account)).value;
      const units = Math.max(0, balanceOf(balances, unit));
      const takenMinor = Math.min(Math.floor(mostMinor / worthMinor), units) * worthMinor;
      if (takenMinor === 0 || (!isPart && takenMinor < mostMinor)) return 0;
      const entry = { ...(before ?? this.#newEntry({ ...asked, account })), takenMinor };
      await this.#move({ entry, before });
      return takenMinor;
    });
  }

  /**
   * What was given back, in minor units; undefined where it is more than there is. Giving back all of a transaction
   * that was never heard of succeeds, and nothing is taken for it afterwards.
   */
  giveBack(transaction: string, how: GiveBack): Promise<number | undefined> {
    return this.#alone(async () => {
      const before = await this.#entry(transaction);
      if (how.what === "known" && before === undefined) return 0;
      if (how.what === "all" || how.what === "known") {
        return this.#giveBackAll(transaction, before);
      }
      if (before === undefined) return undefined;
      const leftMinor = before.takenMinor - before.backMinor;
      const step = this.#name(how.step);
      const done = before.steps.find(({ key }) => key === step);
      if (how.what === "all-but" && done !== undefined) return done.minor;
      const minor = how.what === "part" ? how.minor : Math.max(0, leftMinor - how.keepMinor);
      if (done !== undefined) return done.minor === minor ? minor : undefined;
      if (minor > leftMinor || before.steps.length >= STEPS_MAX) return undefined;
      const steps = [...before.steps, { key: step, minor }];
      const entry = { ...before, backMinor: before.backMinor + minor, steps };
      await this.#move({ entry, before });
      return minor;
    });
  }

  /** What is taken for a transaction and not given back. */
  left(transaction: string): Promise<number> {
    return this.#alone(async () => {
      const entry = await this.#entry(transaction);
      return entry === undefined ? 0 : entry.takenMinor - entry.backMinor;
    });
  }

  /** Puts units into an account, once for each key; the balance, undefined where it would be above `balanceMax`. */
  load(
    accountName: string,
    unit: string,
    units: number,
    loadKey: string,
    balanceMax: number,
  ): Promise<number | undefined> {
    return this.#alone(async () => {
      const [account, key] = [this.#name(accountName), this.#name(loadKey)];
      const { value, was } = await this.#account(account);
      const balance = balanceOf(value.balances, unit);
      if (value.loads.includes(key)) return balance;
      if (balance + units > balanceMax || !this.#hasRoom(account, value, unit)) return undefined;
      const loads = [...value.loads, key].slice(-LOADS_MAX);
      const balances = { ...value.balances, [unit]: balance + units };
      await this.#ports.store.commit([this.#accountWrite(account, { balances, loads }, was)]);
      this.#accounts.add(this.#id(account));
      return balance + units;
    });
  }

  /** What this step brought, in units, and the balance; undefined where nobody is known, or there is no room. */
  earn(asked: Earning): Promise<Earned | undefined> {
    return this.#alone(async () => {
      const { transaction, unit, ofMinor, perMinor } = asked;
      const step = this.#name(asked.step);
      const before = await this.#entry(transaction);
      const payer = asked.account === undefined ? before?.account : this.#name(asked.account);
      if (payer === undefined) return undefined;
      const start = before ?? this.#newEntry({ ...asked, account: payer });
      const { value } = await this.#account(payer);
      const isOther = start.account !== payer || start.unit !== unit || start.isClosed;
      if (isOther || !this.#hasRoom(payer, value, unit)) return undefined;
      const balance = balanceOf(value.balances, unit);
      const isDone = start.steps.some(({ key }) => key === step);
      if (isDone || start.steps.length >= STEPS_MAX) return { units: 0, balance };
      const earned = start.earning ?? { ofMinor: 0, backMinor: 0, perMinor };
      const entry = {
        ...start,
        earning: { ...earned, ofMinor: Math.min(earned.ofMinor + ofMinor, MODEL_AMOUNT_MAX) },
        steps: [...start.steps, { key: step, minor: ofMinor }],
      };
      await this.#move({ entry, before });
      const units = earnedUnits(entry) - earnedUnits(start);
      return { units, balance: balance + units };
    });
  }

  /** So much of what units were earned for was given back, once for each step; all of it where no amount is said. */
  unearn(transaction: string, stepKey: string, minor = MODEL_AMOUNT_MAX): Promise<void> {
    return this.#alone(async () => {
      const step = this.#name(stepKey);
      const before = await this.#entry(transaction);
      const { earning: earned, steps = [] } = before ?? {};
      const isDone = steps.some(({ key }) => key === step) || steps.length >= STEPS_MAX;
      if (before === undefined || earned === undefined || isDone) return;
      const backMinor = Math.min(earned.ofMinor, earned.backMinor + minor);
      const entry = {
        ...before,
        earning: { ...earned, backMinor },
        steps: [...steps, { key: step, minor }],
      };
      await this.#move({ entry, before });
    });
  }

  async #giveBackAll(transaction: string, before: Entry | undefined): Promise<number> {
    if (before?.isClosed === true) return 0;
    const start =
      before ?? this.#newEntry({ transaction, account: "nobody", unit: "", worthMinor: 1 });
    const { earning: earned } = start;
    const entry = {
      ...start,
      backMinor: start.takenMinor,
      ...(earned && { earning: { ...earned, backMinor: earned.ofMinor } }),
      isClosed: true,
    };
    await this.#move({ entry, before });
    return start.takenMinor - start.backMinor;
  }

  /** The entry and what it does to its account, both or neither. */
  async #move({ entry, before }: Change): Promise<void> {
    const { store } = this.#ports;
    const id = this.#id(entry.transaction);
    const writes: StoreWrite[] = [writeRecord(entryRecord, ENTRY_KIND, id, entry)];
    const start = before ?? { ...entry, takenMinor: 0, backMinor: 0 };
    const startEarned = before === undefined ? 0 : earnedUnits(before);
    const by = spentUnits(start) - spentUnits(entry) + earnedUnits(entry) - startEarned;
    if (by !== 0) {
      const account = await this.#account(entry.account);
      const { balances } = account.value;
      const balance = balanceOf(balances, entry.unit) + by;
      const value = { ...account.value, balances: { ...balances, [entry.unit]: balance } };
      writes.push(this.#accountWrite(entry.account, value, account.was));
    }
    const entries = await this.#index();
    const old = entries.has(id) || entries.size < ENTRIES_MAX ? undefined : oldest(entries);
    if (old !== undefined) writes.push({ kind: ENTRY_KIND, id: old, body: null });
    await store.commit(writes);
    if (old !== undefined) entries.delete(old);
    entries.set(id, hasLeft(entry));
    if (by !== 0) this.#accounts.add(this.#id(entry.account));
  }

  async #index(): Promise<Map<string, boolean>> {
    if (this.#entries !== undefined) return this.#entries;
    const { store } = this.#ports;
    const mine = `${this.#service}/`;
    const entries = (await store.list(ENTRY_KIND))
      .filter(({ id }) => id.startsWith(mine))
      .map(({ id, body }) => ({ id, ...summaryOf(id, body) }))
      .sort((a, b) => a.atMs - b.atMs);
    const accounts = (await store.list(ACCOUNT_KIND)).map(({ id }) => id);
    this.#accounts = new Set(accounts.filter((id) => id.startsWith(mine)));
    this.#entries = new Map(entries.map(({ id, isLeft }) => [id, isLeft]));
    return this.#entries;
  }

  #hasRoom(account: string, { balances }: Account, unit: string): boolean {
    const isKnown = Object.hasOwn(balances, unit) || Object.keys(balances).length < UNITS_MAX;
    return isKnown && (this.#accounts.has(this.#id(account)) || this.#accounts.size < ACCOUNTS_MAX);
  }

  /** Of an account by its record's name. */
  #newEntry(of: Pick<Taking, "transaction" | "account" | "unit" | "worthMinor">): Entry {
    const { transaction, account, unit, worthMinor } = of;
    const nothing = { takenMinor: 0, backMinor: 0, steps: [], isClosed: false };
    const atMs = Math.max(0, this.#ports.clock.wallMs());
    return { transaction: this.#name(transaction), account, unit, worthMinor, ...nothing, atMs };
  }

  async #entry(transaction: string): Promise<Entry | undefined> {
    await this.#index();
    const id = this.#id(this.#name(transaction));
    const body = await this.#ports.store.get(ENTRY_KIND, id);
    return body === undefined ? undefined : readRecord(entryRecord, ENTRY_KIND, id, body);
  }

  async #account(account: string): Promise<{ value: Account; was: string | null }> {
    await this.#index();
    const id = this.#id(account);
    const body = await this.#ports.store.get(ACCOUNT_KIND, id);
    if (body === undefined) return { value: NEW_ACCOUNT, was: null };
    return { value: readRecord(accountRecord, ACCOUNT_KIND, id, body), was: body };
  }

  #accountWrite(account: string, value: Account, was: string | null): StoreWrite {
    return { ...writeRecord(accountRecord, ACCOUNT_KIND, this.#id(account), value), was };
  }

  #name(name: string): string {
    return recordName(name, this.#ports.crypto);
  }

  #id(name: string): string {
    return `${this.#service}/${name}`;
  }

  /** One after the other: what is read is still so when it is written. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }
}

/** One that is damaged is in nobody's way but its own transaction's. */
function summaryOf(id: string, body: string): { atMs: number; isLeft: boolean } {
  try {
    const entry = readRecord(entryRecord, ENTRY_KIND, id, body);
    return { atMs: entry.atMs, isLeft: hasLeft(entry) };
  } catch (error) {
    if (!(error instanceof HalError)) throw error;
    return { atMs: 0, isLeft: true };
  }
}

function hasLeft({ takenMinor, backMinor }: Entry): boolean {
  return takenMinor > backMinor;
}

function oldest(entries: ReadonlyMap<string, boolean>): string | undefined {
  const [settled] = [...entries].find(([, isLeft]) => !isLeft) ?? [];
  return settled ?? entries.keys().next().value;
}

function balanceOf(balances: Account["balances"], unit: string): number {
  const balance = Object.hasOwn(balances, unit) ? (balances[unit] ?? 0) : 0;
  assert(Number.isSafeInteger(balance), "a balance is an integer");
  return balance;
}
