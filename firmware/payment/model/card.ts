// A card as the flow may see it: masked for people, a token for applications. A whole number never gets here.

import { field, map, named, type Of, optional, refuse, text } from "../../protocol/schema.ts";
import { token } from "./customer.ts";
import { data } from "./data.ts";
import { refined } from "./refined.ts";

/** Digits of a card number that may be seen. */
const CLEAR_DIGITS_MAX = 10;

const maskedPan = refined(text(24), (pan, at) => {
  if (pan.replace(/\P{Nd}/gu, "").length > CLEAR_DIGITS_MAX) {
    refuse(at, `must show at most ${CLEAR_DIGITS_MAX} digits`);
  }
});

const expiry = refined(text(4), (value, at) => {
  if (!/^\d\d(0[1-9]|1[0-2])$/.test(value)) refuse(at, "must be a year and a month, YYMM");
});

/** `network` and `entryMethod` stand in `data`. An empty card has none of these. */
export const card = named(
  "card",
  map({
    /** At most ten digits; anything else is mask. */
    maskedPan: optional(1, maskedPan),
    cardholderName: optional(2, text(40)),
    /** YYMM. */
    expiry: optional(3, expiry),
    token: optional(4, token),
    data: field(5, data),
  }),
);
export type Card = Readonly<Of<typeof card>>;
