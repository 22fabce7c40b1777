// What is sold: a basket of items. Amounts of items and of their modifiers are in millionths of the minor unit, so
// that percentages are exact; the basket is rounded once, on its total.

import {
  field,
  flag,
  int,
  list,
  map,
  named,
  type Of,
  oneOf,
  optional,
  text,
  uint,
} from "../../protocol/schema.ts";
import { data } from "./data.ts";

export const ITEMS_MAX = 32;
const MODIFIERS_MAX = 8;
export const MILLIONTHS = 1_000_000;
/** Of an item: 10^9 minor units. */
const MILLIONTHS_MAX = 1_000_000_000_000_000;
const millionths = int(-MILLIONTHS_MAX, MILLIONTHS_MAX);

export const ROUNDINGS = { nearest: 1, up: 2, down: 3 } as const;
export type Rounding = keyof typeof ROUNDINGS;

export const modifier = named(
  "modifier",
  map({
    id: optional(1, text(40)),
    name: field(2, text(40)),
    /** tax, extra, deduction, discount, or another. */
    type: field(3, text(24)),
    /** Wins over the rate when it is there and not zero. */
    amountMillionths: optional(4, millionths),
    /** Of the item's base; not compounded. 24.56 % is 245,600. */
    rateMillionths: optional(5, int(-1_000_000_000, 1_000_000_000)),
  }),
);
export type Modifier = Readonly<Of<typeof modifier>>;

export const measurement = named(
  "measurement",
  map({ valueMillionths: field(1, millionths), unit: field(2, text(8)) }),
);
export type Measurement = Readonly<Of<typeof measurement>>;

export const basketItem = named(
  "basket-item",
  map({
    id: field(1, text(40)),
    label: field(2, text(48)),
    category: optional(3, text(32)),
    /** One item with its modifiers, rounded to whole minor units. */
    amountMinor: field(4, int(-1_000_000_000_000, 1_000_000_000_000)),
    /** One item without its modifiers. */
    baseMillionths: field(5, millionths),
    quantity: field(6, uint(1_000_000)),
    measurement: optional(7, measurement),
    modifiers: optional(8, list(modifier, MODIFIERS_MAX)),
    data: optional(9, data),
  }),
);
export type BasketItem = Readonly<Of<typeof basketItem>>;

export const basket = named(
  "basket",
  map({
    id: field(1, text(40)),
    name: field(2, text(40)),
    items: field(3, list(basketItem, ITEMS_MAX)),
    data: field(4, data),
    /** The one that the flow was started with; those of flow services are secondary. */
    primary: field(5, flag),
    rounding: field(6, named("rounding", oneOf(ROUNDINGS))),
  }),
);
export type Basket = Readonly<Of<typeof basket>>;
