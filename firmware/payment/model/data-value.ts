// One typed value of additional data: `is` says of which type. A closed list, by number on the wire.

import { bytes, flag, int, list, refuse, type Type, text } from "../../protocol/schema.ts";
import { type Amount, type Amounts, amount, amounts } from "./amounts.ts";
import { type Basket, type BasketItem, basket, basketItem, ITEMS_MAX } from "./basket.ts";
import { type Card, card } from "./card.ts";
import { type Customer, customer, type Merchant, merchant, type Token, token } from "./customer.ts";
import { defineDataValues } from "./data.ts";
import {
  type ConfirmationRequest,
  type ConfirmationResponse,
  confirmationRequest,
  confirmationResponse,
  type FinalAmount,
  finalAmount,
  type Receipt,
  receipt,
} from "./flow-event.ts";
import { type ReceiptPart, receiptParts } from "./receipt-data.ts";
import { type TaxInfo, taxInfo } from "./tax-info.ts";
import { type Transaction, transaction } from "./transaction.ts";

/** What a value of each type is in memory. */
export interface DataTypes {
  text: string;
  flag: boolean;
  integer: number;
  texts: readonly string[];
  integers: readonly number[];
  bytes: Uint8Array;
  amount: Amount;
  amounts: Amounts;
  token: Token;
  card: Card;
  customer: Customer;
  merchants: readonly Merchant[];
  basket: Basket;
  "basket-item": BasketItem;
  "basket-items": readonly BasketItem[];
  transaction: Transaction;
  "confirmation-request": ConfirmationRequest;
  "confirmation-response": ConfirmationResponse;
  "final-amount": FinalAmount;
  receipt: Receipt;
  "tax-info": TaxInfo;
  "receipt-parts": readonly ReceiptPart[];
}
export type DataType = keyof DataTypes;
export type DataValue = {
  [K in DataType]: { readonly is: K; readonly value: DataTypes[K] };
}[DataType];

/** Numbers on the wire: only ever added to. */
export const DATA_TYPES: Readonly<Record<DataType, number>> = {
  text: 1,
  flag: 2,
  integer: 3,
  texts: 4,
  integers: 5,
  bytes: 6,
  amount: 7,
  amounts: 8,
  token: 9,
  card: 10,
  customer: 11,
  merchants: 12,
  basket: 13,
  "basket-item": 14,
  "basket-items": 15,
  transaction: 16,
  "confirmation-request": 17,
  "confirmation-response": 18,
  "final-amount": 19,
  receipt: 20,
  "tax-info": 21,
  "receipt-parts": 22,
};

const TEXT_BYTES_MAX = 512;
const TEXTS_MAX = 32;
const integer = int(-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);

const TYPES: { readonly [K in DataType]: Type<DataTypes[K]> } = {
  text: text(TEXT_BYTES_MAX),
  flag,
  integer,
  texts: list(text(TEXT_BYTES_MAX), TEXTS_MAX),
  integers: list(integer, TEXTS_MAX),
  bytes: bytes(0, 1024),
  amount,
  amounts,
  token,
  card,
  customer,
  merchants: list(merchant, 16),
  basket,
  "basket-item": basketItem,
  "basket-items": list(basketItem, ITEMS_MAX),
  transaction,
  "confirmation-request": confirmationRequest,
  "confirmation-response": confirmationResponse,
  "final-amount": finalAmount,
  receipt,
  "tax-info": taxInfo,
  "receipt-parts": receiptParts,
};
const BY_NUMBER = new Map(
  Object.entries(DATA_TYPES).map(([name, number]) => [number, name as DataType]),
);

function typeOf(is: DataType): Type<unknown> {
  return TYPES[is] as unknown as Type<unknown>;
}

const dataValue: Type<DataValue> = {
  toCbor: ({ is, value }) => [DATA_TYPES[is], typeOf(is).toCbor(value)],
  fromCbor: (value, at) => {
    const [number, inner] = Array.isArray(value) ? value : [];
    const is = typeof number === "number" ? BY_NUMBER.get(number) : undefined;
    if (is === undefined || inner === undefined) return refuse(at, "must be a type and a value");
    return { is, value: typeOf(is).fromCbor(inner, at) } as DataValue;
  },
  toJson: ({ is, value }) => ({ is, value: typeOf(is).toJson(value) }),
  fromJson: (value, at) => {
    const { is, value: inner } = Object(value) as { is?: unknown; value?: unknown };
    if (typeof is !== "string" || !Object.hasOwn(TYPES, is)) {
      return refuse(`${at}.is`, `must be one of ${Object.keys(TYPES).join(", ")}`);
    }
    const type = typeOf(is as DataType);
    return { is, value: type.fromJson(inner, `${at}.value`) } as DataValue;
  },
  bytesMax: 4096,
  cddl: { is: "plain", text: `[data-type: 1..${BY_NUMBER.size}, value: any]` },
};
defineDataValues(dataValue);
