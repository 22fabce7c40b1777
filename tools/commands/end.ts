// sluice end: ends the running delivery of an order, or closes an idle one, from any process of its owner.

import type { Dealer } from "../../firmware/consumer/dealer.ts";
import type { Purchase } from "../../firmware/consumer/purchase.ts";
import { ok, type Result } from "../../firmware/result.ts";
import type { Command } from "../command.ts";
import {
  type Buyer,
  CONSUMER_HELP,
  CONSUMER_OPTIONS,
  NOTHING_MORE,
  withBuyer,
} from "../consumer.ts";
import { openDealerOf } from "../device-choice.ts";
import { findOrder } from "../order-reference.ts";
import { keptOffer, keptReceipts, tellReceipts } from "../receipt-keeping.ts";
import { awaitReceipts } from "../receipt-waiting.ts";

export const end: Command = {
  name: "end",
  summary: "end a delivery, or close an idle order",
  usage: "REF [--save FILE] [options]",
  help: `Ends the delivery of the order REF (its id, the beginning of it, or last) wherever it was
begun, and shows the receipt. An idle order is closed and what is left of it refunded, if the
service refunds; else it stays good.

  --save FILE        also keep the receipt bundle there
${CONSUMER_HELP}

example: sluice end last`,
  options: { ...CONSUMER_OPTIONS, save: { type: "string" } },
  positionalsMax: 1,
  run: (invocation) =>
    withBuyer(invocation, NOTHING_MORE, async (buyer) => {
      const order = await findOrder(buyer.consumer.purchases, buyer.positionals[0]);
      if (!order.ok) return order;
      const dealer = await openDealerOf(buyer, order.value);
      if (!dealer.ok) return dealer;
      const ending = await dealer.value.end(order.value, "settle");
      if (!ending.ok) return ending;
      const { running } = ending.value;
      buyer.out.emit({ step: "end", order: order.value.id, running });
      return running
        ? tellSession(buyer, dealer.value, order.value)
        : tellSettlement(buyer, dealer.value, order.value);
    }),
};

async function tellSession(buyer: Buyer, dealer: Dealer, before: Purchase): Promise<Result<void>> {
  buyer.out.say("ending the delivery; its receipt follows");
  const had = before.receipts.length;
  const now = await awaitReceipts(buyer, dealer, before, ({ receipts }) => receipts.length > had);
  return now.ok ? tellReceipts(buyer, now.value, keptReceipts(now.value).slice(had)) : now;
}

async function tellSettlement(
  buyer: Buyer,
  dealer: Dealer,
  before: Purchase,
): Promise<Result<void>> {
  const offer = keptOffer(before);
  if (!offer.ok) return offer;
  if (before.state !== "closed" && offer.value.undelivered !== "refund") {
    buyer.out.say("nothing runs; what is left stays good until the token expires");
    return ok(undefined);
  }
  buyer.out.say("nothing runs; the order is closed and settled");
  const now = await awaitReceipts(buyer, dealer, before, ({ state }) => state === "closed");
  return now.ok ? tellReceipts(buyer, now.value, keptReceipts(now.value)) : now;
}
