// sluice readings: what a device's sensors say.

import { fail, ok } from "../../firmware/result.ts";
import type { Command } from "../command.ts";
import { CONSUMER_HELP, CONSUMER_OPTIONS, NOTHING_MORE, withBuyer } from "../consumer.ts";
import { openDealer } from "../device-choice.ts";

export const readings: Command = {
  name: "readings",
  summary: "list what a device's sensors say",
  usage: "[--to NAME|ID] [options]",
  help: `Asks a device for the last reading of each sensor: its value, how old that is, and whether it is good,
stale (too old to sell by) or lost (the sensor does not answer).

  --to NAME|ID       which device; needed only when several are there
${CONSUMER_HELP}

example: sluice readings --to "Virtual pump"`,
  options: { ...CONSUMER_OPTIONS, to: { type: "string" } },
  positionalsMax: 0,
  run: (invocation) =>
    withBuyer(invocation, NOTHING_MORE, async (buyer) => {
      const dealer = await openDealer(buyer);
      if (!dealer.ok) return dealer;
      const read = await dealer.value.readings();
      if (!read.ok) return read;
      if (read.value.length === 0) return fail("not-found", "the device has no sensors");
      for (const one of read.value) {
        const { sensor, value, unit, ageMs, quality } = one;
        buyer.out.emit({ step: "readings", device: dealer.value.device, ...one });
        const age = (ageMs / 1000).toFixed(1);
        buyer.out.say(`  ${sensor}  ${value} ${unit}  ${quality}, ${age} s old`);
      }
      return ok(undefined);
    }),
};
