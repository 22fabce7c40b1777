// `sluice price`: prices of a running device, changed by its operator.

import { formatMinor } from "../../firmware/money.ts";
import type { Price } from "../../firmware/producer/catalogue.ts";
import { fail, ok, type Result } from "../../firmware/result.ts";
import type { Command } from "../command.ts";
import { refuse } from "../consumer.ts";
import { OPERATOR_HELP, OPERATOR_OPTIONS, type Operator, withOperator } from "../operator.ts";
import { neededInteger, type OptionValues, textOption } from "../option-value.ts";
import { parsePrice, readPriceFile } from "../service-file.ts";

const ID = { min: 1, max: 65_535 };

export const price: Command = {
  name: "price",
  summary: "set or remove a price of a running device",
  usage: "set|remove --service N [options]",
  help: `Changes a price at once and over restarts, until \`sluice run --reset-catalogue\`. Offers that
were made before keep theirs. Signed by the device's operator.

  set                puts a price in the place of the one of that number, or adds it
    --service N --id N --price MINOR:CURRENCY[:NAME]   for one unit
    --file FILE        instead of --id and --price: YAML or JSON, one entry of \`prices\` as in a
                       device file
  remove             without its last price a service is listed and cannot be bought
    --service N --id N
${OPERATOR_HELP}

example: sluice price set --service 1 --id 2 --price "28:EUR:Night"`,
  options: {
    ...OPERATOR_OPTIONS,
    service: { type: "string" },
    id: { type: "string" },
    price: { type: "string" },
    file: { type: "string" },
  },
  positionalsMax: 1,
  run: async (invocation) => {
    const [verb] = invocation.positionals;
    if (verb === "set") return withOperator(invocation, readPrice, set);
    if (verb === "remove") return withOperator(invocation, readIds, remove);
    const message = "say what to do: price set or price remove";
    return refuse(invocation.out, { kind: "usage", message });
  },
};

function readPrice(values: OptionValues): Result<{ service: number; price: Price }> {
  const service = neededInteger(values, "service", ID);
  if (!service.ok) return service;
  const given = givenPrice(values);
  return given.ok ? ok({ service: service.value, price: given.value }) : given;
}

function givenPrice(values: OptionValues): Result<Price> {
  const file = textOption(values, "file");
  if (file !== undefined) return readPriceFile(file);
  const id = neededInteger(values, "id", ID);
  if (!id.ok) return id;
  const text = textOption(values, "price");
  if (text === undefined) return fail("usage", "--price is missing: --price 45:EUR", "--price");
  return parsePrice(text, id.value);
}

async function set(
  { out, device, do: command }: Operator,
  { service, price: wanted }: { service: number; price: Price },
): Promise<Result<void>> {
  const done = await command({ do: "price-set", service, price: wanted });
  if (!done.ok) return done;
  const { id, name, amountMinor, currency } = wanted;
  out.emit({ step: "price-set", device, service, price: id, amountMinor, currency });
  out.say(`service ${service}, price ${id} "${name}": ${formatMinor(amountMinor, currency)}`);
  return ok(undefined);
}

function readIds(values: OptionValues): Result<{ service: number; id: number }> {
  const service = neededInteger(values, "service", ID);
  if (!service.ok) return service;
  const id = neededInteger(values, "id", ID);
  return id.ok ? ok({ service: service.value, id: id.value }) : id;
}

async function remove(
  { out, device, do: command }: Operator,
  { service, id }: { service: number; id: number },
): Promise<Result<void>> {
  const done = await command({ do: "price-remove", service, price: id });
  if (!done.ok) return done;
  out.emit({ step: "price-remove", device, service, price: id });
  out.say(`service ${service} has no price ${id} any more`);
  return ok(undefined);
}
