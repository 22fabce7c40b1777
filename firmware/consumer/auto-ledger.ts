// What a standing need has cost so far, kept in the consumer's store under the need's name: money that may
// move is written down before it is asked to move, so a crash at any moment forgets nothing that was spent.

import { HalError } from "../../hal/hal-error.ts";
import type { Store, StoreWrite } from "../../hal/store.ts";
import { amountMinor, currency, orderId } from "../protocol/messages.ts";
import { readRecord, writeRecord } from "../protocol/record.ts";
import { field, int, list, map, type Of, optional, tuple, uint } from "../protocol/schema.ts";
import { fail, ok, type Result } from "../result.ts";
import { peekReceipt, type SettlementReceipt } from "../token/receipt.ts";
import type { Purchase } from "./purchase.ts";
import type { Counting } from "./purchase-pruning.ts";

/** Orders of one need that are paid, or may be, and not settled yet. */
export const OPEN_MAX = 8;
const MILLI_MAX = 1_000_000_000_000;
const TIMES_MAX = 1_000_000_000;

const standing = map({
  currency: field(1, currency),
  /** Charged by settled orders. */
  spentMinor: field(2, uint(Number.MAX_SAFE_INTEGER)),
  /** Orders that may cost money yet: each counts in full until its settlement says what it cost. */
  open: field(3, list(tuple({ order: orderId, totalMinor: amountMinor }), OPEN_MAX)),
  /** Settled orders that delivered something. */
  purchases: field(4, uint(TIMES_MAX)),
  /** Delivered over all of them, in thousandths of a unit. */
  milliUnits: field(5, uint(Number.MAX_SAFE_INTEGER)),
  /** When the last purchase was paid, by the wall clock. */
  lastMs: optional(6, uint(Number.MAX_SAFE_INTEGER)),
  /** What is left of what was bought, in thousandths of a unit, and when that was so. */
  level: optional(
    7,
    tuple({ milliUnits: int(-MILLI_MAX, MILLI_MAX), atMs: uint(Number.MAX_SAFE_INTEGER) }),
  ),
});

export type Standing = Readonly<Of<typeof standing>>;

const KIND = "auto";

export class AutoLedger {
  readonly #store: Store;
  readonly #name: string;
  #body: string | null;
  #now: Standing;

  private constructor(store: Store, name: string, body: string | null, now: Standing) {
    this.#store = store;
    this.#name = name;
    this.#body = body;
    this.#now = now;
  }

  /** Error: `usage` when money in another currency was spent under that name. Throws HalError. */
  static async open(store: Store, name: string, wanted: string): Promise<Result<AutoLedger>> {
    const body = await store.get(KIND, name);
    const fresh = { currency: wanted, spentMinor: 0, open: [], purchases: 0, milliUnits: 0 };
    const now = body === undefined ? fresh : readRecord(standing, KIND, name, body);
    if (now.currency === wanted) return ok(new AutoLedger(store, name, body ?? null, now));
    return fail(
      "usage",
      `${name} has spent ${now.currency} before: give this need another name`,
      "budget.currency",
    );
  }

  get now(): Standing {
    return this.#now;
  }

  /** What is charged, and what the open orders may still cost. */
  get committedMinor(): number {
    return this.#now.open.reduce((sum, { totalMinor }) => sum + totalMinor, this.#now.spentMinor);
  }

  /** Error: `exists` when another process works on the same need; nothing was written then. Throws HalError. */
  async change(change: Partial<Standing>): Promise<Result<void>> {
    const next = { ...this.#now, ...change };
    const write: StoreWrite = writeRecord(standing, KIND, this.#name, next);
    try {
      await this.#store.commit([{ ...write, was: this.#body }]);
    } catch (error) {
      if (!(error instanceof HalError) || error.kind !== "changed") throw error;
      return fail("exists", `another process is buying for ${this.#name}: stop one of the two`);
    }
    this.#body = write.body;
    this.#now = next;
    return ok(undefined);
  }
}

/** The open orders of every need. Throws HalError. */
export async function standingOrders(store: Store): Promise<Counting> {
  const records = await store.list(KIND);
  const orders = records.flatMap(({ id, body }) =>
    readRecord(standing, KIND, id, body).open.map(({ order }) => order),
  );
  return { kind: KIND, records, orders };
}

/** What an order has cost and brought, once that is final; undefined while it may still change. */
export function outcomeOf(
  purchase: Purchase | undefined,
): { chargedMinor: number; milliUnits: number } | undefined {
  // Nothing was asked to move before the step after `quoted` was written; a failed payment moved nothing.
  if (purchase?.state === "quoted" || purchase?.state === "failed") {
    return { chargedMinor: 0, milliUnits: 0 };
  }
  if (purchase?.state !== "closed") return undefined;
  const settlement = settlementOf(purchase);
  if (settlement === undefined) return undefined;
  const { capturedMinor, refundedMinor, milliUnits } = settlement;
  return { chargedMinor: capturedMinor - refundedMinor, milliUnits };
}

/** Receipts were verified before they were journaled. */
function settlementOf({ receipts }: Purchase): SettlementReceipt | undefined {
  for (const signed of receipts) {
    const read = peekReceipt(signed);
    if (read.ok && read.value.is === "settlement") return read.value;
  }
  return undefined;
}
