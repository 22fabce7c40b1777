// sluice services: what a device sells.

import { ok } from "../../firmware/result.ts";
import type { Command } from "../command.ts";
import { CONSUMER_HELP, CONSUMER_OPTIONS, NOTHING_MORE, withBuyer } from "../consumer.ts";
import { openDealer } from "../device-choice.ts";

export const services: Command = {
  name: "services",
  summary: "list what a device sells",
  usage: "[--to NAME|ID] [options]",
  help: `Asks a device for its services: number, name, and whether the outlet is free now.

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
      for (const { service, name, free } of listed.value) {
        buyer.out.emit({ step: "services", device, service, name, free });
        buyer.out.say(`  ${service}  ${name}  ${free ? "free" : "in use, or not ready"}`);
      }
      return ok(undefined);
    }),
};
