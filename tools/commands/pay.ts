// sluice pay: pays an offer, once however often it is called.

import type { FaultKind } from "../../firmware/fault.ts";
import { formatMinor } from "../../firmware/money.ts";
import { type Fault, ok } from "../../firmware/result.ts";
import type { Command } from "../command.ts";
import { CONSUMER_HELP, CONSUMER_OPTIONS, withBuyer } from "../consumer.ts";
import { openDealerOf } from "../device-choice.ts";
import { nextCommand } from "../next-command.ts";
import { findOrder } from "../order-reference.ts";
import { PAYMENT_HELP, PAYMENT_OPTIONS, payOptionsOf, readPayment } from "../payment-options.ts";
import { keptOffer } from "../receipt-keeping.ts";

export const pay: Command = {
  name: "pay",
  summary: "pay an offer",
  usage: "REF [--card NUMBER]... [--expiry YYMM] [--method NAME] [--extras-up-to N] [options]",
  help: `Pays the order REF (its id, the beginning of it, or last). The card is sealed to the payment
host: the device cannot read it. Call it again when the answer was lost: it is charged once.

${PAYMENT_HELP}
${CONSUMER_HELP}

example: sluice pay last --card decline --card approve`,
  options: { ...CONSUMER_OPTIONS, ...PAYMENT_OPTIONS },
  positionalsMax: 1,
  run: (invocation) =>
    withBuyer(invocation, readPayment, async (buyer, chosen) => {
      const { positionals, consumer, values, out } = buyer;
      const order = await findOrder(consumer.purchases, positionals[0]);
      if (!order.ok) return order;
      const offer = keptOffer(order.value);
      if (!offer.ok) return offer;
      const dealer = await openDealerOf(buyer, order.value);
      if (!dealer.ok) return dealer;
      const { totalMinor, currency, id } = offer.value;
      out.say(`paying ${formatMinor(totalMinor, currency)} with ${chosen.shown}`);
      const paid = await dealer.value.pay(
        order.value,
        chosen.cards[0],
        payOptionsOf(chosen, offer.value, out),
      );
      if (!paid.ok) return { ok: false, fault: withNextStep(paid.fault, id) };
      const { state, device } = paid.value;
      out.emit({ step: "pay", order: id, device, totalMinor, currency, state });
      out.say(state === "closed" ? `order ${id} was paid, and is closed` : `order ${id} is paid`);
      if (state === "paid") out.say(`take delivery with: ${nextCommand("begin", id, values)}`);
      return ok(undefined);
    }),
};

const UNDECIDED = "it is not known whether it was paid: sluice status REF asks the device";
const LATER = "no money moved: sluice pay REF tries again, as long as the offer lasts";
const NEXT: Partial<Record<FaultKind, string>> = {
  "not-ready": LATER,
  "too-many": LATER,
  "timed-out": UNDECIDED,
  "payment-pending": UNDECIDED,
  internal: UNDECIDED,
  "credential-invalid":
    "it takes another card, or an account that covers it; sluice quote asks anew",
  "payment-rejected":
    "nothing at the device takes it in this way: try without --method; the log of sluice run says why",
  "payment-cancelled": "it was cancelled, and what was taken goes back",
  "over-limit": "sluice limit shows what is used of it",
};

/** A payment's fault, and what to type about this order. */
export function withNextStep(fault: Fault, order: string): Fault {
  const next = NEXT[fault.kind]?.replace("REF", order);
  return next === undefined ? fault : { ...fault, message: `${fault.message}; ${next}` };
}
