// An order as the payment that a flow is started with: the signed offer as a basket, what the payer signed as limits.

import { assert } from "../../assert.ts";
import { toHex } from "../../bytes.ts";
import type { AmountLimits } from "../engine/engine.ts";
import { type Basket, type BasketItem, MILLIONTHS } from "../model/basket.ts";
import type { Data } from "../model/data.ts";
import type { Payment } from "../model/payment.ts";
import { buildPayment } from "../model/payment-builder.ts";
import type { PaymentLine, PaymentOrder } from "../payments.ts";

/** Who starts the flows of orders. */
export const SALE = "sale";

/** The first transaction of a flow: the only one, because an order is not split. */
export function transactionOf(order: string): string {
  return `${order}/1`;
}

export function flowTypeOf({ way }: PaymentOrder): "sale" | "preAuthorisation" {
  return way === "hold" ? "preAuthorisation" : "sale";
}

/** Nothing is taken above what the payer signed, nor above `atMostMinor`; the base never above the offer (I4). */
export function limitsOf(
  { totalMinor, maximumMinor = totalMinor }: PaymentOrder,
  atMostMinor: number,
): AmountLimits {
  return { offerMinor: totalMinor, maximumMinor: Math.min(maximumMinor, atMostMinor) };
}

export function paymentOf(order: PaymentOrder): Payment {
  const { id, currency, totalMinor, flow, method, payer, lines, credential } = order;
  const built = buildPayment({
    id,
    source: SALE,
    flowType: flowTypeOf(order),
    amounts: { currency, base: totalMinor, additional: {} },
    data: orderData(order),
    ...(flow !== undefined && { flowName: flow }),
    ...(method !== undefined && { paymentMethod: method }),
    ...(payer !== undefined && { customer: { id: payer, tokens: [], details: {} } }),
    ...(lines !== undefined && { basket: basketOf(order, lines) }),
    // A handle: what it stands for goes to the payment application past the flow (I12).
    ...(credential !== undefined && { cardToken: { value: id, source: "credential" } }),
  });
  assert(built.ok, "an order makes a payment");
  return built.value;
}

function orderData({ id, offerDigest, service }: PaymentOrder): Data {
  return {
    orderCode: { is: "text", value: id },
    offerDigest: { is: "text", value: toHex(offerDigest) },
    ...(service && {
      service: { is: "integer", value: service.id },
      price: { is: "integer", value: service.price },
    }),
  };
}

function basketOf(order: PaymentOrder, lines: readonly PaymentLine[]): Basket {
  const items = lines.map((line, index) => itemOf(order, line, index + 1));
  return { id: order.id, name: "offer", items, data: {}, primary: true, rounding: "nearest" };
}

/** Units as a measurement of one item, so that the line costs exactly what the offer says. */
function itemOf({ service }: PaymentOrder, line: PaymentLine, number: number): BasketItem {
  const { label, isUnits, amountMinor } = line;
  return {
    id: String(number),
    label,
    category: isUnits ? "units" : "fee",
    amountMinor,
    baseMillionths: amountMinor * MILLIONTHS,
    quantity: 1,
    ...(isUnits &&
      service && {
        measurement: { valueMillionths: service.units * MILLIONTHS, unit: service.unit },
        data: { pricePerUnit: { is: "integer", value: service.priceMinor } },
      }),
  };
}
