// `sluice bench`: puts a hand to a running device whose board does not exist: cards, buttons, things that break.

import { dirname, resolve } from "node:path";
import { fail, ok, type Result } from "../../firmware/result.ts";
import { readBrokerState } from "../../hal/linux/state-file.ts";
import { benchText, readBenchWords, requestBench } from "../bench-words.ts";
import type { Command, ExitCode, Invocation } from "../command.ts";
import { integerOption, textOption } from "../option-value.ts";

/** Scenarios in one run. */
const FILES_MAX = 256;
const SEED_MAX = 0xffff_ffff;

export const bench: Command = {
  name: "bench",
  summary: "tap cards, press buttons and break things at a virtual board; run scenarios",
  usage:
    "[VERB WORD...] [--reader ID] [--outlet ID] [--data DIR] | run FILE... [--seed N] | --ui [--device FILE]...",
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
    "  run FILE...             runs scenarios in virtual time, with no device: docs/scenarios.md",
    "                          One alone tells its timeline; 1 says that something expected did not come",
    "",
    "  --ui                    a web page on this computer that shows virtual boards and lets you do all of",
    "                          that by hand, break things, buy, and record; no device need run. Ends at Ctrl-C",
    "",
    "  --reader ID   which one; terminal is the card terminal",
    "  --outlet ID   whose interlock; of every outlet when not given",
    "  --data DIR    data folder of the device (default: that of the one that runs)",
    "  --seed N      run: what chance is drawn from, in place of what the scenario says",
    "  --device FILE  ui: a board side by side with the others (default: two chargers)",
    "  --port N      ui: of 127.0.0.1 (default: 8470; where that is in use, any other)",
    "  --rate R      ui: seconds of the world in one of yours, at the start (default: 1)",
    "  --json        one JSON object; of run and ui, one a line",
    "",
    "Examples:",
    "  sluice bench tap visa-test",
    "  sluice bench press stop",
    "  sluice bench break weld socket-1",
    "  sluice bench run scenarios/happy-sale.yaml",
    "  sluice bench --ui --device boards/virtual-washer.yaml --rate 10",
  ].join("\n"),
  options: {
    reader: { type: "string" },
    outlet: { type: "string" },
    data: { type: "string" },
    seed: { type: "string" },
    ui: { type: "boolean" },
    device: { type: "string", multiple: true },
    port: { type: "string" },
    rate: { type: "string" },
  },
  positionalsMax: FILES_MAX + 1,
  run: runBench,
};

async function runBench({ values, positionals, out }: Invocation): Promise<ExitCode> {
  const [verb, ...files] = positionals;
  if (values["ui"] === true) return openPage({ values, positionals, out });
  const ofPage = ["device", "port", "rate"].find((name) => values[name] !== undefined);
  if (ofPage !== undefined) {
    out.fault({ kind: "usage", message: "is for --ui", at: `--${ofPage}` });
    return 2;
  }
  if (verb === "run") return runFiles(files, { values, out });
  if (values["seed"] !== undefined) {
    out.fault({ kind: "usage", message: "is for run: the seed of a scenario", at: "--seed" });
    return 2;
  }
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

async function openPage({ values, positionals, out }: Invocation): Promise<ExitCode> {
  const [given] = ["reader", "outlet", "data"].filter((name) => values[name] !== undefined);
  if (given === undefined && positionals.length === 0) {
    return (await import("../bench-page/run-page.ts")).runPage({ values, out });
  }
  const at = given === undefined ? {} : { at: `--${given}` };
  out.fault({ kind: "usage", message: "is of no use to --ui", ...at });
  return 2;
}

async function runFiles(
  files: readonly string[],
  { values, out }: Pick<Invocation, "values" | "out">,
): Promise<ExitCode> {
  const seed = integerOption(values, "seed", { min: 0, max: SEED_MAX });
  const [given] = ["reader", "outlet", "data"].filter((name) => values[name] !== undefined);
  if (files.length === 0) {
    out.fault({ kind: "usage", message: "name a scenario, such as scenarios/happy-sale.yaml" });
  } else if (given !== undefined) {
    out.fault({ kind: "usage", message: "is of no use to run", at: `--${given}` });
  } else if (!seed.ok) out.fault(seed.fault);
  else {
    const { runScenarios } = await import("../scenario-report.ts");
    return runScenarios({ files, ...(seed.value !== undefined && { seed: seed.value }) }, out);
  }
  return 2;
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
