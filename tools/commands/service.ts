// `sluice service`: what a running device sells, changed by its operator.

import { formatMinor } from "../../firmware/money.ts";
import type { Service } from "../../firmware/producer/catalogue.ts";
import type { RemovalPolicy } from "../../firmware/producer/command.ts";
import { fail, ok, type Result } from "../../firmware/result.ts";
import type { Command, ExitCode, Invocation } from "../command.ts";
import { refuse } from "../consumer.ts";
import { OPERATOR_HELP, OPERATOR_OPTIONS, type Operator, withOperator } from "../operator.ts";
import { type OptionValues, textOption } from "../option-value.ts";
import { readServiceFile, serviceFromOptions } from "../service-file.ts";

export const service: Command = {
  name: "service",
  summary: "add, remove or list services of a running device",
  usage: "add|remove|list [ID] [options]",
  help: `Changes what a running device sells, at once and over restarts, until \`sluice run
--reset-catalogue\`; the device file stays as it is. Signed by the device's operator.

  list               what it sells, and whether that is of its file or was changed
  add                a service of a file, or of options:
    --file FILE        YAML or JSON: one entry of \`services\` as in a device file
    --id N --name TEXT --outlet ID --meter ID   of the device's board
    --price MINOR:CURRENCY[:NAME]   for one unit (repeatable); the first is price 1
    --units-max N      at most so many units in one offer (default 100)
    --undelivered P    refund, credit-refund or credit-forfeit (default refund)
  remove ID          no new offers from now on; running deliveries go on to their end
    --refund           unpaid offers are refused and paid units are refunded; otherwise unpaid
                       offers may still be paid, and paid units taken, until they expire. It is for
                       all that was sold under this number, also before an earlier removal of it
${OPERATOR_HELP}

example: sluice service add --id 9 --name "Fast" --outlet socket-1 --meter energy --price 60:EUR`,
  options: {
    ...OPERATOR_OPTIONS,
    file: { type: "string" },
    id: { type: "string" },
    name: { type: "string" },
    outlet: { type: "string" },
    meter: { type: "string" },
    price: { type: "string", multiple: true },
    "units-max": { type: "string" },
    undelivered: { type: "string" },
    refund: { type: "boolean" },
  },
  positionalsMax: 2,
  run: (invocation) => {
    const [verb, id] = invocation.positionals;
    if (verb === "list" && id === undefined) return withOperator(invocation, ok, list);
    if (verb === "add" && id === undefined) return withOperator(invocation, readService, add);
    if (verb === "remove") return withOperator(invocation, (values) => removal(values, id), remove);
    return misused(invocation);
  },
};

async function misused({ out }: Invocation): Promise<ExitCode> {
  const message = "say what to do: service list, service add, or service remove ID";
  return refuse(out, { kind: "usage", message });
}

function readService(values: OptionValues): Result<Service> {
  const file = textOption(values, "file");
  return file === undefined ? serviceFromOptions(values) : readServiceFile(file);
}

async function add({ out, device, do: command }: Operator, added: Service): Promise<Result<void>> {
  const done = await command({ do: "service-add", service: added });
  if (!done.ok) return done;
  out.emit({ step: "service-add", device, service: added.id });
  out.say(`service ${added.id} "${added.name}" is sold from now on`);
  return ok(undefined);
}

interface Removal {
  id: number;
  policy: RemovalPolicy;
}

function removal(values: OptionValues, id: string | undefined): Result<Removal> {
  const number = /^\d{1,5}$/.test(id ?? "") ? Number(id) : 0;
  if (number < 1 || number > 65_535) {
    return fail("usage", "name the service by its number: service remove 9", "ID");
  }
  return ok({ id: number, policy: values["refund"] === true ? "refund" : "honour" });
}

async function remove(
  { out, device, do: command }: Operator,
  { id, policy }: Removal,
): Promise<Result<void>> {
  const done = await command({ do: "service-remove", service: id, policy });
  if (!done.ok) return done;
  out.emit({ step: "service-remove", device, service: id, policy });
  const rest =
    policy === "refund"
      ? "what is paid and idle is refunded"
      : "what is offered or paid is honoured";
  out.say(`service ${id} is not sold any more; ${rest}`);
  return ok(undefined);
}

interface Listed {
  id: number;
  name: string;
  outlet: string;
  origin: string;
  prices: { id: number; name: string; amountMinor: number; currency: string; origin: string }[];
}

async function list({ out, device, do: command }: Operator): Promise<Result<void>> {
  let from = 0;
  do {
    const page = await command({ do: "services", from });
    if (!page.ok) return page;
    const { services, next } = page.value as { services: Listed[]; next?: number };
    for (const one of services) {
      out.emit({ step: "service", device, ...one });
      out.say(`  ${one.id}  ${one.name}  on ${one.outlet}  (${one.origin})`);
      for (const { id, name, amountMinor, currency, origin } of one.prices) {
        out.say(`       price ${id}  ${name}  ${formatMinor(amountMinor, currency)}  (${origin})`);
      }
    }
    // Never the same page twice, whatever a device answers.
    from = next !== undefined && next > from ? next : 0;
  } while (from > 0);
  return ok(undefined);
}
