// `sluice outlet`: how the outlets of a running device are, and opening the switch of one of them.

import { fail, ok, type Result } from "../../firmware/result.ts";
import type { Command } from "../command.ts";
import {
  type Answer,
  OPERATOR_HELP,
  OPERATOR_OPTIONS,
  type Operator,
  withOperator,
} from "../operator.ts";

export const outlet: Command = {
  name: "outlet",
  summary: "how the outlets of a running device are; stop what one of them delivers",
  usage: "[open ID] [options]",
  help: `Without words: every outlet, whether it can deliver, which of its interlocks are raised and what is the
matter with its meters, and for how long it still flows after it is told to open, where that was learnt.
open ID ends what is delivered at an outlet and opens its switch; the order's receipt says
operator-stop. An outlet at which nothing is delivered is open already. Signed by the device's operator.

${OPERATOR_HELP}

example: sluice outlet open socket-1`,
  options: OPERATOR_OPTIONS,
  positionalsMax: 2,
  run: (invocation) =>
    withOperator(
      invocation,
      () => readOutlet(invocation.positionals),
      (operator, id) => (id === undefined ? tell(operator) : open(operator, id)),
    ),
};

/** Undefined: all of them are told of. */
function readOutlet([verb, id]: readonly string[]): Result<string | undefined> {
  if (verb === undefined) return ok(undefined);
  if (verb === "open" && id !== undefined && /^[\w.-]{1,32}$/.test(id)) return ok(id);
  return fail("usage", "say which outlet: outlet open socket-1");
}

async function tell({ out, device, do: command }: Operator): Promise<Result<void>> {
  const done = await command({ do: "status" });
  if (!done.ok) return done;
  const { outlets } = done.value;
  const told = Array.isArray(outlets) ? (outlets as Answer[]) : [];
  if (told.length === 0) out.say("the device knows of no outlet: its metering loop is not up");
  for (const { outlet: id, ready, why, raised, ailing, runOn } of told) {
    out.emit({ step: "outlet", device, outlet: id, ready, why, raised, ailing, runOn });
    out.say(
      `${id}  ${ready === true ? "can deliver" : `cannot deliver: ${why ?? "not open yet"}`}`,
    );
    for (const interlock of Array.isArray(raised) ? raised : [])
      out.say(`  ${interlock} is raised`);
    const meters = Object.entries((ailing ?? {}) as Record<string, unknown>);
    for (const [meter, words] of meters) out.say(`  meter ${meter}: ${String(words)}`);
    const learnt = runOnWords(runOn);
    if (learnt !== undefined) out.say(`  ${learnt}`);
  }
  return ok(undefined);
}

/** Undefined as long as nothing was learnt. */
export function runOnWords(runOn: unknown): string | undefined {
  if (typeof runOn !== "object" || runOn === null) return undefined;
  const { delayMs, spreadMs, stops } = runOn as Answer;
  return `runs on for ${delayMs} ms, give or take ${spreadMs} (learnt from ${stops} stops): it is told to open so much earlier`;
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
