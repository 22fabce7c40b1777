// `sluice audit`: what a running device was commanded to do.

import { ok, type Result } from "../../firmware/result.ts";
import type { Command } from "../command.ts";
import { OPERATOR_HELP, OPERATOR_OPTIONS, type Operator, withOperator } from "../operator.ts";
import { integerOption } from "../option-value.ts";

const COUNT = 20;
const COUNT_MAX = 1_000;

export const audit: Command = {
  name: "audit",
  summary: "the commands that a running device was given",
  usage: "[--count N] [options]",
  help: `The operator's commands to a device, latest first: number, time and how good the clock was, what
it was about and what came of it. The device keeps the last 1,000; questions, such as this one, leave no
record. Signed by the device's operator.

  --count N          so many (default ${COUNT})
${OPERATOR_HELP}

example: sluice audit --count 100`,
  options: { ...OPERATOR_OPTIONS, count: { type: "string" } },
  positionalsMax: 0,
  run: (invocation) =>
    withOperator(
      invocation,
      (values) => integerOption(values, "count", { min: 1, max: COUNT_MAX }),
      tell,
    ),
};

interface Line {
  number: number;
  atS: number;
  clock: string;
  action: string;
  about: string;
  outcome: string;
}

async function tell({ out, device, do: command }: Operator, count = COUNT): Promise<Result<void>> {
  let left = count;
  let from = 0;
  do {
    const page = await command({ do: "audit", from });
    if (!page.ok) return page;
    const { commands, next } = page.value as { commands: Line[]; next?: number };
    for (const line of commands.slice(0, left)) {
      out.emit({ step: "audit", device, ...line });
      const { number, atS, clock, action, about, outcome } = line;
      const at = new Date(1000 * atS).toISOString().slice(0, 19);
      out.say(`  ${number}  ${at}Z (${clock})  ${action}  ${about}  ${outcome}`);
    }
    left -= commands.length;
    // Always further back, whatever a device answers.
    from = next !== undefined && (from === 0 || next < from) ? next : 0;
  } while (from > 0 && left > 0);
  return ok(undefined);
}
