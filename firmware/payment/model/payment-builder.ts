// A payment, checked before any flow starts: what has to be there, and what must agree.

import { fail, type Result } from "../../result.ts";
import { basketTotal } from "./basket-total.ts";
import { type Data, NO_DATA } from "./data.ts";
import { addData } from "./data-access.ts";
import { checkedCopy } from "./freeze.ts";
import { type Payment, payment } from "./payment.ts";

/** `id` and `source` are given by whoever starts it: nothing is drawn by chance here. */
export type PaymentParts = Pick<Payment, "id" | "source"> & Partial<Payment>;

/**
 * The basket becomes the primary one. `malformed` at the field: no id, flow type or amounts, a card token in a split
 * flow, a basket whose total is not the base (additional amounts come on top).
 */
export function buildPayment(parts: PaymentParts): Result<Payment> {
  const { flowType = "", amounts, basket, splitEnabled = false, data = NO_DATA, ...rest } = parts;
  if (parts.id === "") return fail("malformed", "a payment has an id", "payment.id");
  if (flowType === "") return fail("malformed", "a payment has a flow type", "payment.flowType");
  if (amounts === undefined) return fail("malformed", "a payment has amounts", "payment.amounts");
  if (splitEnabled && parts.cardToken !== undefined) {
    return fail("malformed", "a card token pays for one, a split for several", "payment.cardToken");
  }
  const whole: Payment = { ...rest, flowType, amounts, splitEnabled, data };
  if (basket === undefined) return checkedCopy(payment, whole, "payment");
  const total = basketTotal(basket);
  if (!total.ok) return total;
  if (total.value !== amounts.base) {
    const message = `the basket comes to ${total.value}, the base amount is ${amounts.base}`;
    return fail("malformed", message, "payment.basket");
  }
  return checkedCopy(payment, { ...whole, basket: { ...basket, primary: true } }, "payment");
}

/** The same payment with this data in place of what it had. `malformed` at the field. */
export function withPaymentData(before: Payment, data: Data): Result<Payment> {
  return buildPayment({ ...before, data });
}

/** The same payment with this data too, which replaces what is under the same keys. */
export function addPaymentData(before: Payment, data: Data): Result<Payment> {
  const merged = addData(before.data, data, "overwrite");
  return merged.ok ? withPaymentData(before, merged.value) : merged;
}
