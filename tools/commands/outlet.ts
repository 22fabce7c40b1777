// `sluice outlet`: opens the switch of an outlet of a running device.

import { fail, ok, type Result } from "../../firmware/result.ts";
import type { Command } from "../command.ts";
import { OPERATOR_HELP, OPERATOR_OPTIONS, type Operator, withOperator } from "../operator.ts";

export const outlet: Command = {
  name: "outlet",
  summary: "stop what an outlet of a running device delivers",
  usage: "open ID [options]",
  help: `Ends what is delivered at an outlet and opens its switch; the order's receipt says operator-stop.
An outlet at which nothing is delivered is open already. Signed by the device's operator.

${OPERATOR_HELP}

example: sluice outlet open socket-1`,
  options: OPERATOR_OPTIONS,
  positionalsMax: 2,
  run: (invocation) => withOperator(invocation, () => readOutlet(invocation.positionals), open),
};

function readOutlet([verb, id]: readonly string[]): Result<string> {
  if (verb === "open" && id !== undefined && /^[\w.-]{1,32}$/.test(id)) return ok(id);
  return fail("usage", "say which outlet: outlet open socket-1");
}

async function open({ out, device, do: command }: Operator, id: string): Promise<Result<void>> {
  const done = await command({ do: "outlet-open", outlet: id });
  if (!done.ok) return done;
  const { stopped } = done.value;
  out.emit({ step: "outlet-open", device, outlet: id, stopped });
  const what =
    typeof stopped === "string"
      ? `the delivery of order ${stopped} is ended`
      : "nothing was delivered there";
  out.say(`${id} is open: ${what}`);
  return ok(undefined);
}
