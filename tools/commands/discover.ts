// sluice discover: which devices announce themselves, as they are found.

import type { Found } from "../../firmware/consumer/discovery.ts";
import { fail, ok } from "../../firmware/result.ts";
import type { Command } from "../command.ts";
import { CONSUMER_HELP, CONSUMER_OPTIONS, NOTHING_MORE, withBuyer } from "../consumer.ts";
import { deviceText, groupedThumbprint } from "../device-choice.ts";

export const discover: Command = {
  name: "discover",
  summary: "list the devices that announce themselves",
  usage: "[--timeout SECONDS] [--broker URL] [--json]",
  help: `Listens until the time is up and lists each device as it is found: name, id, and the
fingerprint of the operator who vouches for it. "verified" means that the device's certificate
chains to an operator whose key you gave or have pinned. Exit code 1 when there is none.

${CONSUMER_HELP}

example: sluice discover --timeout 2`,
  options: CONSUMER_OPTIONS,
  positionalsMax: 0,
  run: (invocation) =>
    withBuyer(invocation, NOTHING_MORE, async ({ consumer, out, timeoutMs }) => {
      const told = new Set<string>();
      const onFound = (found: Found): void => {
        const { device, name, operator, verified } = found;
        const key = `${device} ${name} ${operator} ${verified !== undefined}`;
        if (told.has(key)) return;
        told.add(key);
        const print = groupedThumbprint(operator);
        const bench = verified === undefined ? {} : { bench: verified.verified.bench };
        const isVerified = verified !== undefined;
        out.emit({
          step: "discover",
          device,
          name,
          operator: print,
          verified: isVerified,
          ...bench,
        });
        out.say(deviceText(found));
      };
      const all = await consumer.discover({ timeoutMs, onFound });
      if (!all.ok) return all;
      if (all.value.length > 0) return ok(undefined);
      return fail(
        "not-found",
        'no device announces itself: start one with "sluice run", or look longer with --timeout',
      );
    }),
};
