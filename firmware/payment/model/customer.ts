// Who pays, and tokens that stand for a card or an account of theirs.

import { field, list, map, named, type Of, optional, text } from "../../protocol/schema.ts";
import { data } from "./data.ts";

export const token = named(
  "token",
  map({
    value: field(1, text(96)),
    /** What it stands for, such as "card". */
    source: optional(2, text(16)),
    algorithm: optional(3, text(24)),
    /** The service that made it: only that service is called to pay with it. Set by the engine. */
    sourceService: optional(4, text(32)),
  }),
);
export type Token = Readonly<Of<typeof token>>;

export const customer = named(
  "customer",
  map({
    /** Unique within the application that made it. */
    id: field(1, text(40)),
    fullName: optional(2, text(64)),
    tokens: field(3, list(token, 8)),
    details: field(4, data),
  }),
);
export type Customer = Readonly<Of<typeof customer>>;

export const merchant = named(
  "merchant",
  map({ id: field(1, text(32)), name: field(2, text(48)) }),
);
export type Merchant = Readonly<Of<typeof merchant>>;
