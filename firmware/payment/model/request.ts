// A request that is no payment (a reversal, a token, a receipt again) and its answer.

import { field, flag, map, named, type Of, optional, text } from "../../protocol/schema.ts";
import { data } from "./data.ts";
import { identifier } from "./transaction.ts";

export const request = named(
  "request",
  map({
    id: field(1, identifier),
    type: field(2, identifier),
    flowName: optional(3, identifier),
    data: field(4, data),
    /** Only this service is asked. */
    target: optional(5, text(32)),
    background: field(6, flag),
    source: field(7, identifier),
  }),
);
export type Request = Readonly<Of<typeof request>>;

export const response = named(
  "response",
  map({
    /** Of the request. */
    id: field(1, identifier),
    type: field(2, identifier),
    success: field(3, flag),
    outcomeMessage: field(4, text(96)),
    data: field(5, data),
    /** Absent where no service answered. */
    service: optional(6, text(32)),
    background: field(7, flag),
  }),
);
export type Response = Readonly<Of<typeof response>>;
