// The records of a device's books, and how they are keyed.

import type { Store, StoreWrite } from "../../hal/store.ts";
import { orderId, pulses } from "../protocol/messages.ts";
import { readRecord, writeRecord } from "../protocol/record.ts";
import { bytes, field, map, type Of, optional, uint } from "../protocol/schema.ts";
import { type Order, orderRecord } from "./order.ts";

export const deviceRecord = map({
  /** One more at each start and at each newEpoch(). */
  epoch: field(1, uint(0xffff_ffff)),
  /** Number and short digest of the last receipt. */
  receipt: field(2, pulses),
  digest: field(3, bytes(16)),
  /** Receipts up to this number are gone from disk, but for those of orders that are still kept. */
  pruned: optional(4, pulses),
  /** The latest expiry of the prepaid tokens whose orders are gone. */
  forgottenToS: optional(5, uint(0xffff_ffff)),
});
export type DeviceRecord = Of<typeof deviceRecord>;

export const receiptRecord = map({
  order: field(1, orderId),
  number: field(2, pulses),
  signed: field(3, bytes(1, 1024)),
  /** When it was made; absent while the clock was not set. */
  atS: optional(4, uint(0xffff_ffff)),
});
export type KeptReceipt = Of<typeof receiptRecord>;

export function receiptKey(number: number): string {
  return String(number).padStart(10, "0");
}

export function orderWrite(order: Order): StoreWrite {
  return writeRecord(orderRecord, "order", order.id, order);
}

/** The last signed receipt of an order; undefined where there is none. Throws HalError. */
export async function lastReceipt(store: Store, order: string): Promise<Uint8Array | undefined> {
  const body = /^[0-9a-f]{16}$/.test(order) ? await store.get("order", order) : undefined;
  if (body === undefined) return undefined;
  const number = readRecord(orderRecord, "order", order, body).receipts?.at(-1);
  if (number === undefined) return undefined;
  const kept = await store.get("receipt", receiptKey(number));
  return kept === undefined
    ? undefined
    : readRecord(receiptRecord, "receipt", receiptKey(number), kept).signed;
}

/** Kept by an earlier version, which left it to the receipts to say whose they are. */
export function isOld({ receipts, state }: Order): boolean {
  return receipts === undefined && state !== "taking" && state !== "failed";
}

export async function receiptNumbers(store: Store): Promise<Map<string, number[]>> {
  const numbers = new Map<string, number[]>();
  for (const { id, body } of await store.list("receipt")) {
    const { order, number } = readRecord(receiptRecord, "receipt", id, body);
    numbers.set(order, [...(numbers.get(order) ?? []), number]);
  }
  return numbers;
}
