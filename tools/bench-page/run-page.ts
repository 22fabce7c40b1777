// `sluice bench --ui`: the bench page, until it is told to stop.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fail, ok, type Result } from "../../firmware/result.ts";
import { HalError } from "../../hal/hal-error.ts";
import { bugText } from "../bug-text.ts";
import type { ExitCode, Invocation, Output } from "../command.ts";
import { integerOption } from "../option-value.ts";
import { untilStopped } from "../stop-signal.ts";
import { BOARDS_MAX, readBoards } from "./page-boards.ts";
import { openPageServer, type PageServer, type PageServerOptions } from "./page-server.ts";

const PORT = 8470;
const SEED_MAX = 0xffff_ffff;
const RATE_MAX = 1_000;

/** From build/tools/bench-page: the page is built beside the tools, files to start from are in the package. */
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const PAGE = here("../../page/");
const SCENARIOS = here("../../../scenarios/");
const DEVICES = ["virtual-pi-charger.yaml", "virtual-charger.yaml"].map((name) =>
  here(`../../../boards/${name}`),
);

export async function runPage({ values, out }: Omit<Invocation, "positionals">): Promise<ExitCode> {
  const settings = readSettings(values);
  if (!settings.ok) return refuse(settings, out);
  const { port } = settings.value;
  const stopped = untilStopped();
  let server: PageServer;
  try {
    server = await openOn(port, { ...settings.value, onError: (error) => bug(error, out) });
  } catch (error) {
    // A device file that fits its schema and not its board.
    if (!(error instanceof RangeError)) throw error;
    return refuse(fail("malformed", error.message, "--device"), out);
  }
  const { url, mqttUrl } = server;
  const taken = port !== 0 && server.port !== port;
  if (taken) out.say(`port ${port} is in use: another one was taken`);
  out.say(`bench page: ${url}`);
  out.say(`buyers beside it: sluice discover --broker ${mqttUrl}; Ctrl-C ends it`);
  out.emit({ type: "bench-page", url, broker: mqttUrl, portTaken: taken });
  const signal = await stopped;
  await server.close();
  out.say(`${signal}: stopped`);
  out.emit({ type: "stopped" });
  return 0;
}

type Settings = Omit<PageServerOptions, "onError">;

function readSettings(values: Invocation["values"]): Result<Settings> {
  const port = integerOption(values, "port", { min: 0, max: 65_535 });
  if (!port.ok) return port;
  const rate = integerOption(values, "rate", { min: 1, max: RATE_MAX });
  if (!rate.ok) return rate;
  const seed = integerOption(values, "seed", { min: 0, max: SEED_MAX });
  if (!seed.ok) return seed;
  const { device } = values;
  const files = Array.isArray(device) ? device : DEVICES;
  if (files.length > BOARDS_MAX) {
    return fail("usage", `at most ${BOARDS_MAX} boards side by side`, "--device");
  }
  const boards = readBoards(files);
  if (!boards.ok) return boards;
  if (!existsSync(join(PAGE, "index.html"))) {
    return fail("not-found", "the page is not built here: make bench-ui builds it and starts it");
  }
  return ok({
    boards: boards.value,
    port: port.value ?? PORT,
    rate: rate.value ?? 1,
    seed: seed.value ?? 1,
    ...{ pageFolder: PAGE, scenarioFolder: SCENARIOS },
  });
}

/** Where the port is taken, on any other. */
async function openOn(port: number, options: Settings & Pick<PageServerOptions, "onError">) {
  try {
    return await openPageServer(options);
  } catch (error) {
    if (port === 0 || !(error instanceof HalError)) throw error;
    return openPageServer({ ...options, port: 0 });
  }
}

function bug(error: unknown, out: Output): void {
  out.fault({ kind: "internal", message: `a bug of sluice stopped the world: ${bugText(error)}` });
  process.exit(1);
}

function refuse({ fault }: Extract<Result<never>, { ok: false }>, out: Output): ExitCode {
  out.fault(fault);
  return fault.kind === "usage" ? 2 : 1;
}
