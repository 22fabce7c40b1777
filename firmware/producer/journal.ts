// The device's books: its orders, its chain of receipts and its epoch, in memory as they are on disk. Every
// change is one atomic commit, and memory follows only when the disk has it.

import type { Clock } from "../../hal/clock.ts";
import type { Crypto, Signer } from "../../hal/crypto.ts";
import { HalError } from "../../hal/hal-error.ts";
import type { Store, StoreWrite } from "../../hal/store.ts";
import { readRecord, writeRecord } from "../protocol/record.ts";
import { FIRST_PREVIOUS, type Receipt, signReceipt } from "../token/receipt.ts";
import { shortDigest } from "../token/signed.ts";
import {
  type DeviceRecord,
  deviceRecord,
  isOld,
  type KeptReceipt,
  orderWrite,
  receiptKey,
  receiptNumbers,
  receiptRecord,
} from "./journal-records.ts";
import { dated, type Order, orderRecord, redated } from "./order.ts";
import { openRefund } from "./order-refunds.ts";

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
  /** Any order that is still on disk; one whose receipts are not acknowledged comes back into memory. */
  find(id: string): Promise<Order | undefined>;
  /** Number of the last receipt. */
  readonly receipt: number;
  /** Prepaid tokens that expire by then may have been used and forgotten. */
  readonly forgottenToS: number;
  /**
   * One commit: the order, the receipt that its change calls for, and what must be with them. Throws HalError;
   * then nothing changed.
   */
  save(order: Order, draft?: ReceiptDraft, beside?: readonly StoreWrite[]): Promise<void>;
  /** A change that calls for no receipt, for somebody else's commit: to be noted once that is durable. */
  plan(order: Order): { writes: readonly StoreWrite[]; note(): void };
  /** Receipts of an order that its consumer has not acknowledged, oldest first. */
  unacknowledged(order: Order): readonly KeptReceipt[];
  /** The clock was moved: what is still to come in the books moves with it, in one commit with `also`. */
  redate(byS: number, also: StoreWrite): Promise<void>;
  /**
   * Removes from disk the orders that were closed by then, and 90 days ago where their consumer never said that
   * it keeps its receipts; of receipts that no order on disk has, those beyond the last 10,000 or older than 90 days.
   * Resolves to the ids of the orders.
   */
  forgetClosed(untilS: number): Promise<readonly string[]>;
}

export interface JournalPorts {
  store: Store;
  clock: Clock;
  crypto: Crypto;
  signer: Signer;
}

const FAILED_KEPT_MAX = 200;
/** Beyond the time that an acknowledged one is kept. */
const UNACKNOWLEDGED_LONGER_S = 89 * 24 * 3600;
/** Closed orders that wait in memory for their consumer to acknowledge; more, and later ones, wait on disk. */
const CLOSED_IN_MEMORY_MAX = 500;
const RECEIPTS_KEPT_MAX = 10_000;
const RECEIPT_KEPT_S = 90 * 24 * 3600;
/** Removed in one commit. */
const PRUNED_AT_ONCE = 100;

/** Reads the books and makes the new epoch durable. Throws HalError, `corrupt` when a record is not ours. */
export async function openJournal(ports: JournalPorts): Promise<Journal> {
  const { store } = ports;
  const kept = await store.get("device", "self");
  let device: DeviceRecord = { epoch: 0, receipt: 0, digest: FIRST_PREVIOUS };
  if (kept !== undefined) device = readRecord(deviceRecord, "device", "self", kept);
  device = { ...device, epoch: device.epoch + 1 };

  const orders: Order[] = [];
  for (const { id, body } of await store.list("order")) {
    orders.push(readRecord(orderRecord, "order", id, body));
  }
  const journal = new StoredJournal(ports, device);
  const numbers = orders.some(isOld) ? await receiptNumbers(store) : undefined;
  for (const order of orders) await journal.take(order, numbers?.get(order.id) ?? []);
  await store.commit([writeRecord(deviceRecord, "device", "self", device)]);
  return journal;
}

/** A closed order that is only on disk: nothing can happen to it but a question. */
interface Done {
  closedS: number;
  /** Of a prepaid order: until then its token would be taken for a new one. */
  tokenToS: number;
  /** It was closed while the clock was not set. */
  undated: boolean;
  /** Numbers of its receipts. */
  receipts: readonly number[];
  acknowledged: boolean;
}

function isAcknowledged({ receipts = [], acknowledged }: Order): boolean {
  return receipts.every((number) => number <= acknowledged);
}

class StoredJournal implements Journal {
  readonly #ports: JournalPorts;
  #device: DeviceRecord;
  readonly #orders = new Map<string, Order>();
  /** Those that are not acknowledged, of orders in memory. */
  readonly #receipts = new Map<string, readonly KeptReceipt[]>();
  readonly #done = new Map<string, Done>();
  /** Those of them whose payment failed, oldest first. */
  readonly #failed = new Set<string>();

  constructor(ports: JournalPorts, device: DeviceRecord) {
    this.#ports = ports;
    this.#device = device;
  }

  get epoch(): number {
    return this.#device.epoch;
  }

  get receipt(): number {
    return this.#device.receipt;
  }

  get forgottenToS(): number {
    return this.#device.forgottenToS ?? 0;
  }

  async newEpoch(): Promise<number> {
    const next = { ...this.#device, epoch: this.epoch + 1 };
    await this.#ports.store.commit([writeRecord(deviceRecord, "device", "self", next)]);
    this.#device = next;
    return next.epoch;
  }

  orders(): Iterable<Order> {
    return this.#orders.values();
  }

  order(id: string): Order | undefined {
    return this.#orders.get(id);
  }

  /** Takes in what an earlier run left. */
  async take(order: Order, numbers: readonly number[]): Promise<void> {
    const whole = { ...order, receipts: order.receipts ?? numbers };
    // At the board nobody asks for his receipt: it is given to him.
    const isToGive = whole.atBoard === true && !isAcknowledged(whole);
    const isOpen = whole.closedS === undefined || openRefund(whole) !== undefined;
    if (isOpen || isToGive) await this.#recall(whole);
    else this.#dismiss(whole, whole.closedS ?? 0);
  }

  async find(id: string): Promise<Order | undefined> {
    const open = this.#orders.get(id);
    const done = this.#done.get(id);
    if (open !== undefined || done === undefined) return open;
    const body = await this.#ports.store.get("order", id);
    if (body === undefined) return undefined;
    const order = { ...readRecord(orderRecord, "order", id, body), receipts: done.receipts };
    if (done.acknowledged) return order;
    await this.#recall(order);
    this.#done.delete(id);
    return order;
  }

  async save(
    order: Order,
    draft?: ReceiptDraft,
    beside: readonly StoreWrite[] = [],
  ): Promise<void> {
    const { store, crypto, signer } = this.#ports;
    const failed = this.#surplusFailed();
    const writes = [...failed.map((id) => ({ kind: "order", id, body: null })), ...beside];
    const before = this.#receipts.get(order.id) ?? [];
    let next = { ...order, receipts: this.#orders.get(order.id)?.receipts ?? order.receipts ?? [] };
    let kept = before;
    let device = this.#device;
    if (draft !== undefined) {
      const receipt = this.#complete(draft);
      const signed = signReceipt(receipt, signer);
      const { number, atS } = receipt;
      const dated = receipt.clock === "unset" ? {} : { atS };
      const record = { order: order.id, number, signed, ...dated };
      next = { ...next, receipts: [...next.receipts, number] };
      kept = [...before, record];
      device = { ...device, receipt: number, digest: shortDigest(crypto, signed) };
      writes.push(writeRecord(receiptRecord, "receipt", receiptKey(number), record));
      writes.push(writeRecord(deviceRecord, "device", "self", device));
    }
    await store.commit([orderWrite(next), ...writes]);
    this.#device = device;
    for (const id of failed) this.#leave(id);
    this.#orders.set(order.id, next);
    this.#receipts.set(
      order.id,
      kept.filter(({ number }) => number > order.acknowledged),
    );
    if (next.closedS !== undefined) this.#retire(next, next.closedS);
  }

  plan(order: Order): { writes: readonly StoreWrite[]; note(): void } {
    const receipts = this.#orders.get(order.id)?.receipts ?? order.receipts ?? [];
    const next = { ...order, receipts };
    const note = (): void => {
      this.#orders.set(order.id, next);
      if (next.closedS !== undefined) this.#retire(next, next.closedS);
    };
    return { writes: [orderWrite(next)], note };
  }

  unacknowledged(order: Order): readonly KeptReceipt[] {
    const kept = this.#receipts.get(order.id) ?? [];
    return kept.filter(({ number }) => number > order.acknowledged);
  }

  async redate(byS: number, also: StoreWrite): Promise<void> {
    const known = [...this.#orders.values()];
    const moved = byS === 0 ? [] : known.map((order) => redated(order, byS));
    const gone = byS === 0 ? [] : await this.#readDone([...this.#done.keys()]);
    const done = gone.map((order) => redated(order, byS));
    await this.#ports.store.commit([...[...moved, ...done].map(orderWrite), also]);
    for (const order of moved) this.#orders.set(order.id, order);
    this.#noteDone(done);
  }

  /** Orders that were closed while the clock was not set are kept as long as others, counted from now. */
  async #dateDone(): Promise<void> {
    const ids = [...this.#done].flatMap(([id, { undated }]) => (undated ? [id] : []));
    if (ids.length === 0) return;
    const orders = await this.#readDone(ids);
    const done = orders.map((order) => dated(order, this.#nowS()));
    await this.#ports.store.commit(done.map(orderWrite));
    this.#noteDone(done);
  }

  async #readDone(ids: readonly string[]): Promise<Order[]> {
    const orders: Order[] = [];
    for (const id of ids) {
      const body = await this.#ports.store.get("order", id);
      if (body !== undefined) orders.push(readRecord(orderRecord, "order", id, body));
    }
    return orders;
  }

  #noteDone(orders: readonly Order[]): void {
    for (const { id, closedS = 0, clockUnset: undated = false } of orders) {
      const done = this.#done.get(id);
      if (done !== undefined) this.#done.set(id, { ...done, closedS, undated });
    }
  }

  async forgetClosed(untilS: number): Promise<readonly string[]> {
    await this.#dateDone();
    for (const order of [...this.#orders.values()]) {
      const { closedS } = order;
      if (openRefund(order) !== undefined) continue;
      if (closedS !== undefined && closedS <= untilS) this.#dismiss(order, closedS);
    }
    const longAgoS = untilS - UNACKNOWLEDGED_LONGER_S;
    const gone = [...this.#done].filter(([, { closedS, tokenToS, acknowledged }]) => {
      return tokenToS <= untilS && closedS <= (acknowledged ? untilS : longAgoS);
    });
    if (gone.length > 0) await this.#forget(gone);
    await this.#pruneReceipts(this.#nowS() - RECEIPT_KEPT_S);
    return gone.map(([id]) => id);
  }

  async #forget(gone: readonly (readonly [string, Done])[]): Promise<void> {
    const { pruned = 0 } = this.#device;
    const receipts = gone.flatMap(([, done]) => done.receipts.filter((one) => one <= pruned));
    const forgottenToS = Math.max(...gone.map(([, { tokenToS }]) => tokenToS));
    // Also when the clock is set back later, and its signature would be good again.
    const isLater = forgottenToS > this.forgottenToS;
    const device = isLater ? { ...this.#device, forgottenToS } : this.#device;
    await this.#ports.store.commit([
      ...gone.map(([id]) => ({ kind: "order", id, body: null })),
      ...receipts.map((one) => ({ kind: "receipt", id: receiptKey(one), body: null })),
      ...(isLater ? [writeRecord(deviceRecord, "device", "self", device)] : []),
    ]);
    this.#device = device;
    for (const [id] of gone) this.#leave(id);
  }

  /** The next few that may go, never the head of the chain. */
  async #pruneReceipts(oldS: number): Promise<void> {
    const { pruned = 0, receipt: head } = this.#device;
    let last = pruned;
    for (let number = pruned + 1; number < Math.min(head, pruned + 1 + PRUNED_AT_ONCE); number++) {
      const isOne = head - number >= RECEIPTS_KEPT_MAX || (await this.#madeBy(number, oldS));
      if (isOne === true) last = number;
      if (isOne === false) break;
    }
    if (last === pruned) return;
    const held = new Set<number>();
    for (const { receipts = [] } of this.#orders.values())
      for (const one of receipts) held.add(one);
    for (const { receipts } of this.#done.values()) for (const one of receipts) held.add(one);
    const gone: StoreWrite[] = [];
    for (let number = pruned + 1; number <= last; number++) {
      if (!held.has(number)) gone.push({ kind: "receipt", id: receiptKey(number), body: null });
    }
    const device = { ...this.#device, pruned: last };
    await this.#ports.store.commit([...gone, writeRecord(deviceRecord, "device", "self", device)]);
    this.#device = device;
  }

  /** Undefined for a receipt that does not say when it was made: those after it tell. */
  async #madeBy(number: number, oldS: number): Promise<boolean | undefined> {
    const id = receiptKey(number);
    const body = await this.#ports.store.get("receipt", id);
    if (body === undefined) return true;
    const { atS } = readRecord(receiptRecord, "receipt", id, body);
    return atS === undefined ? undefined : atS <= oldS;
  }

  /** Failed payments cost a payer nothing, so only the last ones are kept to answer repeated questions. */
  #surplusFailed(): string[] {
    const surplus = this.#failed.size - FAILED_KEPT_MAX;
    return surplus > 0 ? [...this.#failed].slice(0, surplus) : [];
  }

  /** Into memory, with the receipts that are still to be acknowledged. */
  async #recall(order: Order): Promise<void> {
    const waiting: KeptReceipt[] = [];
    for (const number of order.receipts ?? []) {
      if (number <= order.acknowledged) continue;
      const id = receiptKey(number);
      const body = await this.#ports.store.get("receipt", id);
      if (body === undefined) throw new HalError("corrupt", `record receipt ${id} is missing`);
      waiting.push(readRecord(receiptRecord, "receipt", id, body));
    }
    this.#orders.set(order.id, order);
    this.#receipts.set(order.id, waiting);
  }

  /** Lets a closed order out of memory when its consumer has every receipt, or when too many wait for theirs. */
  #retire(order: Order, closedS: number): void {
    if (openRefund(order) !== undefined) return;
    if (isAcknowledged(order)) this.#dismiss(order, closedS);
    const closed = [...this.#orders.values()].filter((one) => one.closedS !== undefined);
    const [oldest] = closed;
    if (closed.length > CLOSED_IN_MEMORY_MAX && oldest?.closedS !== undefined) {
      this.#dismiss(oldest, oldest.closedS);
    }
  }

  #dismiss(order: Order, closedS: number): void {
    this.#orders.delete(order.id);
    this.#receipts.delete(order.id);
    const { receipts = [], state, clockUnset: undated = false } = order;
    const acknowledged = isAcknowledged(order);
    const tokenToS = order.prepaid?.expiresS ?? 0;
    this.#done.set(order.id, { closedS, tokenToS, undated, receipts, acknowledged });
    if (state === "failed") this.#failed.add(order.id);
  }

  #leave(id: string): void {
    this.#done.delete(id);
    this.#failed.delete(id);
  }

  #nowS(): number {
    return Math.floor(this.#ports.clock.wallMs() / 1000);
  }

  #complete(draft: ReceiptDraft): Receipt {
    const { clock } = this.#ports;
    const { receipt, digest } = this.#device;
    return {
      ...draft,
      number: receipt + 1,
      previous: digest,
      atS: this.#nowS(),
      clock: clock.wallQuality(),
    };
  }
}
