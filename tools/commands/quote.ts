// sluice quote: a signed offer for so many units, kept as an order of ours.

import type { Selection } from "../../firmware/consumer/checks.ts";
import { ok, type Result } from "../../firmware/result.ts";
import type { Command } from "../command.ts";
import { CONSUMER_HELP, CONSUMER_OPTIONS, withBuyer } from "../consumer.ts";
import { openDealer } from "../device-choice.ts";
import { nextCommand } from "../next-command.ts";
import { integerOption, neededInteger, type OptionValues } from "../option-value.ts";
import { offerFact, offerRows, timeText } from "../sale-text.ts";
import { AMOUNT_BOUNDS, ID_BOUNDS, UNITS_BOUNDS, withCounterOffer } from "../selection.ts";

export const quote: Command = {
  name: "quote",
  summary: "ask for a signed offer; prints its REF",
  usage: "--service N --price N --units N [--max MINOR] [--to NAME|ID] [options]",
  help: `Asks for an offer and keeps it. It expires, and reserves nothing. REF stands for it from then on.

  --service N        from "sluice services"
  --price N          from "sluice prices"
  --units N          how many units
  --max MINOR        refuse an offer whose total is above, in minor units (250 is 2.50 EUR)
  --to NAME|ID       which device; needed only when several are there
${CONSUMER_HELP}

example: sluice quote --service 1 --price 1 --units 3 --max 200`,
  options: {
    ...CONSUMER_OPTIONS,
    to: { type: "string" },
    service: { type: "string" },
    price: { type: "string" },
    units: { type: "string" },
    max: { type: "string" },
  },
  positionalsMax: 0,
  run: (invocation) =>
    withBuyer(invocation, readQuestion, async (buyer, { selection, totalMinorMax }) => {
      const { out } = buyer;
      const dealer = await openDealer(buyer);
      if (!dealer.ok) return dealer;
      const made = await dealer.value.select(selection, totalMinorMax);
      if (!made.ok) {
        const fault = withCounterOffer(made.fault, "quote", selection, buyer.values);
        return { ok: false, fault };
      }
      const { offer } = made.value;
      out.emit({ step: "select", ref: offer.id, device: dealer.value.device, ...offerFact(offer) });
      for (const line of offerRows(offer)) out.say(line);
      out.say(`  expires      ${timeText(offer.expiresS)}`);
      out.say(`pay it with: ${nextCommand("pay", offer.id, buyer.values)}`);
      return ok(undefined);
    }),
};

interface Question {
  selection: Selection;
  totalMinorMax: number | undefined;
}

function readQuestion(values: OptionValues): Result<Question> {
  const service = neededInteger(values, "service", ID_BOUNDS);
  if (!service.ok) return service;
  const price = neededInteger(values, "price", ID_BOUNDS);
  if (!price.ok) return price;
  const units = neededInteger(values, "units", UNITS_BOUNDS);
  if (!units.ok) return units;
  const max = integerOption(values, "max", AMOUNT_BOUNDS);
  if (!max.ok) return max;
  const selection = { service: service.value, price: price.value, units: units.value };
  return ok({ selection, totalMinorMax: max.value });
}
