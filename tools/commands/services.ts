// sluice services: what a device sells.

import { ok } from "../../firmware/result.ts";
import type { Command } from "../command.ts";
import { CONSUMER_HELP, CONSUMER_OPTIONS, NOTHING_MORE, withBuyer } from "../consumer.ts";
import { openDealer } from "../device-choice.ts";
import { serviceRows } from "../price-text.ts";

export const services: Command = {
  name: "services",
  summary: "list what a device sells",
  usage: "[--to NAME|ID] [options]",
  help: `Asks a device what it says of itself, and for its services: number, name, whether the outlet is
free now and, where there is more to say, what sort of service it is, how much of it is left, and
whether it comes from the device's file or was added or changed while it ran.

  --to NAME|ID       which device; needed only when several are there
${CONSUMER_HELP}

example: sluice services --to "Virtual charger"`,
  options: { ...CONSUMER_OPTIONS, to: { type: "string" } },
  positionalsMax: 0,
  run: (invocation) =>
    withBuyer(invocation, NOTHING_MORE, async (buyer) => {
      const dealer = await openDealer(buyer);
      if (!dealer.ok) return dealer;
      const listed = await dealer.value.requestServices();
      if (!listed.ok) return listed;
      const { device } = dealer.value;
      const described = await dealer.value.description();
      if (!described.ok) return described;
      if (described.value !== undefined) {
        buyer.out.emit({ step: "description", device, description: described.value });
        buyer.out.say(`  ${described.value}`);
      }
      for (const one of listed.value) {
        const { service, name, free } = one;
        buyer.out.emit({
          ...{ step: "services", device, ...one },
          origin: one.changed === true ? "changed" : "file",
        });
        buyer.out.say(`  ${service}  ${name}  ${free ? "free" : "in use, or not ready"}`);
        for (const row of serviceRows(one)) buyer.out.say(`       ${row}`);
      }
      return ok(undefined);
    }),
};
