// What a device shows of an order when it and the buyer do not agree: the papers that it signed, the payer's commitment
// and last proof, and every receipt. Whoever judges believes of it what is signed.

import type { Store } from "../../hal/store.ts";
import { toHex } from "../bytes.ts";
import { readRecord } from "../protocol/record.ts";
import { fail, ok, type Result } from "../result.ts";
import { receiptKey, receiptRecord } from "./journal-records.ts";
import { capturedMinor, type Order } from "./order.ts";

/** Its JSON, bytes in hexadecimal digits. Errors: `order-unknown`, `unsupported`. Throws HalError. */
export async function orderLog(
  one: Order | undefined,
  certificate: Uint8Array,
  store: Store,
): Promise<Result<object>> {
  if (one === undefined) return fail("order-unknown", "this device has no such order", "order");
  if (one.prepaid !== undefined) {
    return fail("unsupported", "a prepaid token paid for it: its receipts say all", "order");
  }
  const { offer, stream, receipts = [], state } = one;
  const kept: string[] = [];
  for (const number of receipts) {
    const id = receiptKey(number);
    const body = await store.get("receipt", id);
    if (body !== undefined) kept.push(toHex(readRecord(receiptRecord, "receipt", id, body).signed));
  }
  return ok({
    certificate: toHex(certificate),
    offer: toHex(offer),
    ...(stream && {
      commitment: toHex(stream.commitment),
      step: stream.step,
      window: stream.window,
      proofs: [{ units: stream.proved, link: toHex(stream.link) }],
    }),
    receipts: kept,
    ...(state === "closed" && { capturedMinor: capturedMinor(one) }),
  });
}
