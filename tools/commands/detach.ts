// `sluice detach`: a flow service takes part in a device's payments no more.

import { fail, ok, type Result } from "../../firmware/result.ts";
import type { Command } from "../command.ts";
import { OPERATOR_HELP, OPERATOR_OPTIONS, type Operator, withOperator } from "../operator.ts";

export const detach: Command = {
  name: "detach",
  summary: "take an attached flow service out of a device's payments",
  usage: "ID [options]",
  help: `The service is not called from the next payment on, and not heard any more. What it holds of orders that
are not settled cannot be given back without it: look at "sluice flow list" first. Signed by the
device's operator.

${OPERATOR_HELP}

example: sluice detach gift`,
  options: OPERATOR_OPTIONS,
  positionalsMax: 1,
  run: (invocation) => withOperator(invocation, () => readId(invocation.positionals[0]), send),
};

function readId(id: string | undefined): Result<string> {
  if (id !== undefined && id !== "") return ok(id);
  return fail("usage", "which service? detach ID: see sluice flows --services");
}

async function send({ out, device, do: command }: Operator, id: string): Promise<Result<void>> {
  const done = await command({ do: "flow-service-detach", attached: id });
  if (!done.ok) {
    const { kind, message } = done.fault;
    return kind === "not-found" ? fail(kind, `${message}: see sluice flows --services`) : done;
  }
  out.emit({ step: "detach", device, service: id });
  out.say(`${id} takes part no more`);
  return ok(undefined);
}
