// `sluice broadcast`: whether a running device announces itself.

import { ok, type Result } from "../../firmware/result.ts";
import type { Command } from "../command.ts";
import { refuse } from "../consumer.ts";
import { OPERATOR_HELP, OPERATOR_OPTIONS, type Operator, withOperator } from "../operator.ts";
import { integerOption, type OptionValues } from "../option-value.ts";

const SECONDS_MAX = 4_000_000;

export const broadcast: Command = {
  name: "broadcast",
  summary: "start or stop the announcement of a running device",
  usage: "start [--for SECONDS] | stop [options]",
  help: `A device whose broadcast is stopped is not found by new buyers; those who know it are served on.
At its next start a device announces itself again. Signed by the device's operator.

  start              announces it, for --for SECONDS or until it is stopped
  stop               withdraws the announcement
${OPERATOR_HELP}

example: sluice broadcast start --for 3600`,
  options: { ...OPERATOR_OPTIONS, for: { type: "string" } },
  positionalsMax: 1,
  run: async (invocation) => {
    const [verb] = invocation.positionals;
    if (verb === "start") return withOperator(invocation, readDuration, start);
    if (verb === "stop" && invocation.values["for"] === undefined) {
      return withOperator(invocation, ok, stop);
    }
    const message = "say what to do: broadcast start [--for SECONDS], or broadcast stop";
    return refuse(invocation.out, { kind: "usage", message });
  },
};

function readDuration(values: OptionValues): Result<number | undefined> {
  return integerOption(values, "for", { min: 1, max: SECONDS_MAX });
}

async function start(
  { out, device, do: command }: Operator,
  seconds: number | undefined,
): Promise<Result<void>> {
  const done = await command({ do: "broadcast-start", durationMs: 1000 * (seconds ?? 0) });
  if (!done.ok) return done;
  out.emit({ step: "broadcast-start", device, seconds });
  out.say(
    seconds === undefined
      ? `${device} announces itself`
      : `${device} announces itself for ${seconds} s`,
  );
  return ok(undefined);
}

async function stop({ out, device, do: command }: Operator): Promise<Result<void>> {
  const done = await command({ do: "broadcast-stop" });
  if (!done.ok) return done;
  out.emit({ step: "broadcast-stop", device });
  out.say(`${device} does not announce itself any more`);
  return ok(undefined);
}
