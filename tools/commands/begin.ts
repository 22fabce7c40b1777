// sluice begin: takes delivery of a paid order, and stays until it stops.

import type { Result } from "../../firmware/result.ts";
import type { Command } from "../command.ts";
import { CONSUMER_HELP, CONSUMER_OPTIONS, withBuyer } from "../consumer.ts";
import { deliver } from "../delivery-view.ts";
import { openDealerOf } from "../device-choice.ts";
import { integerOption, type OptionValues } from "../option-value.ts";
import { findOrder } from "../order-reference.ts";
import { UNITS_BOUNDS } from "../selection.ts";

export const begin: Command = {
  name: "begin",
  summary: "take delivery of a paid order, until it stops",
  usage: "REF [--units N] [--save FILE] [options]",
  help: `Begins delivery of the order REF (its id, the beginning of it, or last) and stays until it
stops; then shows the receipt. Ctrl-C ends the delivery and waits for the receipt, a second one
leaves. A delivery that runs already is joined again.

  --units N          only so many of the units that are left
  --save FILE        also keep the receipt bundle there
${CONSUMER_HELP}

example: sluice begin last --units 2`,
  options: { ...CONSUMER_OPTIONS, units: { type: "string" }, save: { type: "string" } },
  positionalsMax: 1,
  run: (invocation) =>
    withBuyer(invocation, readUnits, async (buyer, units) => {
      const { positionals, consumer } = buyer;
      const order = await findOrder(consumer.purchases, positionals[0]);
      if (!order.ok) return order;
      const dealer = await openDealerOf(buyer, order.value);
      if (!dealer.ok) return dealer;
      return deliver(buyer, dealer.value, order.value, units);
    }),
};

function readUnits(values: OptionValues): Result<number | undefined> {
  return integerOption(values, "units", UNITS_BOUNDS);
}
