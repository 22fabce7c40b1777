// A receipt in a few words, for a page or a timeline.

import { formatMinor } from "../firmware/money.ts";
import type { Order } from "../firmware/producer/order.ts";
import type { Receipt } from "../firmware/token/receipt.ts";
import { causeWords } from "../firmware/token/stop-words.ts";

type Terms = Pick<Order["terms"], "unit" | "currency">;

/** `terms`: of its order, where that is known; amounts are in minor units else. */
export function receiptWords(receipt: Receipt, terms: Terms | undefined): readonly string[] {
  const money = (minor: number): string =>
    terms === undefined ? String(minor) : formatMinor(minor, terms.currency);
  const { number, milliUnits, amountMinor, reason, breakdown } = receipt;
  const amount = `${(milliUnits / 1000).toFixed(3)} ${terms?.unit ?? "units"}`;
  const { why } = causeWords({ reason, cause: breakdown?.cause });
  const head = [`receipt ${number}`, amount, money(amountMinor)];
  const stopped = why === undefined ? reason : `${reason}: ${why}`;
  if (receipt.is === "session") {
    return [...head, `session ${receipt.session}`, stopped];
  }
  const { capturedMinor, refundedMinor, forfeitedMinor, owedMinor } = receipt;
  const moved: readonly (readonly [string, number])[] = [
    ["captured", capturedMinor],
    ["refunded", refundedMinor],
    ["forfeited", forfeitedMinor],
    ["owed", owedMinor],
  ];
  const words = moved
    .filter(([, minor]) => minor > 0)
    .map(([what, minor]) => `${what} ${money(minor)}`);
  return [...head, "settlement", ...words, stopped];
}
