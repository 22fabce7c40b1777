// What becomes of an order's papers on the consumer's side: shown, and kept as a bundle beside the identity
// and wherever --save says.

import { join, resolve } from "node:path";
import type { Purchase } from "../firmware/consumer/purchase.ts";
import { ok, type Result } from "../firmware/result.ts";
import { type Offer, peekOffer } from "../firmware/token/offer.ts";
import { peekReceipt, type Receipt } from "../firmware/token/receipt.ts";
import type { Buyer } from "./consumer.ts";
import { writeOwnFile } from "./identity.ts";
import { textOption } from "./option-value.ts";
import { bundleText } from "./receipt-bundle.ts";
import { receiptFact, receiptRows } from "./sale-text.ts";

/** The offer of a journaled purchase: it was verified before it was journaled. */
export function keptOffer(purchase: Purchase): Result<Offer> {
  return peekOffer(purchase.offer);
}

/** The journaled receipts, oldest first: verified before they were journaled. */
export function keptReceipts(purchase: Purchase): readonly Receipt[] {
  const read = purchase.receipts.map((signed) => peekReceipt(signed));
  return read.flatMap((one) => (one.ok ? [one.value] : []));
}

type Keeper = Pick<Buyer, "identity" | "values" | "out">;

/** Writes the bundle and tells where. Throws HalError `refused`. */
function keepBundle(buyer: Keeper, purchase: Purchase): string {
  const { identity, values } = buyer;
  const text = bundleText(purchase);
  const own = join(identity.folder, "receipts", `${purchase.id}.json`);
  writeOwnFile(own, text);
  const save = textOption(values, "save");
  if (save === undefined) return own;
  writeOwnFile(resolve(save), text);
  return resolve(save);
}

/** Shows receipts, keeps the bundle, says how to check it. */
export function tellReceipts(
  buyer: Keeper,
  purchase: Purchase,
  receipts: readonly Receipt[],
): Result<void> {
  const { out } = buyer;
  const offer = keptOffer(purchase);
  if (!offer.ok) return offer;
  const file = keepBundle(buyer, purchase);
  for (const receipt of receipts) {
    out.emit({
      step: "receipt",
      device: purchase.device,
      ...receiptFact(receipt, offer.value),
      file,
    });
    for (const line of receiptRows(receipt, offer.value)) out.say(line);
  }
  out.say(`kept in ${file}`);
  out.say(`check it with: sluice verify ${file}`);
  return ok(undefined);
}
