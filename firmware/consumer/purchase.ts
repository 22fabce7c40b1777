// A consumer's record of one order, from the signed offer to the last receipt: kept so that each step can be a
// process of its own, and so that what was paid for can be proved later. Several processes of one identity
// write it at once, so every change is made from what is there at that moment, and none takes anything away.

import { HalError } from "../../hal/hal-error.ts";
import type { Store, StoreWrite } from "../../hal/store.ts";
import { assert } from "../assert.ts";
import {
  amountMinor,
  CHAIN_UNITS_MAX,
  currency,
  orderId,
  SESSIONS_MAX,
  SIGNED_BYTES_MAX,
  STEP_UNITS_MAX,
  WINDOW_UNITS_MAX,
} from "../protocol/messages.ts";
import { readRecord, writeRecord } from "../protocol/record.ts";
import {
  bytes,
  field,
  flag,
  list,
  map,
  type Of,
  oneOf,
  optional,
  text,
  uint,
} from "../protocol/schema.ts";
import { EXTRA_NAME_BYTES_MAX, EXTRAS_MAX } from "../token/receipt.ts";

/** `paying` is written before the request goes out: from then on money may have moved. */
const STATES = { quoted: 1, paying: 2, paid: 3, failed: 4, closed: 5 } as const;

const PAYERS_MAX = 0xffff;

/** What people call what a prepaid token is for: signed by nobody. */
export const tokenWords = map({ unit: field(1, text(8)), currency: field(2, currency) });

const purchaseRecord = map({
  id: field(1, orderId),
  state: field(2, oneOf(STATES)),
  device: field(3, text(11)),
  name: field(4, text(32)),
  /** Everything that a third party needs to check the rest. */
  operatorKey: field(5, bytes(32)),
  certificate: field(6, bytes(1, 1024)),
  offer: field(7, bytes(1, 1024)),
  token: optional(8, bytes(1, 1024)),
  receipts: field(9, list(bytes(1, 1024), SESSIONS_MAX)),
  /** Sessions begun so far, as far as we know. */
  sessions: field(10, uint(SESSIONS_MAX)),
  bench: field(11, flag),
  /** Why it failed, for people. */
  why: optional(12, text(200)),
  /** When the offer came, by our own clock: tells the latest order, and nothing else rests on it. */
  madeMs: optional(13, uint(Number.MAX_SAFE_INTEGER)),
  /** How often paying it was begun since it was last `quoted`: by whom it may be under way. */
  payers: optional(14, uint(PAYERS_MAX)),
  /** The most that was signed for it, where that is more than the offer's total. */
  maximumMinor: optional(15, amountMinor),
  /** What was accepted on top of the offer, written before the device is told so. */
  extras: optional(
    16,
    list(
      map({ name: field(1, text(EXTRA_NAME_BYTES_MAX)), amountMinor: field(2, amountMinor) }),
      EXTRAS_MAX,
    ),
  ),
  /** The operator's prepaid token stands in the place of the offer. What it does not say, as the price list had it. */
  prepaid: optional(17, tokenWords),
  /** Paid while it is delivered. What was let go of is the chain's link of so many units. */
  stream: optional(
    18,
    map({
      commitment: field(1, bytes(1, SIGNED_BYTES_MAX)),
      step: field(2, uint(STEP_UNITS_MAX)),
      window: field(3, uint(WINDOW_UNITS_MAX)),
      released: field(4, uint(CHAIN_UNITS_MAX)),
    }),
  ),
});

export type Purchase = Readonly<Of<typeof purchaseRecord>>;

/** How an order is paid by the unit: units for each proof, and units that the device delivers ahead of proof. */
export interface StreamTerms {
  step: number;
  window: number;
}

export const KIND = "purchase";
/** So often another process may be quicker than we are in one change. */
const CHANGE_ATTEMPTS = 32;

/** A purchase never goes back to a lower step, but from `paying` by withoutPayer. A payment that failed for one process may still succeed for another. */
const STEPS: Readonly<Record<Purchase["state"], number>> = {
  quoted: 0,
  paying: 1,
  failed: 1,
  paid: 2,
  closed: 3,
};

/** Throws HalError `corrupt`. */
export function readPurchase(id: string, body: string): Purchase {
  return readRecord(purchaseRecord, KIND, id, body);
}

/** Whether money for it has certainly moved. */
export function isPaid({ state }: Purchase): boolean {
  return STEPS[state] >= STEPS.paid;
}

/** One more who begins to pay it, at most so much, or by the unit; undefined when it is no longer to be paid. */
export function withPayer(
  purchase: Purchase,
  mostMinor?: number,
  byTheUnit?: StreamTerms & { commitment: Uint8Array },
): Purchase | undefined {
  const { state } = purchase;
  if (state !== "quoted" && state !== "paying") return undefined;
  const { stream = byTheUnit && { ...byTheUnit, released: 0 } } = purchase;
  const { payers = state === "paying" ? 1 : 0 } = purchase;
  const { maximumMinor = 0 } = purchase;
  return {
    ...purchase,
    state: "paying",
    payers: Math.min(payers + 1, PAYERS_MAX),
    ...(mostMinor !== undefined && { maximumMinor: Math.max(maximumMinor, mostMinor) }),
    ...(stream !== undefined && { stream }),
  };
}

export type StreamChange = Partial<StreamTerms & { released: number }>;

/** The same with what its payer chose for a session that has begun, and what he let go of. */
export function withStream(
  purchase: Purchase,
  { released = 0, ...terms }: StreamChange,
): Purchase | undefined {
  const { stream } = purchase;
  if (stream === undefined) return undefined;
  const next = { ...stream, ...terms, released: Math.max(stream.released, released) };
  const isSame =
    next.step === stream.step && next.window === stream.window && next.released === stream.released;
  return isSame ? undefined : { ...purchase, stream: next };
}

/**
 * Back to `quoted`, when the device has said to its only payer that no money was asked to move; undefined when
 * another may be paying it at this moment.
 */
export function withoutPayer(purchase: Purchase): Purchase | undefined {
  const { payers: _, stream: __, ...rest } = purchase;
  return isPaidByOne(purchase) ? { ...rest, state: "quoted" } : undefined;
}

function isPaidByOne({ state, payers }: Purchase): boolean {
  return state === "paying" && payers === 1;
}

function keepsAll(before: Purchase, next: Purchase): boolean {
  return (
    (STEPS[next.state] >= STEPS[before.state] ||
      (next.state === "quoted" && isPaidByOne(before))) &&
    (before.token === undefined || next.token !== undefined) &&
    (next.stream?.released ?? 0) >= (before.stream?.released ?? 0) &&
    (next.extras ?? []).length >= (before.extras ?? []).length &&
    next.receipts.length >= before.receipts.length
  );
}

export class Purchases {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** False when there is one of this id already, which then stays as it is. */
  insert(purchase: Purchase): Promise<boolean> {
    return this.#put(purchase, null);
  }

  /**
   * Changes a purchase from what is in the journal at that moment: `next` is called again with what is there
   * when somebody else was quicker; undefined leaves it. What `beside` gives is committed with it; undefined
   * leaves it too. Gives what is there afterwards, undefined for no such purchase. Throws HalError.
   */
  async change(
    id: string,
    next: (current: Purchase) => Purchase | undefined,
    beside?: (current: Purchase) => Promise<readonly StoreWrite[] | undefined>,
  ): Promise<Purchase | undefined> {
    for (let attempt = 0; attempt < CHANGE_ATTEMPTS; attempt++) {
      const was = await this.#store.get(KIND, id);
      if (was === undefined) return undefined;
      const current = readPurchase(id, was);
      const changed = next(current);
      if (changed === undefined) return current;
      assert(keepsAll(current, changed), "a purchase only ever gains");
      const more = beside === undefined ? [] : await beside(current);
      if (more === undefined) return current;
      if (await this.#put(changed, was, more)) return changed;
    }
    throw new HalError("changed", `purchase ${id}: another process changes it all the time`);
  }

  async #put(
    purchase: Purchase,
    was: string | null,
    more: readonly StoreWrite[] = [],
  ): Promise<boolean> {
    const write = writeRecord(purchaseRecord, KIND, purchase.id, purchase);
    const expecting: StoreWrite = { ...write, was };
    try {
      await this.#store.commit([expecting, ...more]);
      return true;
    } catch (error) {
      if (error instanceof HalError && error.kind === "changed") return false;
      throw error;
    }
  }

  /** Lets go of an offer that was never to be paid, or a token of no use; what is past that stays. Throws HalError. */
  async forget(id: string): Promise<void> {
    const was = await this.#store.get(KIND, id);
    if (was === undefined) return;
    const { state, prepaid, receipts } = readPurchase(id, was);
    const isUnused = prepaid !== undefined && receipts.length === 0;
    if (state !== "quoted" && !isUnused) return;
    try {
      await this.#store.commit([{ kind: KIND, id, body: null, was }]);
    } catch (error) {
      if (!(error instanceof HalError) || error.kind !== "changed") throw error;
    }
  }

  async get(id: string): Promise<Purchase | undefined> {
    const body = await this.#store.get(KIND, id);
    return body === undefined ? undefined : readPurchase(id, body);
  }

  async list(): Promise<readonly Purchase[]> {
    const records = await this.#store.list(KIND);
    return records.map(({ id, body }) => readPurchase(id, body));
  }
}
