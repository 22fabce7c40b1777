// Any value of each model, made from its shape: for properties of all of them.

import fc from "fast-check";
import { amount, amounts } from "../../../../firmware/payment/model/amounts.ts";
import { auditEntry } from "../../../../firmware/payment/model/audit-entry.ts";
import { basket, basketItem } from "../../../../firmware/payment/model/basket.ts";
import { card } from "../../../../firmware/payment/model/card.ts";
import { customer, merchant, token } from "../../../../firmware/payment/model/customer.ts";
import { data } from "../../../../firmware/payment/model/data.ts";
import { DATA_TYPES } from "../../../../firmware/payment/model/data-value.ts";
import {
  confirmationRequest,
  confirmationResponse,
  finalAmount,
  flowEvent,
  receipt,
} from "../../../../firmware/payment/model/flow-event.ts";
import { flowResponse } from "../../../../firmware/payment/model/flow-response.ts";
import {
  payment,
  paymentResponse,
  splitRequest,
} from "../../../../firmware/payment/model/payment.ts";
import { receiptPart } from "../../../../firmware/payment/model/receipt-data.ts";
import { request, response } from "../../../../firmware/payment/model/request.ts";
import { responseQuery } from "../../../../firmware/payment/model/response-query.ts";
import { serviceInfo } from "../../../../firmware/payment/model/service-info.ts";
import { taxInfo } from "../../../../firmware/payment/model/tax-info.ts";
import {
  transaction,
  transactionRequest,
  transactionResponse,
  transactionSummary,
} from "../../../../firmware/payment/model/transaction.ts";
import type { CborValue } from "../../../../firmware/protocol/cbor.ts";
import type { Cddl, Type } from "../../../../firmware/protocol/schema.ts";
import { arbitraryOf } from "../../../support/shapes.ts";

export const MODELS: Readonly<Record<string, Type<unknown>>> = Object.fromEntries(
  Object.entries({
    amount,
    amounts,
    auditEntry,
    basket,
    basketItem,
    card,
    confirmationRequest,
    confirmationResponse,
    customer,
    data,
    finalAmount,
    flowEvent,
    flowResponse,
    merchant,
    payment,
    paymentResponse,
    receipt,
    receiptPart,
    request,
    response,
    responseQuery,
    serviceInfo,
    splitRequest,
    taxInfo,
    token,
    transaction,
    transactionRequest,
    transactionResponse,
    transactionSummary,
  }).map(([name, type]) => [name, type as unknown as Type<unknown>]),
);

/** Of the data types that hold a model, the model; of the others a few values. */
const VALUES: readonly (readonly [number, fc.Arbitrary<CborValue> | Type<unknown>])[] = [
  [DATA_TYPES.text, fc.constantFrom("", "word", "ünï")],
  [DATA_TYPES.flag, fc.boolean()],
  [DATA_TYPES.integer, fc.maxSafeInteger()],
  [DATA_TYPES.texts, fc.array(fc.constantFrom("a", "b"), { maxLength: 3 })],
  [DATA_TYPES.bytes, fc.uint8Array({ maxLength: 5 })],
  [DATA_TYPES.amounts, amounts as unknown as Type<unknown>],
  [DATA_TYPES.customer, customer as unknown as Type<unknown>],
  [DATA_TYPES.basket, basket as unknown as Type<unknown>],
  [DATA_TYPES.receipt, receipt as unknown as Type<unknown>],
  [DATA_TYPES["tax-info"], taxInfo as unknown as Type<unknown>],
];

/** As CBOR; bags go `bags` deep. Lists and texts are short: it is about shape. */
export function modelOf(shape: Cddl, bags: number): fc.Arbitrary<CborValue> {
  switch (shape.is) {
    case "plain":
      return plainOf(shape.text, bags);
    case "list":
      return fc.array(modelOf(shape.item, bags), { maxLength: Math.min(shape.countMax, 2) });
    case "names":
      return fc
        .dictionary(fc.constantFrom("tip", "charity", "constructor"), modelOf(shape.of, bags))
        .map((names) => new Map(Object.entries(names)));
    case "map":
      return fc
        .tuple(
          ...shape.entries.map(({ key, required, of }) => {
            const pair = modelOf(of, bags).map((value) => [key, value] as const);
            return required ? pair : fc.option(pair);
          }),
        )
        .map((pairs) => new Map(pairs.flatMap((pair) => (pair === null ? [] : [pair]))));
    case "named":
      return modelOf(shape.of, bags);
    default:
      return arbitraryOf(shape);
  }
}

function plainOf(text: string, bags: number): fc.Arbitrary<CborValue> {
  if (text === "data") return bagOf(bags);
  if (text === "tstr .size (0..3)") return fc.constantFrom("GBP", "USD", "JPY");
  if (text === "tstr .size (0..4)") return fc.constantFrom("2712", "3001");
  if (text.startsWith("tstr")) return fc.constantFrom("", "a", "a text", "ünï");
  return arbitraryOf({ is: "plain", text });
}

function bagOf(bags: number): fc.Arbitrary<CborValue> {
  if (bags === 0) return fc.constant(new Map());
  const value = fc.constantFrom(...VALUES).chain(([number, of]) => {
    const inner = "cddl" in of ? modelOf(of.cddl, bags - 1) : of;
    return inner.map((one): CborValue => [number, one]);
  });
  return fc
    .dictionary(fc.constantFrom("token", "x", "toString"), value, { maxKeys: 2 })
    .map((names) => new Map(Object.entries(names)));
}
