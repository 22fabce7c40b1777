// `sluice acquirer`: an acquirer to try the ISO 8583 payment host with, and its settlement report.

import { formatMinor } from "../../firmware/money.ts";
import { fail, ok, type Result } from "../../firmware/result.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import { type Accounts, accountText, readAccounts, TEST_ACCOUNTS } from "../acquirer/accounts.ts";
import { type Happening, openAcquirer } from "../acquirer/acquirer.ts";
import { AcquirerBooks } from "../acquirer/books.ts";
import { memoryJournal, openJournal, readJournal } from "../acquirer/journal.ts";
import { settlement, settlementText } from "../acquirer/report.ts";
import { type Rule, readRules } from "../acquirer/rules.ts";
import { serveAcquirer } from "../acquirer/server.ts";
import type { Command, ExitCode, Invocation, Output } from "../command.ts";
import { integerOption, type OptionValues, textOption } from "../option-value.ts";
import { untilStopped } from "../stop-signal.ts";

const PORT = 8583;
const HOST = "127.0.0.1";

export const acquirer: Command = {
  name: "acquirer",
  summary: "play the acquirer behind ISO 8583, until Ctrl-C; or report what it settled",
  usage: "[report] [--port PORT] [--accounts FILE] [--rules FILE] [--journal FILE]",
  help: `An acquirer simulator: it authorises, takes, gives back and undoes over ISO 8583 on TCP, moves no
real money, shows each message with masked cards, and ends with a settlement report. Each message counts
once, however often it is repeated.

  --host HOST      address to listen on (default ${HOST}: this machine only)
  --port PORT      default ${PORT}; 0 takes any that is free
  --accounts FILE  YAML or JSON: accounts, each with name and number, and if wanted currency,
                   balanceMinor and expiry (default: the test cards; any other card is approved)
  --rules FILE     YAML or JSON: rules, each with an effect and what it is for; the first that fits
                   counts (default: what the test cards are for)
  --journal FILE   keeps its books there, safe from power cuts (default: forgets them when it ends)
  --json           one JSON object a line: type ready, message, payment, sum, batch, stopped

report: prints the settlement report of a journal, also while the acquirer runs.

A device that pays here has in its file:
  payment:
    host: { kind: iso8583, host: 127.0.0.1, port: 8583, test: true,
            merchant: { merchantId: M1, terminalId: T1, merchantName: My charger } }

accounts:
  version: 1
  others: decline              # or approve: any card that is not listed
  accounts:
    - { name: Ann, number: "4111111111111111", currency: EUR, balanceMinor: 50000, expiry: "3012" }
rules, for: on (authorise, sale, capture, refund, reverse, close), card (or its last four digits),
currency, fromMinor, toMinor, nth. Effects: decline (with code), partial (percent), no-answer, lost,
late (delayMs), twice (delayMs), busy:
  version: 1
  rules:
    - { on: authorise, fromMinor: 10000, effect: decline, code: "61" }
    - { card: "1111", nth: 2, effect: late, delayMs: 20000 }

examples:
  sluice acquirer --journal acquirer.jsonl
  sluice request batchClosure
  sluice acquirer report --journal acquirer.jsonl --json`,
  options: {
    host: { type: "string" },
    port: { type: "string" },
    accounts: { type: "string" },
    rules: { type: "string" },
    journal: { type: "string" },
  },
  positionalsMax: 1,
  run: runAcquirer,
};

async function runAcquirer({ values, positionals, out }: Invocation): Promise<ExitCode> {
  const [verb] = positionals;
  if (verb === "report") return report(values, out);
  const chosen = verb === undefined ? choose(values) : fail("usage", "the only word is report");
  if (!chosen.ok) {
    out.fault(chosen.fault);
    return 2;
  }
  const { host, port, accounts, rules, path } = chosen.value;
  const stopped = untilStopped();
  const clock = openSystemClock();
  const journal = path === undefined ? memoryJournal() : openJournal(path);
  const onHappening = (happening: Happening): void => {
    out.emit({ type: "message", ...happening });
    out.say(happeningText(happening));
  };
  const opened = openAcquirer({ clock, journal, accounts, ...(rules && { rules }), onHappening });
  const server = await serveAcquirer(opened, { host, port });
  out.emit({ type: "ready", host, port: server.port, pid: process.pid });
  out.say(`acquirer  ${host}:${server.port}  ISO 8583, no real money`);
  for (const account of accounts.accounts.slice(0, 20)) out.say(`  ${accountText(account)}`);
  out.say("Ctrl-C stops and prints the settlement report");
  await stopped;
  await server.close();
  tellSettlement(opened.books, out);
  journal.close();
  out.emit({ type: "stopped" });
  return 0;
}

interface Chosen {
  host: string;
  port: number;
  accounts: Accounts;
  rules?: readonly Rule[];
  path?: string;
}

function choose(values: OptionValues): Result<Chosen> {
  const port = integerOption(values, "port", { min: 0, max: 65_535 });
  if (!port.ok) return port;
  const accountFile = textOption(values, "accounts");
  const accounts = accountFile === undefined ? ok(TEST_ACCOUNTS) : readAccounts(accountFile);
  if (!accounts.ok) return accounts;
  const ruleFile = textOption(values, "rules");
  const rules = ruleFile === undefined ? ok(undefined) : readRules(ruleFile);
  if (!rules.ok) return rules;
  const path = textOption(values, "journal");
  return ok({
    host: textOption(values, "host") ?? HOST,
    port: port.value ?? PORT,
    accounts: accounts.value,
    ...(rules.value !== undefined && { rules: rules.value }),
    ...(path !== undefined && { path }),
  });
}

function report(values: OptionValues, out: Output): ExitCode {
  const path = textOption(values, "journal");
  if (path === undefined) {
    out.fault({
      kind: "usage",
      message: "--journal is missing: sluice acquirer report --journal FILE",
      at: "--journal",
    });
    return 2;
  }
  const books = new AcquirerBooks(TEST_ACCOUNTS);
  for (const entry of readJournal(path)) books.apply(entry);
  tellSettlement(books, out);
  return 0;
}

function tellSettlement(books: AcquirerBooks, out: Output): void {
  const settled = settlement(books, openSystemClock().wallMs());
  for (const payment of settled.payments) out.emit({ type: "payment", ...payment });
  for (const sum of settled.sums) out.emit({ type: "sum", ...sum });
  for (const batch of settled.batches) out.emit({ type: "batch", ...batch });
  for (const line of settlementText(settled)) out.say(line);
}

function happeningText(happening: Happening): string {
  const { atMs, message, trace, card, amountMinor, currency, code, note } = happening;
  const at = new Date(atMs).toISOString().slice(11, 19);
  const amount =
    amountMinor === undefined || currency === undefined ? "" : formatMinor(amountMinor, currency);
  const said = code === undefined ? "no answer" : code;
  const parts = [at, message, trace, card ?? "", amount, `-> ${said}`, note ?? ""];
  return parts.filter((part) => part !== "").join("  ");
}
