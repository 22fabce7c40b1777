// What a consumer may spend in all, by currency, from when the limit was set: charged so far, and what is open,
// which counts in full until it is settled. The record changes in one commit with the purchase, so that two
// payments at once, of two processes even, never pass it together.

import type { Store, StoreWrite } from "../../hal/store.ts";
import { formatMinor } from "../money.ts";
import { amountMinor, currency, orderId } from "../protocol/messages.ts";
import { readRecord, writeRecord } from "../protocol/record.ts";
import { field, list, map, type Of, uint } from "../protocol/schema.ts";
import { fail, ok, type Result } from "../result.ts";
import { type Offer, peekOffer } from "../token/offer.ts";
import { peekReceipt } from "../token/receipt.ts";
import type { Purchase, Purchases } from "./purchase.ts";
import type { Counting } from "./purchase-pruning.ts";

/** Orders of which it is not settled what they cost. */
const OPEN_MAX = 64;
const KIND = "spending";

const spendingRecord = map({
  currency: field(1, currency),
  limitMinor: field(2, amountMinor),
  /** By closed orders. */
  spentMinor: field(3, uint(Number.MAX_SAFE_INTEGER)),
  open: field(4, list(orderId, OPEN_MAX)),
  /** One more at each change, so that no two bodies are the same. */
  changes: field(5, uint(Number.MAX_SAFE_INTEGER)),
});
type SpendingRecord = Of<typeof spendingRecord>;

export interface SpendingLimit {
  /** ISO 4217. */
  currency: string;
  amountMinor: number;
}

/** How much of a limit is used. */
export interface Spent {
  currency: string;
  limitMinor: number;
  spentMinor: number;
  /** Offered totals of what is being paid, or paid and not settled. */
  openMinor: number;
}

interface Counted extends Spent {
  open: readonly string[];
  changes: number;
  was: string;
}

export class Spending {
  readonly #store: Store;
  readonly #purchases: Purchases;

  constructor(store: Store, purchases: Purchases) {
    this.#store = store;
    this.#purchases = purchases;
  }

  /** Begins to count from nothing; orders that are open already do not count. Throws HalError. */
  async limit({ currency: code, amountMinor: limitMinor }: SpendingLimit): Promise<void> {
    const record = { currency: code, limitMinor, spentMinor: 0, open: [], changes: 0 };
    await this.#store.commit([writeRecord(spendingRecord, KIND, code, record)]);
  }

  /** Takes every limit away. Throws HalError. */
  async unlimit(): Promise<void> {
    const writes = (await this.#store.list(KIND)).map(({ id }) => ({ kind: KIND, id, body: null }));
    if (writes.length > 0) await this.#store.commit(writes);
  }

  /** Every limit, ordered by currency. Throws HalError. */
  async list(): Promise<readonly Spent[]> {
    const all: Spent[] = [];
    for (const { id, body } of await this.#store.list(KIND)) {
      const { open: _, changes: __, was: ___, ...spent } = await this.#counted(id, body);
      all.push(spent);
    }
    return all;
  }

  /** Errors: `over-limit`. Throws HalError. */
  async check(offer: Offer): Promise<Result<void>> {
    const counted = await this.#room(offer);
    return counted.ok ? ok(undefined) : counted;
  }

  /**
   * What to commit together with a purchase that is paid from now on, with at most `mostMinor` where that is more
   * than the offer's total. Errors: `over-limit`, `too-many`.
   */
  async reserve(offer: Offer, mostMinor = 0): Promise<Result<readonly StoreWrite[]>> {
    const totalMinor = Math.max(offer.totalMinor, mostMinor);
    const room = await this.#room({ ...offer, totalMinor });
    if (!room.ok) return room;
    if (room.value === undefined) return ok([]);
    const { currency: code, limitMinor, spentMinor, open, changes, was } = room.value;
    const others = open.filter((id) => id !== offer.id);
    if (others.length >= OPEN_MAX) return fail("too-many", "finish or end an order first");
    const next: SpendingRecord = {
      currency: code,
      limitMinor,
      spentMinor,
      open: [...others, offer.id],
      changes: changes + 1,
    };
    return ok([{ ...writeRecord(spendingRecord, KIND, code, next), was }]);
  }

  async #room({ currency: code, totalMinor }: Offer): Promise<Result<Counted | undefined>> {
    const limits = await this.#store.list(KIND);
    if (limits.length === 0) return ok(undefined);
    const limit = limits.find(({ id }) => id === code);
    if (limit === undefined) {
      const others = limits.map(({ id }) => id).join(", ");
      return fail("over-limit", `spending is limited to ${others}`, "offer.currency");
    }
    const counted = await this.#counted(code, limit.body);
    const { limitMinor, spentMinor, openMinor } = counted;
    if (spentMinor + openMinor + totalMinor <= limitMinor) return ok(counted);
    const money = (minor: number): string => formatMinor(minor, code);
    const used = `${money(spentMinor)} is spent and ${money(openMinor)} open`;
    return fail(
      "over-limit",
      `${money(totalMinor)} more would pass the spending limit of ${money(limitMinor)}: ${used}`,
      "offer.totalMinor",
    );
  }

  async #counted(code: string, was: string): Promise<Counted> {
    const record = readRecord(spendingRecord, KIND, code, was);
    const open: string[] = [];
    let { spentMinor } = record;
    let openMinor = 0;
    let failed = 0;
    for (const id of [...record.open].reverse()) {
      const purchase = await this.#purchases.get(id);
      if (purchase === undefined || purchase.state === "quoted") continue;
      if (purchase.state === "closed") {
        spentMinor += chargedMinor(purchase);
        continue;
      }
      // Another process may still be told that this one was taken after all; the latest are kept.
      if (purchase.state === "failed") {
        failed += 1;
        if (failed > OPEN_MAX / 2) continue;
      } else openMinor += totalMinorOf(purchase);
      open.push(id);
    }
    open.reverse();
    const { limitMinor, changes } = record;
    return { currency: code, limitMinor, spentMinor, openMinor, open, changes, was };
  }
}

/** The orders that limits count as open. Throws HalError. */
export async function limitedOrders(store: Store): Promise<Counting> {
  const records = await store.list(KIND);
  const orders = records.flatMap(({ id, body }) => readRecord(spendingRecord, KIND, id, body).open);
  return { kind: KIND, records, orders };
}

/** Offers and receipts were verified before they were journaled. */
function totalMinorOf({ offer, maximumMinor = 0 }: Purchase): number {
  const read = peekOffer(offer);
  return Math.max(read.ok ? read.value.totalMinor : 0, maximumMinor);
}

/** What the device has kept of the money, or says was due; what it owes back it has. */
function chargedMinor(purchase: Purchase): number {
  const last = purchase.receipts.at(-1);
  const read = last && peekReceipt(last);
  if (!read?.ok || read.value.is !== "settlement") return totalMinorOf(purchase);
  const { amountMinor: dueMinor, capturedMinor, refundedMinor } = read.value;
  return Math.max(capturedMinor - refundedMinor, dueMinor);
}
