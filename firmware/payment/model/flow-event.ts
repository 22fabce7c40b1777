// What the engine, a service and who started the flow tell each other while it runs.

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
import { amounts } from "./amounts.ts";
import { data } from "./data.ts";
import { lines } from "./lines.ts";
import { identifier } from "./transaction.ts";

export const flowEvent = named(
  "flow-event",
  map({
    /** Open: a type that nobody knows is ignored and counted. */
    type: field(1, text(32)),
    /** A payload stands under the type's own name. */
    data: field(2, data),
    trigger: optional(3, text(32)),
    /** Of the flow's request or payment, and the service it concerns: set by the engine. */
    request: optional(4, identifier),
    service: optional(5, text(32)),
  }),
);
export type FlowEvent = Readonly<Of<typeof flowEvent>>;

export const confirmationRequest = named(
  "confirmation-request",
  map({
    id: field(1, identifier),
    /** card, signature, or one of the application's own. */
    type: field(2, text(24)),
    title: optional(3, text(48)),
    description: optional(4, text(96)),
    /** Options and input exclude each other. */
    options: optional(
      5,
      list(named("option", map({ value: field(1, text(24)), label: field(2, text(40)) })), 8),
    ),
    multiSelect: field(6, flag),
    input: optional(
      7,
      named(
        "confirmation-input",
        map({
          type: field(1, text(16)),
          lengthMin: optional(2, uint(96)),
          lengthMax: optional(3, uint(96)),
          pattern: optional(4, text(64)),
        }),
      ),
    ),
    /** An additional amount that the payer is asked to accept: its name and minor units. */
    extra: optional(
      8,
      named(
        "extra",
        map({ name: field(1, text(32)), amountMinor: field(2, int(1, 1_000_000_000)) }),
      ),
    ),
  }),
);
export type ConfirmationRequest = Readonly<Of<typeof confirmationRequest>>;

export const confirmationResponse = named(
  "confirmation-response",
  map({ request: field(1, identifier), values: field(2, list(text(96), 8)) }),
);
export type ConfirmationResponse = Readonly<Of<typeof confirmationResponse>>;

const FINAL_AMOUNTS = { known: 1, unknown: 2, abort: 3 } as const;
export const finalAmount = named(
  "final-amount",
  map({
    type: field(1, named("final-amount-type", oneOf(FINAL_AMOUNTS))),
    amounts: optional(2, amounts),
  }),
);
export type FinalAmount = Readonly<Of<typeof finalAmount>>;

export const receipt = named(
  "flow-receipt",
  map({
    type: field(1, text(24)),
    text: optional(2, lines(2048)),
    data: optional(3, text(2048)),
    format: optional(4, text(24)),
  }),
);
export type Receipt = Readonly<Of<typeof receipt>>;
