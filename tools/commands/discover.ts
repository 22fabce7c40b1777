// sluice discover: which devices announce themselves, as they are found.

import type { DeviceFilter, Found } from "../../firmware/consumer/discovery.ts";
import { fail, ok, type Result } from "../../firmware/result.ts";
import type { Command } from "../command.ts";
import { CONSUMER_HELP, CONSUMER_OPTIONS, withBuyer } from "../consumer.ts";
import { deviceText, groupedThumbprint } from "../device-choice.ts";
import { type OptionValues, textOption } from "../option-value.ts";

export const discover: Command = {
  name: "discover",
  summary: "list the devices that announce themselves",
  usage:
    "[--name NAME] [--id ID] [--type TYPE] [--first] [--timeout SECONDS] [--broker URL] [--json]",
  help: `Listens until the time is up and lists each device as it is found: name, id, and the
fingerprint of the operator who vouches for it. "verified" means that the device's certificate
chains to an operator whose key you gave or have pinned. A device that is withdrawn meanwhile is
said to be gone. Exit code 1 when there is none.

  --name NAME        only devices of this name
  --id ID            only the device of this id
  --type TYPE        only devices with a service of this type
  --first            stop at the first that fits
${CONSUMER_HELP}

example: sluice discover --name "Virtual charger" --first`,
  options: {
    ...CONSUMER_OPTIONS,
    name: { type: "string" },
    id: { type: "string" },
    type: { type: "string" },
    first: { type: "boolean" },
  },
  positionalsMax: 0,
  run: (invocation) =>
    withBuyer(invocation, readFilter, async ({ consumer, out, values, timeoutMs }, filter) => {
      const told = new Set<string>();
      const onFound = (found: Found): void => {
        const text = deviceText(found);
        if (told.has(text)) return;
        told.add(text);
        out.emit({ step: "discover", ...deviceFact(found) });
        out.say(text);
      };
      const onGone = (found: Found): void => {
        told.delete(deviceText(found));
        out.emit({ step: "discover", ...deviceFact(found), gone: true });
        out.say(`${found.name}  ${found.device}  is gone`);
      };
      const enough = (): boolean => values["first"] === true;
      const all = await consumer.discover({ timeoutMs, filter, onFound, onGone, enough });
      if (!all.ok) return all;
      if (all.value.length > 0) return ok(undefined);
      const such = Object.keys(filter).length === 0 ? "" : "such ";
      return fail(
        "not-found",
        `no ${such}device announces itself: start one with "sluice run", or look longer with --timeout`,
      );
    }),
};

function readFilter(values: OptionValues): Result<DeviceFilter> {
  const filter: DeviceFilter = {};
  for (const key of ["name", "id", "type"] as const) {
    const text = textOption(values, key);
    if (text !== undefined) filter[key] = text;
  }
  return ok(filter);
}

function deviceFact({ device, name, operator, types, verified }: Found) {
  const bench = verified === undefined ? {} : { bench: verified.verified.bench };
  const sells = types.length === 0 ? {} : { types };
  const known = { operator: groupedThumbprint(operator), verified: verified !== undefined };
  return { device, name, ...known, ...bench, ...sells };
}
