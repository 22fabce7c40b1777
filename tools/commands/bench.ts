// `sluice bench`: puts a hand to a running device whose board does not exist: cards, buttons, things that break.

import { dirname, resolve } from "node:path";
import { fail, ok, type Result } from "../../firmware/result.ts";
import { readBrokerState } from "../../hal/linux/state-file.ts";
import { benchText, readBenchWords, requestBench } from "../bench-words.ts";
import type { Command, ExitCode, Invocation } from "../command.ts";
import { textOption } from "../option-value.ts";

export const bench: Command = {
  name: "bench",
  summary: "tap cards, press buttons and break things at a virtual board that runs",
  usage: "[VERB WORD...] [--reader ID] [--outlet ID] [--data DIR]",
  help: [
    "Without words: what is there, by name, what it shows and holds, and what can be broken.",
    "",
    "  tap CARD, insert CARD   to a contactless reader, or into a slot; it stays there",
    "  remove                  takes cards away, from the reader that is named or from all",
    "  press BUTTON            and lets it go",
    "  raise|clear INTERLOCK   such as emergency-stop, or vehicle while none is connected",
    "  break|mend FAULT [OF]   such as weld, leak, stuck-meter; OF is the outlet, sensor or bus",
    "  unplug|plug SERIAL      pulls the cable of a serial port, and plugs it in again",
    "  sensor ID VALUE         lets a sensor show that, or a tank hold it, in the sensor's unit",
    "  display, paper          what stands on the display; what was printed",
    "",
    "What the board has only one of need not be named.",
    "",
    "  --reader ID   which one; terminal is the card terminal",
    "  --outlet ID   whose interlock; of every outlet when not given",
    "  --data DIR    data folder of the device (default: that of the one that runs)",
    "  --json        one JSON object",
    "",
    "Examples:",
    "  sluice bench tap visa-test",
    "  sluice bench press stop",
    "  sluice bench break weld socket-1",
  ].join("\n"),
  options: {
    reader: { type: "string" },
    outlet: { type: "string" },
    data: { type: "string" },
  },
  positionalsMax: 3,
  run: runBench,
};

async function runBench({ values, positionals, out }: Invocation): Promise<ExitCode> {
  const done = await askIt({ values, positionals });
  if (done.ok) {
    const { request, told } = done.value;
    out.emit({ type: "bench", did: request["do"], ...told });
    for (const line of benchText(request, told)) out.say(line);
    return 0;
  }
  out.fault(done.fault);
  return done.fault.kind === "usage" ? 2 : 1;
}

async function askIt({ values, positionals }: Pick<Invocation, "values" | "positionals">) {
  const request = readBenchWords(positionals, values);
  if (!request.ok) return request;
  const data = dataFolder(textOption(values, "data"));
  if (!data.ok) return data;
  const told = await requestBench(data.value, request.value);
  return told.ok ? ok({ request: request.value, told: told.value }) : told;
}

/** Error: `not-found`. */
function dataFolder(named: string | undefined): Result<string> {
  if (named !== undefined) return ok(resolve(named));
  const keys = readBrokerState()?.keys;
  if (keys !== undefined) return ok(dirname(keys));
  const message =
    "no device runs here: start a virtual one with sluice run, or name its data folder";
  return fail("not-found", message, "--data");
}
