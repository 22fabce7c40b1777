// A question about flows that have ended, by who started them.

import { field, map, named, type Of, oneOf, optional, uint } from "../../protocol/schema.ts";
import { identifier } from "./transaction.ts";

export const RESPONSE_KINDS = { payment: 1, generic: 2 } as const;

export const responseQuery = named(
  "response-query",
  map({
    /** Wins over everything else. */
    requestId: optional(1, identifier),
    flowName: optional(2, identifier),
    flowType: optional(3, identifier),
    /** Both or none; from before to. */
    fromMs: optional(4, uint(Number.MAX_SAFE_INTEGER)),
    toMs: optional(5, uint(Number.MAX_SAFE_INTEGER)),
    maxResults: field(6, uint(10_000)),
    kind: field(7, named("response-kind", oneOf(RESPONSE_KINDS))),
  }),
);
export type ResponseQuery = Readonly<Of<typeof responseQuery>>;
