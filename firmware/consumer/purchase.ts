// A consumer's record of one order, from the signed offer to the last receipt: kept so that each step can be a
// process of its own, and so that what was paid for can be proved later.

import type { Store } from "../../hal/store.ts";
import { orderId, SESSIONS_MAX } from "../protocol/messages.ts";
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

/** `paying` is written before the request goes out: from then on money may have moved. */
const STATES = { quoted: 1, paying: 2, paid: 3, failed: 4, closed: 5 } as const;

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
});

export type Purchase = Readonly<Of<typeof purchaseRecord>>;

const KIND = "purchase";

export class Purchases {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async save(purchase: Purchase): Promise<void> {
    await this.#store.commit([writeRecord(purchaseRecord, KIND, purchase.id, purchase)]);
  }

  async get(id: string): Promise<Purchase | undefined> {
    const body = await this.#store.get(KIND, id);
    return body === undefined ? undefined : readRecord(purchaseRecord, KIND, id, body);
  }

  async list(): Promise<readonly Purchase[]> {
    const records = await this.#store.list(KIND);
    return records.map(({ id, body }) => readRecord(purchaseRecord, KIND, id, body));
  }
}
