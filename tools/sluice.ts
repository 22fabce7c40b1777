#!/usr/bin/env -S MALLOC_ARENA_MAX=1 node --max-semi-space-size=1
// The `sluice` command: finds the sub-command, answers --help, turns errors into exit codes. What stands above keeps
// the young generation of a process that runs for months at 1 MiB instead of 16, and one arena for all of its threads.

import { HalError } from "../hal/hal-error.ts";
import { bugText } from "./bug-text.ts";
import { type Command, type ExitCode, parseCommand } from "./command.ts";
import { openOutput } from "./output.ts";

/** Loaded when called for: starting a command costs only what it needs. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  run: async () => {
    (await import("../hal/linux/small-heap.ts")).keepHeapSmall();
    return (await import("./commands/run.ts")).run;
  },
  broker: async () => (await import("./commands/broker.ts")).broker,
  token: async () => (await import("./commands/token.ts")).token,
  acl: async () => (await import("./commands/acl.ts")).acl,
  enrol: async () => (await import("./commands/enrol.ts")).enrol,
  serve: async () => (await import("./commands/serve.ts")).serve,
  status: async () => (await import("./commands/status.ts")).status,
  provision: async () => (await import("./commands/provision.ts")).provision,
  trust: async () => (await import("./commands/trust.ts")).trust,
  discover: async () => (await import("./commands/discover.ts")).discover,
  readings: async () => (await import("./commands/readings.ts")).readings,
  services: async () => (await import("./commands/services.ts")).services,
  prices: async () => (await import("./commands/prices.ts")).prices,
  quote: async () => (await import("./commands/quote.ts")).quote,
  pay: async () => (await import("./commands/pay.ts")).pay,
  begin: async () => (await import("./commands/begin.ts")).begin,
  end: async () => (await import("./commands/end.ts")).end,
  buy: async () => (await import("./commands/buy.ts")).buy,
  auto: async () => (await import("./commands/auto.ts")).auto,
  limit: async () => (await import("./commands/limit.ts")).limit,
  verify: async () => (await import("./commands/verify.ts")).verify,
  dispute: async () => (await import("./commands/dispute.ts")).dispute,
  decode: async () => (await import("./commands/decode.ts")).decode,
  service: async () => (await import("./commands/service.ts")).service,
  price: async () => (await import("./commands/price.ts")).price,
  broadcast: async () => (await import("./commands/broadcast.ts")).broadcast,
  outlet: async () => (await import("./commands/outlet.ts")).outlet,
  audit: async () => (await import("./commands/audit.ts")).audit,
  flows: async () => (await import("./commands/flows.ts")).flows,
  flow: async () => (await import("./commands/flow.ts")).flow,
  attach: async () => (await import("./commands/attach.ts")).attach,
  detach: async () => (await import("./commands/detach.ts")).detach,
  history: async () => (await import("./commands/history.ts")).history,
  refund: async () => (await import("./commands/refund.ts")).refund,
  reverse: async () => (await import("./commands/reverse.ts")).reverse,
  request: async () => (await import("./commands/request.ts")).request,
  conform: async () => (await import("./commands/conform.ts")).conform,
  acquirer: async () => (await import("./commands/acquirer.ts")).acquirer,
  bench: async () => (await import("./commands/bench.ts")).bench,
  peripheral: async () => (await import("./commands/peripheral.ts")).peripheral,
  board: async () => (await import("./commands/board.ts")).board,
};

const GROUPS: Readonly<Record<string, readonly string[]>> = {
  "To sell:": ["run", "broker", "provision", "token", "acl"],
  "To change a device while it sells, as its operator:": [
    ...["service", "price", "broadcast", "outlet", "audit"],
  ],
  "To let services take part in payments:": ["enrol", "serve", "attach", "detach", "flows"],
  "To look after payments, as the operator:": [
    ...["flow", "history", "refund", "reverse", "request"],
  ],
  "To buy:": [
    ...["buy", "auto", "status", "limit", "trust"],
    ...["discover", "services", "readings", "prices", "quote", "pay", "begin", "end"],
  ],
  "To put a hand to what does not exist:": ["bench", "peripheral"],
  "To look into things:": ["verify", "dispute", "decode", "conform", "acquirer", "board"],
};

async function help(): Promise<string> {
  const commands = await Promise.all(Object.values(COMMANDS).map((load) => load()));
  const width = Math.max(...commands.map(({ name }) => name.length));
  const groups = Object.entries(GROUPS).flatMap(([title, names]) => {
    const lines = names.flatMap((each) => commands.filter(({ name }) => name === each));
    return [title, ...lines.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`), ""];
  });
  return [
    "sluice sells physical services by the unit, and buys them.",
    "",
    "usage: sluice COMMAND [options]     sluice COMMAND --help says more",
    "",
    ...groups,
    "Exit codes: 0 ok, 1 failed, 2 called wrongly. --json: one JSON object a line.",
  ].join("\n");
}

async function main(args: readonly string[]): Promise<ExitCode> {
  const [name, ...rest] = args;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    process.stdout.write(`${await help()}\n`);
    return name === undefined ? 2 : 0;
  }
  if (name === "--version" || name === "-V") {
    process.stdout.write(`${(await import("./version.ts")).versionText()}\n`);
    return 0;
  }
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  const out = openOutput(rest.includes("--json"));
  if (load === undefined) {
    out.fault({ kind: "usage", message: `there is no command ${name}: see sluice --help` });
    return 2;
  }
  // Node would print it as it is, with the line of the source; it may quote what nobody shall see.
  process.on("uncaughtException", (error) => {
    out.fault({ kind: "internal", message: `a bug of sluice ended it: ${bugText(error)}` });
    process.exit(1);
  });
  const command = await load();
  let parsed: ReturnType<typeof parseCommand>;
  try {
    parsed = parseCommand(command, rest);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    out.fault({ kind: "usage", message: `${why} (see sluice ${name} --help)` });
    return 2;
  }
  if (parsed.values["help"] === true) {
    process.stdout.write(`usage: sluice ${command.name} ${command.usage}\n\n${command.help}\n`);
    return 0;
  }
  try {
    return await command.run({ ...parsed, out });
  } catch (error) {
    if (!(error instanceof HalError)) throw error;
    out.fault({ kind: "environment", message: error.message });
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
