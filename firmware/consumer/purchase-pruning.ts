// Keeps a consumer's journal from growing for ever: of what is finished, only the newest stay. What may still
// cost money, or deliver, is never touched, however old; nor what a limit or a standing need still counts.

import { HalError } from "../../hal/hal-error.ts";
import type { Store, StoreRecord, StoreWrite } from "../../hal/store.ts";
import { standingOrders } from "./auto-ledger.ts";
import { termsOf } from "./prepaid-purchase.ts";
import { KIND, type Purchase, readPurchase } from "./purchase.ts";
import { limitedOrders } from "./spending.ts";

export const FINISHED_KEPT = 1_000;
/** So many more may lie there before the journal is looked through, so that not every start has to. */
export const SLACK = 100;
/** In one commit; the oldest go first, the rest at the next start. */
export const REMOVED_AT_ONCE_MAX = 1_000;
const DAY_MS = 24 * 3600 * 1000;

/** When it is by our own clock; undefined while that was never set, and then no offer counts as expired. */
type NowMs = number | undefined;

/** What counts orders that are not settled, as it stands in the store. */
export interface Counting {
  kind: string;
  records: readonly StoreRecord[];
  orders: readonly string[];
}

/** Gives how many went. Throws HalError `canceled` or `other`. */
export async function prunePurchases(store: Store, nowMs: NowMs): Promise<number> {
  try {
    const writes = await removals(store, nowMs);
    if (writes.length === 0) return 0;
    await store.commit(writes);
    return writes.filter(({ body }) => body === null).length;
  } catch (error) {
    // Another process is at work, there is no room to write, or what counts orders cannot be read: nothing
    // went, and the next start tries again. A sale is not stopped by it.
    if (error instanceof HalError && HARMLESS.has(error.kind)) return 0;
    throw error;
  }
}

const HARMLESS: ReadonlySet<HalError["kind"]> = new Set(["changed", "full", "corrupt"]);

async function removals(store: Store, nowMs: NowMs): Promise<readonly StoreWrite[]> {
  const records = await store.list(KIND);
  if (records.length <= FINISHED_KEPT + SLACK) return [];
  const counting = [await standingOrders(store), await limitedOrders(store)];
  const counted = new Set(counting.flatMap(({ orders }) => orders));
  const finished = records
    .filter(({ id }) => !counted.has(id))
    .flatMap((record) => finishedPurchase(record, nowMs))
    .sort((a, b) => a.madeMs - b.madeMs);
  const oldest = finished.slice(0, Math.max(0, finished.length - FINISHED_KEPT));
  if (oldest.length === 0) return [];
  const gone = oldest.slice(0, REMOVED_AT_ONCE_MAX);
  return [
    ...gone.map(({ id, body }) => ({ kind: KIND, id, body: null, was: body })),
    // Whoever counts orders must not have begun to count one of these meanwhile.
    ...counting.flatMap(({ kind, records: all }) =>
      all.map(({ id, body }) => ({ kind, id, body, was: body })),
    ),
  ];
}

interface Finished extends StoreRecord {
  madeMs: number;
}

/** None where it is not finished. One that cannot be read stays, for whoever asks for it. */
function finishedPurchase({ id, body }: StoreRecord, nowMs: NowMs): readonly Finished[] {
  try {
    const purchase = readPurchase(id, body);
    return isFinished(purchase, nowMs) ? [{ id, body, madeMs: purchase.madeMs ?? 0 }] : [];
  } catch (error) {
    if (error instanceof HalError) return [];
    throw error;
  }
}

function isFinished(purchase: Purchase, nowMs: NowMs): boolean {
  const { state, prepaid } = purchase;
  if (state === "closed" || state === "failed") return true;
  // An offer that nobody paid, or a token of which others had the rest.
  if (state !== "quoted" && prepaid === undefined) return false;
  const read = termsOf(purchase);
  return nowMs !== undefined && read.ok && 1000 * read.value.expiresS + DAY_MS < nowMs;
}
