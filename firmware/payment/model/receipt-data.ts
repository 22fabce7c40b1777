// Text that services want on the receipt: where it stands, on whose receipt, and after which outcome.

import { field, list, map, named, type Of, oneOf } from "../../protocol/schema.ts";
import { lines } from "./lines.ts";

const RECEIPT_POSITIONS = { basket: 1, header: 2, footer: 3 } as const;
const RECEIPT_KINDS = { all: 1, customer: 2, merchant: 3 } as const;
const RECEIPT_STATES = { all: 1, success: 2, failure: 3 } as const;

export const receiptPart = named(
  "receipt-part",
  map({
    position: field(1, named("receipt-position", oneOf(RECEIPT_POSITIONS))),
    kind: field(2, named("receipt-kind", oneOf(RECEIPT_KINDS))),
    state: field(3, named("receipt-state", oneOf(RECEIPT_STATES))),
    text: field(4, lines(512)),
  }),
);
export type ReceiptPart = Readonly<Of<typeof receiptPart>>;

export const receiptParts = list(receiptPart, 8);

/** The parts for one receipt, in their order. */
export function partsFor(
  parts: readonly ReceiptPart[],
  kind: "customer" | "merchant",
  state: "success" | "failure",
): readonly ReceiptPart[] {
  return parts.filter(
    (part) =>
      (part.kind === "all" || part.kind === kind) && (part.state === "all" || part.state === state),
  );
}
