// sluice dispute: the logs of the two parties of an order, judged by the rules of both.

import { fail, ok, type Result } from "../../firmware/result.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import type { Command, ExitCode, Invocation, Output } from "../command.ts";
import { refuse } from "../consumer.ts";
import type { Finding, Judgement } from "../dispute-finding.ts";
import { type DisputeLog, readLog } from "../dispute-log.ts";
import { judge } from "../dispute-rules.ts";
import { readWhole } from "../given-bytes.ts";
import { readOperatorKeys } from "../operator-key.ts";
import { textsOption } from "../option-value.ts";

const LOG_BYTES_MAX = 8 * 1024 * 1024;

export const dispute: Command = {
  name: "dispute",
  summary: "say which party of an order broke which rule, by both logs",
  usage: "A B [--operator HEX|FILE]",
  help: `A and B are the logs of one order: the consumer's, by "sluice status REF --log FILE", and the device's,
by its operator's "sluice history ORDER --log FILE". Offline. Says for each party what it broke, or
that nobody broke anything, or what the logs alone cannot tell and who could. What a log says for
its own side is believed only where the other side signed it; what it says against it, always.
docs/disputes.md has the rules, D1 to D10. Exit code 0: nobody is shown to have broken a rule;
1: somebody is, who is named; 2: these are not the two logs of one order.

  --operator HEX|FILE  the operator's public key (repeatable). Without it the key in each log is
                     taken, which proves nothing of who the device belongs to
  --json             one JSON object a line; the last has "verdict": kept, broken or undecided

example: sluice dispute mine.json theirs.json --operator operator.pub`,
  options: { operator: { type: "string", multiple: true } },
  positionalsMax: 2,
  run: async (invocation) => settle(invocation),
};

function settle({ values, positionals, out }: Invocation): ExitCode {
  const operators = readOperatorKeys(textsOption(values, "operator"));
  if (!operators.ok) return refuse(out, operators.fault);
  const [a, b] = positionals;
  if (a === undefined || b === undefined) {
    return refuse(out, {
      kind: "usage",
      message: "which logs? give the consumer's and the device's",
    });
  }
  const logs = readBoth(a, b);
  if (!logs.ok) return usage(out, logs.fault.message);
  const judgement = judge(logs.value, operators.value, openNodeCrypto());
  if (!judgement.ok) return usage(out, judgement.fault.message);
  tell(judgement.value, operators.value.length > 0, out);
  return judgement.value.verdict === "broken" ? 1 : 0;
}

/** Nothing was judged: 1 says that somebody broke a rule. */
function usage(out: Output, message: string): ExitCode {
  return refuse(out, { kind: "usage", message });
}

function readBoth(a: string, b: string): Result<readonly [DisputeLog, DisputeLog]> {
  const first = readOne(a);
  if (!first.ok) return first;
  const second = readOne(b);
  return second.ok ? ok([first.value, second.value]) : second;
}

function readOne(file: string): Result<DisputeLog> {
  const bytes = readWhole(file, LOG_BYTES_MAX);
  if (!bytes.ok && bytes.fault.kind === "too-large") {
    return fail("too-large", `${file}: ${bytes.fault.message}: it is no log`);
  }
  if (!bytes.ok) return bytes;
  const log = readLog(Buffer.from(bytes.value).toString("utf8"));
  return log.ok ? log : fail(log.fault.kind, `${file}: ${log.fault.message}`, log.fault.at);
}

const VERDICTS: Readonly<Record<Judgement["verdict"], string>> = {
  kept: "nobody broke a rule",
  broken: "a rule was broken",
  undecided: "nobody is shown to have broken a rule, but the logs alone cannot tell all",
};

function tell(
  { order, device, verdict, findings }: Judgement,
  trusted: boolean,
  out: Output,
): void {
  for (const finding of findings) {
    out.emit({ step: "finding", ...finding });
    out.say(findingText(finding));
  }
  out.emit({ step: "judged", order, device, verdict, trusted });
  const of = order === "" ? "" : `order ${order} of device ${device}: `;
  out.say(`${of}${VERDICTS[verdict]}`);
  if (!trusted) {
    out.say("WARNING: no --operator was given: whose device it is, is NOT proven.");
  }
}

function findingText({ rule, is, party, words }: Finding): string {
  if (is === "broken") return `${rule} broken by the ${party}: ${words}`;
  return is === "undecided" ? `${rule} cannot be decided: ${words}` : `${rule} noted: ${words}`;
}
