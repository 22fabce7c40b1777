// Card numbers as people may see them, and cards put together from what a reader or a host says.

import { fail, ok, type Result } from "../../result.ts";
import { type Card, card } from "./card.ts";
import { NO_DATA } from "./data.ts";
import { checkedCopy } from "./freeze.ts";

/** A card of which nothing is known. */
export const EMPTY_CARD: Card = Object.freeze({ data: NO_DATA });

const LENGTH_MIN = 12;
const LENGTH_MAX = 19;
const FIRST_SHOWN = 6;
const LAST_SHOWN = 4;

/**
 * The number with all but its first six and last four digits masked: 12 to 19 digits, those of the shorter schemes
 * included; spaces are passed over. `malformed` at `pan`, which the message does not repeat.
 */
export function maskPan(pan: string): Result<string> {
  const digits = pan.replaceAll(" ", "");
  if (!/^\d+$/.test(digits) || digits.length < LENGTH_MIN || digits.length > LENGTH_MAX) {
    return fail("malformed", `a card number has ${LENGTH_MIN} to ${LENGTH_MAX} digits`, "pan");
  }
  const masked = "X".repeat(digits.length - FIRST_SHOWN - LAST_SHOWN);
  return ok(digits.slice(0, FIRST_SHOWN) + masked + digits.slice(-LAST_SHOWN));
}

/** A card of these parts. `malformed` at the field: more than ten digits in clear, an expiry that is not YYMM. */
export function newCard(parts: Partial<Card>): Result<Card> {
  return checkedCopy(card, { data: NO_DATA, ...parts }, "card");
}

export function isEmptyCard({ maskedPan, cardholderName, expiry, token, data }: Card): boolean {
  const isNameless = maskedPan === undefined && cardholderName === undefined;
  const isBare = expiry === undefined && token === undefined && Object.keys(data).length === 0;
  return isNameless && isBare;
}

/** "2010" as "10/2020". Undefined when there is none, or it is no year and month. */
export function formatExpiry({ expiry }: Pick<Card, "expiry">): string | undefined {
  const [, year, month] = /^(\d\d)(0[1-9]|1[0-2])$/.exec(expiry ?? "") ?? [];
  return month === undefined ? undefined : `${month}/20${year}`;
}
