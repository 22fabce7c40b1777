// Tax, as it may stand beside a payment: for information, since it is contained in the base amount.

import { field, list, map, named, type Of, optional, text, uint } from "../../protocol/schema.ts";
import { minor } from "./amounts.ts";

export const taxInfo = named(
  "tax-info",
  map({
    taxMinor: optional(1, minor),
    rates: field(
      2,
      list(
        named(
          "tax-rate",
          map({
            /** Percent in millionths of the whole: 20.5 % is 205,000. */
            rateMillionths: field(1, uint(1_000_000)),
            label: field(2, text(40)),
          }),
        ),
        8,
      ),
    ),
  }),
);
export type TaxInfo = Readonly<Of<typeof taxInfo>>;
