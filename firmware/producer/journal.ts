// The device's books: its orders, its chain of receipts and its epoch, in memory as they are on disk. Every
// change is one atomic commit, and memory follows only when the disk has it.

import type { Clock } from "../../hal/clock.ts";
import type { Crypto, Signer } from "../../hal/crypto.ts";
import type { Store, StoreWrite } from "../../hal/store.ts";
import { orderId, pulses } from "../protocol/messages.ts";
import { readRecord, writeRecord } from "../protocol/record.ts";
import { bytes, field, map, type Of, uint } from "../protocol/schema.ts";
import { FIRST_PREVIOUS, type Receipt, signReceipt } from "../token/receipt.ts";
import { shortDigest } from "../token/signed.ts";
import { type Order, orderRecord } from "./order.ts";

const deviceRecord = map({
  /** One more at each start and at each newEpoch(). */
  epoch: field(1, uint(0xffff_ffff)),
  /** Number and short digest of the last receipt. */
  receipt: field(2, pulses),
  digest: field(3, bytes(16)),
});
type DeviceRecord = Of<typeof deviceRecord>;

const receiptRecord = map({
  order: field(1, orderId),
  number: field(2, pulses),
  signed: field(3, bytes(1, 1024)),
});
export type KeptReceipt = Of<typeof receiptRecord>;

/** A receipt without what the chain gives it. */
export type ReceiptDraft = Receipt extends infer R
  ? R extends Receipt
    ? Omit<R, "number" | "previous" | "atS" | "clock">
    : never
  : never;

export interface Journal {
  readonly epoch: number;
  /** Begins the next epoch, durably, and resolves to it. Throws HalError; then nothing changed. */
  newEpoch(): Promise<number>;
  orders(): Iterable<Order>;
  /** An order that is open, or whose receipts are still to be acknowledged. */
  order(id: string): Order | undefined;
  /** Any order that is still on disk. */
  find(id: string): Promise<Order | undefined>;
  /** One commit: the order, and the receipt that its change calls for. Throws HalError; then nothing changed. */
  save(order: Order, draft?: ReceiptDraft): Promise<void>;
  /** Receipts of an order that its consumer has not acknowledged, oldest first. */
  unacknowledged(order: Order): readonly KeptReceipt[];
  /** Removes from disk what is done with and was closed by then; the receipts stay on disk. */
  forgetClosed(untilS: number): Promise<void>;
}

export interface JournalPorts {
  store: Store;
  clock: Clock;
  crypto: Crypto;
  signer: Signer;
}

const FAILED_KEPT_MAX = 200;

function doneBy(done: ReadonlyMap<string, number>, untilS: number): string[] {
  return [...done].filter(([, closedS]) => closedS <= untilS).map(([id]) => id);
}

function receiptKey(number: number): string {
  return String(number).padStart(10, "0");
}

/** Reads the books and makes the new epoch durable. Throws HalError, `corrupt` when a record is not ours. */
export async function openJournal(ports: JournalPorts): Promise<Journal> {
  const { store } = ports;
  const kept = await store.get("device", "self");
  let device: DeviceRecord = { epoch: 0, receipt: 0, digest: FIRST_PREVIOUS };
  if (kept !== undefined) device = readRecord(deviceRecord, "device", "self", kept);
  device = { ...device, epoch: device.epoch + 1 };

  const orders = new Map<string, Order>();
  for (const { id, body } of await store.list("order")) {
    orders.set(id, readRecord(orderRecord, "order", id, body));
  }
  const receipts = new Map<string, KeptReceipt[]>();
  for (const { id, body } of await store.list("receipt")) {
    const receipt = readRecord(receiptRecord, "receipt", id, body);
    if (!orders.has(receipt.order)) continue;
    receipts.set(receipt.order, [...(receipts.get(receipt.order) ?? []), receipt]);
  }
  await store.commit([writeRecord(deviceRecord, "device", "self", device)]);
  const books = { device, orders, receipts, done: new Map<string, number>(), failed: [] };
  const journal = new StoredJournal(ports, books);
  for (const order of [...orders.values()]) journal.retire(order);
  return journal;
}

interface Books {
  device: DeviceRecord;
  orders: Map<string, Order>;
  /** By order. */
  receipts: Map<string, KeptReceipt[]>;
  /** When orders were closed that are only on disk any more: nothing can happen to them but a question. */
  done: Map<string, number>;
  /** Those of them whose payment failed, oldest first. */
  failed: string[];
}

class StoredJournal implements Journal {
  readonly #ports: JournalPorts;
  readonly #books: Books;

  constructor(ports: JournalPorts, books: Books) {
    this.#ports = ports;
    this.#books = books;
  }

  get epoch(): number {
    return this.#books.device.epoch;
  }

  async newEpoch(): Promise<number> {
    const next = { ...this.#books.device, epoch: this.epoch + 1 };
    await this.#ports.store.commit([writeRecord(deviceRecord, "device", "self", next)]);
    this.#books.device = next;
    return next.epoch;
  }

  orders(): Iterable<Order> {
    return this.#books.orders.values();
  }

  order(id: string): Order | undefined {
    return this.#books.orders.get(id);
  }

  async find(id: string): Promise<Order | undefined> {
    const open = this.#books.orders.get(id);
    if (open !== undefined || !this.#books.done.has(id)) return open;
    const body = await this.#ports.store.get("order", id);
    return body === undefined ? undefined : readRecord(orderRecord, "order", id, body);
  }

  async save(order: Order, draft?: ReceiptDraft): Promise<void> {
    const { store, crypto, signer } = this.#ports;
    const { device, orders, receipts } = this.#books;
    const writes = [writeRecord(orderRecord, "order", order.id, order), ...this.#forgetFailed()];
    if (draft === undefined) {
      await store.commit(writes);
      orders.set(order.id, order);
      this.retire(order);
      return;
    }
    const receipt = this.#complete(draft);
    const signed = signReceipt(receipt, signer);
    const { number } = receipt;
    const record = { order: order.id, number, signed };
    const next = { ...device, receipt: number, digest: shortDigest(crypto, signed) };
    writes.push(writeRecord(receiptRecord, "receipt", receiptKey(number), record));
    writes.push(writeRecord(deviceRecord, "device", "self", next));
    await store.commit(writes);
    this.#books.device = next;
    orders.set(order.id, order);
    receipts.set(order.id, [...(receipts.get(order.id) ?? []), record]);
  }

  unacknowledged(order: Order): readonly KeptReceipt[] {
    const kept = this.#books.receipts.get(order.id) ?? [];
    return kept.filter(({ number }) => number > order.acknowledged);
  }

  async forgetClosed(untilS: number): Promise<void> {
    const { orders, receipts, done } = this.#books;
    const closed = [...orders.values()].filter(({ closedS }) => (closedS ?? Infinity) <= untilS);
    const gone = [...closed.map(({ id }) => id), ...doneBy(done, untilS)];
    if (gone.length === 0) return;
    await this.#ports.store.commit(gone.map((id) => ({ kind: "order", id, body: null })));
    for (const id of gone) {
      orders.delete(id);
      receipts.delete(id);
      done.delete(id);
    }
  }

  /**
   * Failed payments cost a payer nothing, so only the last ones are kept to answer repeated questions. Forgotten
   * in memory at once: should the commit fail, they are found again at the next start.
   */
  #forgetFailed(): StoreWrite[] {
    const { done, failed } = this.#books;
    const gone = failed.splice(0, Math.max(0, failed.length - FAILED_KEPT_MAX));
    for (const id of gone) done.delete(id);
    return gone.map((id) => ({ kind: "order", id, body: null }));
  }

  /** Lets an order out of memory when it is closed and its consumer has every receipt. */
  retire(order: Order): void {
    const { orders, receipts, done, failed } = this.#books;
    if (order.closedS === undefined || this.unacknowledged(order).length > 0) return;
    orders.delete(order.id);
    receipts.delete(order.id);
    done.set(order.id, order.closedS);
    if (order.state === "failed") failed.push(order.id);
  }

  #complete(draft: ReceiptDraft): Receipt {
    const { clock } = this.#ports;
    const { receipt, digest } = this.#books.device;
    return {
      ...draft,
      number: receipt + 1,
      previous: digest,
      atS: Math.floor(clock.wallMs() / 1000),
      clock: clock.wallQuality(),
    };
  }
}
