// The acquirer's books: payments, what is left on accounts, and every message that was decided, by its key.

import { type BatchSums, emptySums } from "../../hal/drivers/iso8583-batch.ts";
import { type Account, type Accounts, masked } from "./accounts.ts";
import type { Entry } from "./entry.ts";

export interface Payment {
  key: string;
  reference: string;
  terminal: string;
  merchant: string;
  account: string;
  card: string;
  currency: string;
  atMs: number;
  authCode: string;
  authorisedMinor: number;
  heldUntilMs: number;
  capturedMinor: number;
  refundedMinor: number;
  /** By a reversal, of what was captured. */
  returnedMinor: number;
  reversed: boolean;
  isCaptured: boolean;
  evidence?: string;
  /** Of a card at a reader. */
  counter?: string;
  cryptogram?: string;
  /** Of the batches of its terminal in which it was taken and returned. */
  captureBatch?: string;
  returnBatch?: string;
  refunds: { batch: string; minor: number }[];
}

export class AcquirerBooks {
  readonly #accounts: Accounts;
  readonly #byNumber: ReadonlyMap<string, Account>;
  readonly #entries = new Map<string, Entry>();
  readonly #payments = new Map<string, Payment>();
  /** Payments of an account, by its name. */
  readonly #ofAccount = new Map<string, Payment[]>();
  /** Undone before they came: they never take effect. */
  readonly #undone = new Set<string>();
  readonly #closings: Entry[] = [];

  constructor(accounts: Accounts) {
    this.#accounts = accounts;
    this.#byNumber = new Map(accounts.accounts.map((account) => [account.number, account]));
  }

  payments(): readonly Payment[] {
    return [...this.#payments.values()];
  }

  payment(key: string): Payment | undefined {
    return this.#payments.get(key);
  }

  entry(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  entryCount(): number {
    return this.#entries.size;
  }

  isUndone(key: string): boolean {
    return this.#undone.has(key);
  }

  /** Undefined for a card that nobody has. */
  accountOf(number: string): Account | undefined {
    const known = this.#byNumber.get(number);
    if (known !== undefined || this.#accounts.others === "decline") return known;
    return { name: `other ${masked(number)}`, number };
  }

  /** In minor units; Infinity where the account has no end. */
  availableMinor({ name, balanceMinor }: Account, nowMs: number): number {
    if (balanceMinor === undefined) return Number.POSITIVE_INFINITY;
    return (this.#ofAccount.get(name) ?? []).reduce(
      (left, payment) => left - spentMinor(payment, nowMs),
      balanceMinor,
    );
  }

  /** What a card has begun under one value of its counter. */
  paymentsUnder(account: string, card: string, counter: string): readonly Payment[] {
    const payments = this.#ofAccount.get(account) ?? [];
    return payments.filter((payment) => payment.card === card && payment.counter === counter);
  }

  /** Reconciliations, in their order. */
  closings(): readonly Entry[] {
    return this.#closings;
  }

  /** What a terminal's batch holds of one currency; of all where it is empty. */
  batchSums(terminal: string, batch: string, currency: string): BatchSums {
    const sums = emptySums();
    for (const payment of this.#payments.values()) {
      const isOf = currency === "" || payment.currency === currency;
      if (payment.terminal === terminal && isOf) addPayment(sums, payment, batch);
    }
    return sums;
  }

  apply(entry: Entry): void {
    this.#entries.set(entry.key, entry);
    if (entry.code !== "00" && entry.code !== "10") return;
    switch (entry.action) {
      case "authorise":
      case "sale":
        this.#begin(entry);
        break;
      case "capture":
        this.#change(entry, (payment) => {
          payment.capturedMinor = entry.movedMinor;
          payment.isCaptured = true;
          payment.captureBatch = entry.batch ?? "";
          if (entry.evidence !== undefined) payment.evidence = entry.evidence;
        });
        break;
      case "refund":
        this.#change(entry, (payment) => {
          payment.refundedMinor += entry.movedMinor;
          payment.refunds.push({ batch: entry.batch ?? "", minor: entry.movedMinor });
        });
        break;
      case "reverse":
        this.#undo(entry);
        break;
      case "close":
        this.#closings.push(entry);
        break;
    }
  }

  #begin(entry: Entry): void {
    const { key, reference, terminal, merchant, currency, atMs, action, movedMinor } = entry;
    const { account = "", card = "", authCode = "", heldUntilMs = 0 } = entry;
    const isSale = action === "sale";
    const payment: Payment = {
      ...{ key, reference, terminal, merchant, account, card, currency, atMs, authCode },
      ...{ authorisedMinor: movedMinor, heldUntilMs, capturedMinor: isSale ? movedMinor : 0 },
      ...{ refundedMinor: 0, returnedMinor: 0, reversed: false, isCaptured: isSale, refunds: [] },
      ...(isSale && { captureBatch: entry.batch ?? "" }),
      ...(entry.counter !== undefined && { counter: entry.counter }),
      ...(entry.cryptogram !== undefined && { cryptogram: entry.cryptogram }),
    };
    this.#payments.set(key, payment);
    const others = this.#ofAccount.get(account) ?? [];
    others.push(payment);
    this.#ofAccount.set(account, others);
  }

  #change({ target }: Entry, change: (payment: Payment) => void): void {
    const payment = this.#payments.get(target);
    if (payment !== undefined) change(payment);
  }

  #undo({ target, batch = "" }: Entry): void {
    const undone = this.#entries.get(target);
    this.#undone.add(target);
    const payment = this.#payments.get(undone?.action === "capture" ? undone.target : target);
    if (payment === undefined || payment.reversed) return;
    payment.returnedMinor = payment.capturedMinor - payment.refundedMinor;
    payment.reversed = true;
    payment.returnBatch = batch;
  }
}

function addPayment(sums: BatchSums, payment: Payment, batch: string): void {
  const { isCaptured, capturedMinor, refunds, returnedMinor, captureBatch, returnBatch } = payment;
  // What was taken and given back whole within one batch is none of it.
  if (isCaptured && captureBatch === returnBatch && refunds.length === 0) return;
  if (isCaptured && captureBatch === batch) {
    sums.captures++;
    sums.capturedMinor += capturedMinor;
  }
  for (const refund of refunds) {
    if (refund.batch !== batch) continue;
    sums.refunds++;
    sums.refundedMinor += refund.minor;
  }
  if (returnBatch === batch && returnedMinor > 0) {
    sums.returns++;
    sums.returnedMinor += returnedMinor;
  }
}

/** What a payment takes off its account now. */
function spentMinor(payment: Payment, nowMs: number): number {
  return heldMinor(payment, nowMs) + netMinor(payment);
}

/** What is held and not taken. */
export function heldMinor(payment: Payment, nowMs: number): number {
  const { isCaptured, reversed, authorisedMinor, heldUntilMs } = payment;
  return isCaptured || reversed || nowMs >= heldUntilMs ? 0 : authorisedMinor;
}

/** What the merchant gets. */
export function netMinor({ capturedMinor, refundedMinor, returnedMinor }: Payment): number {
  return capturedMinor - refundedMinor - returnedMinor;
}
