// sluice prices: what the services of a device cost.

import { ok, type Result } from "../../firmware/result.ts";
import type { Command } from "../command.ts";
import { CONSUMER_HELP, CONSUMER_OPTIONS, withBuyer } from "../consumer.ts";
import { openDealer } from "../device-choice.ts";
import { integerOption, type OptionValues } from "../option-value.ts";
import { perUnitText, priceRows } from "../price-text.ts";
import { ID_BOUNDS } from "../selection.ts";

export const prices: Command = {
  name: "prices",
  summary: "list what a service costs",
  usage: "[--service N] [--to NAME|ID] [options]",
  help: `Asks a device for the prices of one service or of all: number, name, amount per unit
and, where there is more to say, tiers for further units, fees, tax, and which quantities are sold.

  --service N        only this service
  --to NAME|ID       which device; needed only when several are there
${CONSUMER_HELP}

example: sluice prices --service 1`,
  options: { ...CONSUMER_OPTIONS, to: { type: "string" }, service: { type: "string" } },
  positionalsMax: 0,
  run: (invocation) =>
    withBuyer(invocation, readService, async (buyer, named) => {
      const { out } = buyer;
      const opened = await openDealer(buyer);
      if (!opened.ok) return opened;
      const dealer = opened.value;
      const listed = named === undefined ? await dealer.requestServices() : ok([]);
      if (!listed.ok) return listed;
      const wanted = named === undefined ? listed.value.map((one) => one.service) : [named];
      for (const service of wanted) {
        const asked = await dealer.getPrices(service);
        if (!asked.ok) return asked;
        for (const one of asked.value) {
          const { price, name, unit, amountMinor, currency } = one;
          out.emit({ step: "prices", device: dealer.device, service, ...one });
          const perUnit = perUnitText(amountMinor, currency, unit);
          out.say(`  service ${service}, price ${price}  ${name}  ${perUnit}`);
          for (const row of priceRows(one)) out.say(`       ${row}`);
        }
      }
      return ok(undefined);
    }),
};

function readService(values: OptionValues): Result<number | undefined> {
  return integerOption(values, "service", ID_BOUNDS);
}
