// `sluice audit`: what a running device was commanded to do; or what happened in one of its flows, stage by stage.

import { tenderText } from "../../bench/tender-text.ts";
import { fail, ok, type Result } from "../../firmware/result.ts";
import type { Command } from "../command.ts";
import { OPERATOR_HELP, OPERATOR_OPTIONS, type Operator, withOperator } from "../operator.ts";
import { askHistory, askWhole, resolveFlow, timeText } from "../operator-flows.ts";
import { integerOption } from "../option-value.ts";

const COUNT = 20;
const COUNT_MAX = 1_000;
const RELATED_MAX = 100;

export const audit: Command = {
  name: "audit",
  summary: "the commands a device was given; or one of its flows, stage by stage",
  usage: "[FLOW|ORDER] [--count N] [options]",
  help: `With an order (an id, the beginning of one, or last) or another flow: stage by stage who was called, who
changed what, and the number and name of the code where an answer was refused; then what was given back
of it later.

Without: the operator's commands to a device, latest first: number, time and how good the clock was, what
it was about and what came of it. The device keeps the last 1,000; questions, such as this one, leave no
record. Signed by the device's operator.

  --count N          so many commands (default ${COUNT})
${OPERATOR_HELP}

examples:
  sluice audit last
  sluice audit --count 100`,
  options: { ...OPERATOR_OPTIONS, count: { type: "string" } },
  positionalsMax: 1,
  run: (invocation) => {
    const [reference] = invocation.positionals;
    return withOperator(
      invocation,
      (values) => integerOption(values, "count", { min: 1, max: COUNT_MAX }),
      (operator, count) =>
        reference === undefined ? tell(operator, count) : tellFlow(operator, reference),
    );
  },
};

interface EntryLine {
  atMs: number;
  kind: string;
  severity: string;
  stage?: string;
  service?: string;
  transaction?: string;
  code?: number;
  codeName?: string;
  augmented?: string[];
  text?: string;
}

async function tellFlow(operator: Operator, reference: string): Promise<Result<void>> {
  const id = await resolveFlow(operator, reference);
  if (!id.ok) return id;
  const told = await tellEntries(operator, id.value);
  if (!told.ok) return told;
  const recent = await askHistory(operator, { most: RELATED_MAX });
  if (!recent.ok) return recent;
  const related = recent.value.flows.filter((line) => line.id.startsWith(`${id.value}/`)).reverse();
  for (const line of related) {
    operator.out.say(`${line.id} (${line.type}):`);
    const more = await tellEntries(operator, line.id);
    if (!more.ok) return more;
  }
  return ok(undefined);
}

async function tellEntries(operator: Operator, flow: string): Promise<Result<void>> {
  const { out, device } = operator;
  const answer = await askWhole(operator, (from) => ({ do: "flow-audit", flow, from }));
  if (!answer.ok) return answer;
  const entries = (answer.value["entries"] ?? []) as EntryLine[];
  if (entries.length === 0) {
    return fail("not-found", `the device remembers no flow ${flow}: see sluice history`);
  }
  let stage: string | undefined;
  for (const entry of entries) {
    out.emit({ step: "flow-audit", device, flow, ...entry });
    if (entry.stage !== undefined && entry.stage !== stage) out.say(entry.stage);
    stage = entry.stage ?? stage;
    out.say(`  ${entryText(entry)}`);
  }
  return ok(undefined);
}

function entryText(entry: EntryLine): string {
  const { atMs, kind, severity, service, code, codeName, augmented = [], text } = entry;
  const words = [
    service ?? [],
    severity === "info" ? [] : severity,
    code === undefined ? [] : `code ${code}${codeName === undefined ? "" : ` ${codeName}`}`,
    augmented.length > 0 ? `changed ${augmented.join(", ")}` : [],
    text === undefined ? [] : kind === "tendered" ? tenderText(text) : text,
  ].flat();
  return `${timeText(atMs).slice(11)}  ${kind.padEnd(12)}  ${words.join("  ")}`.trimEnd();
}

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
