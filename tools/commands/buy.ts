// sluice buy: one whole purchase, from finding the device to the receipt.

import type { Dealer } from "../../firmware/consumer/dealer.ts";
import type { Purchase } from "../../firmware/consumer/purchase.ts";
import { formatMinor } from "../../firmware/money.ts";
import { ok, type Result } from "../../firmware/result.ts";
import type { Command } from "../command.ts";
import { type Buyer, CONSUMER_HELP, CONSUMER_OPTIONS, withBuyer } from "../consumer.ts";
import { deliver } from "../delivery-view.ts";
import { openDealer } from "../device-choice.ts";
import type { OptionValues } from "../option-value.ts";
import {
  type ChosenPayment,
  PAYMENT_HELP,
  PAYMENT_OPTIONS,
  payOptionsOf,
  readPayment,
} from "../payment-options.ts";
import { offerFact, offerRows } from "../sale-text.ts";
import { pickPrice, pickService, readWanted, type Wanted, withCounterOffer } from "../selection.ts";
import { withNextStep } from "./pay.ts";

export const buy: Command = {
  name: "buy",
  summary: "buy, from finding the device to the receipt",
  usage:
    "[--units N] [--service N] [--price N] [--max MINOR] [--card NUMBER] [--save FILE] [options]",
  help: `Finds the device, asks for an offer, pays, takes delivery and keeps the receipt. What is not
named is picked, and said. Ctrl-C ends a delivery and waits for the receipt, a second one leaves.

  --units N          how many units (default: 1, or the least that can be bought)
  --service N        from "sluice services" (default: the first that is free)
  --price N          from "sluice prices" (default: the first)
  --max MINOR        pay no more than this in all, in minor units (250 is 2.50 EUR)
  --save FILE        also keep the receipt bundle there
  --to NAME|ID       which device; needed only when several are there
${PAYMENT_HELP}
${CONSUMER_HELP}

example: sluice buy --units 3 --max 200`,
  options: {
    ...CONSUMER_OPTIONS,
    ...PAYMENT_OPTIONS,
    to: { type: "string" },
    service: { type: "string" },
    price: { type: "string" },
    units: { type: "string" },
    max: { type: "string" },
    save: { type: "string" },
  },
  positionalsMax: 0,
  run: (invocation) =>
    withBuyer(invocation, readOrder, async (buyer, { chosen, wanted }) => {
      const dealer = await openDealer(buyer);
      if (!dealer.ok) return dealer;
      const paid = await payFor(buyer, dealer.value, wanted, chosen);
      return paid.ok ? deliver(buyer, dealer.value, paid.value, undefined) : paid;
    }),
};

function readOrder(values: OptionValues): Result<{ chosen: ChosenPayment; wanted: Wanted }> {
  const chosen = readPayment(values);
  if (!chosen.ok) return chosen;
  const wanted = readWanted(values);
  return wanted.ok ? ok({ chosen: chosen.value, wanted: wanted.value }) : wanted;
}

async function payFor(
  buyer: Buyer,
  dealer: Dealer,
  wanted: Wanted,
  chosen: ChosenPayment,
): Promise<Result<Purchase>> {
  const { out } = buyer;
  const service = await pickService(buyer, dealer, wanted.service);
  if (!service.ok) return service;
  const price = await pickPrice(buyer, dealer, service.value, wanted.price);
  if (!price.ok) return price;
  const selection = { service: service.value, price: price.value, units: wanted.units ?? 1 };
  let made = await dealer.select(selection, wanted.totalMinorMax);
  const least = made.ok ? undefined : made.fault.supply?.units;
  if (wanted.units === undefined && least !== undefined && least > selection.units) {
    out.say(`${least} units, the least that can be bought (--units buys more)`);
    selection.units = least;
    made = await dealer.select(selection, wanted.totalMinorMax);
  }
  if (!made.ok) {
    return { ok: false, fault: withCounterOffer(made.fault, "buy", selection, buyer.values) };
  }
  const { offer, purchase } = made.value;
  const { totalMinor, currency, id } = offer;
  out.emit({ step: "select", ref: id, device: dealer.device, ...offerFact(offer) });
  for (const line of offerRows(offer)) out.say(line);
  out.say(`paying ${formatMinor(totalMinor, currency)} with ${chosen.shown}`);
  const paid = await dealer.pay(purchase, chosen.cards[0], payOptionsOf(chosen, offer, out));
  if (!paid.ok) return { ok: false, fault: withNextStep(paid.fault, id) };
  const { state, device } = paid.value;
  out.emit({ step: "pay", order: id, device, totalMinor, currency, state });
  out.say(`order ${id} is paid`);
  return ok(paid.value);
}
