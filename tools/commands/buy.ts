// sluice buy: one whole purchase, from finding the device to the receipt.

import type { Dealer } from "../../firmware/consumer/dealer.ts";
import type { Purchase, StreamTerms } from "../../firmware/consumer/purchase.ts";
import { formatMinor } from "../../firmware/money.ts";
import { ok, type Result } from "../../firmware/result.ts";
import { countText } from "../../firmware/units.ts";
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
import {
  BY_THE_UNIT_HELP,
  BY_THE_UNIT_OPTIONS,
  chooseStream,
  readByTheUnit,
  type WantedStream,
} from "../stream-options.ts";
import { withNextStep } from "./pay.ts";

export const buy: Command = {
  name: "buy",
  summary: "buy, from finding the device to the receipt",
  usage:
    "[--units N] [--service N] [--price N] [--max MINOR] [--card NUMBER] [--stream] [--save FILE] [options]",
  help: `Finds the device, asks for an offer, pays, takes delivery and keeps the receipt. What is not
named is picked, and said. Ctrl-C ends a delivery and waits for the receipt, a second one leaves.

  --units N          how many units (default: 1, or the least that can be bought)
  --service N        from "sluice services" (default: the first that is free)
  --price N          from "sluice prices" (default: the first)
  --max MINOR        pay no more than this in all, in minor units (250 is 2.50 EUR)
  --save FILE        also keep the receipt bundle there
  --to NAME|ID       which device; needed only when several are there
${BY_THE_UNIT_HELP}
${PAYMENT_HELP}
${CONSUMER_HELP}

example: sluice buy --units 3 --max 200
         sluice buy --units 3 --stream --window 0`,
  options: {
    ...CONSUMER_OPTIONS,
    ...PAYMENT_OPTIONS,
    ...BY_THE_UNIT_OPTIONS,
    to: { type: "string" },
    service: { type: "string" },
    price: { type: "string" },
    units: { type: "string" },
    max: { type: "string" },
    save: { type: "string" },
  },
  positionalsMax: 0,
  run: (invocation) =>
    withBuyer(invocation, readOrder, async (buyer, order) => {
      const dealer = await openDealer(buyer);
      if (!dealer.ok) return dealer;
      const paid = await payFor(buyer, dealer.value, order);
      if (!paid.ok) return paid;
      const { purchase, stream } = paid.value;
      return deliver(buyer, dealer.value, purchase, undefined, stream);
    }),
};

interface Order {
  chosen: ChosenPayment;
  wanted: Wanted;
  /** By the unit; undefined for in one piece. */
  stream: WantedStream | undefined;
}

function readOrder(values: OptionValues): Result<Order> {
  const chosen = readPayment(values);
  if (!chosen.ok) return chosen;
  const wanted = readWanted(values);
  if (!wanted.ok) return wanted;
  const stream = readByTheUnit(values, chosen.value);
  if (!stream.ok) return stream;
  return ok({ chosen: chosen.value, wanted: wanted.value, stream: stream.value });
}

interface Paid {
  purchase: Purchase;
  stream: StreamTerms | undefined;
}

async function payFor(
  buyer: Buyer,
  dealer: Dealer,
  { wanted, chosen, stream: byTheUnit }: Order,
): Promise<Result<Paid>> {
  const { out } = buyer;
  const service = await pickService(buyer, dealer, wanted.service, byTheUnit !== undefined);
  if (!service.ok) return service;
  const stream = byTheUnit
    ? await chooseStream(buyer, dealer, service.value, byTheUnit)
    : ok(undefined);
  if (!stream.ok) return stream;
  const price = await pickPrice(buyer, dealer, service.value, wanted.price);
  if (!price.ok) return price;
  const selection = { service: service.value, price: price.value, units: wanted.units ?? 1 };
  let made = await dealer.select(selection, wanted.totalMinorMax);
  const least = made.ok ? undefined : made.fault.supply?.units;
  if (wanted.units === undefined && least !== undefined && least > selection.units) {
    out.say(`${countText(least, "unit")}, the least that can be bought (--units buys more)`);
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
  const total = formatMinor(totalMinor, currency);
  out.say(
    stream.value ? `holding ${total} on ${chosen.shown}` : `paying ${total} with ${chosen.shown}`,
  );
  const options = payOptionsOf(chosen, offer, out);
  const paid = await dealer.pay(purchase, chosen.cards[0], {
    ...options,
    ...(stream.value && { stream: stream.value }),
  });
  if (!paid.ok) return { ok: false, fault: withNextStep(paid.fault, id) };
  const { state, device } = paid.value;
  out.emit({ step: "pay", order: id, device, totalMinor, currency, state });
  out.say(stream.value ? `order ${id} is held, and paid by the unit` : `order ${id} is paid`);
  return ok({ purchase: paid.value, stream: stream.value });
}
