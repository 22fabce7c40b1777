// What becomes of an order's papers on the consumer's side: shown, and kept as a bundle beside the identity
// and wherever --save says.

import { join, resolve } from "node:path";
import { isBearers, termsOf } from "../firmware/consumer/prepaid-purchase.ts";
import type { Purchase } from "../firmware/consumer/purchase.ts";
import { ok, type Result } from "../firmware/result.ts";
import type { Offer } from "../firmware/token/offer.ts";
import { peekReceipt, type Receipt } from "../firmware/token/receipt.ts";
import type { Buyer } from "./consumer.ts";
import { writeOwnFile } from "./identity.ts";
import { textOption } from "./option-value.ts";
import { bundleText } from "./receipt-bundle.ts";
import { receiptFact, receiptRows } from "./sale-text.ts";

/**
 * The terms of a journaled purchase: its paper was verified before it was journaled. Pulses and units of a prepaid
 * token go together only by the `grantPulses` that its device counts for it.
 */
export function keptOffer(purchase: Purchase, grantPulses?: number): Result<Offer> {
  return termsOf(purchase, grantPulses);
}

/** The journaled receipts, oldest first: verified before they were journaled. */
export function keptReceipts(purchase: Purchase): readonly Receipt[] {
  const read = purchase.receipts.map((signed) => peekReceipt(signed));
  return read.flatMap((one) => (one.ok ? [one.value] : []));
}

type Keeper = Pick<Buyer, "identity" | "values" | "out">;

/** Writes the bundle and tells where; none yet of a bearer token that may be good. Throws HalError `refused`. */
function keepBundle(buyer: Keeper, purchase: Purchase): string | undefined {
  const { identity, values } = buyer;
  // The bundle holds the token, and is made to be shown to others.
  if (isBearers(purchase) && purchase.state !== "closed") return undefined;
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
  if (file === undefined) {
    out.say(
      "kept with your orders; whoever has a bundle has the token, so there is one when it is used up",
    );
    return ok(undefined);
  }
  out.say(`kept in ${file}`);
  out.say(`check it with: sluice verify ${file}`);
  return ok(undefined);
}
