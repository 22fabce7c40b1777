// `sluice flow`: flows that run on a device, and flows as its operator wants them.

import { STEERINGS, type Steering } from "../../firmware/producer/command.ts";
import { fail, ok, type Result } from "../../firmware/result.ts";
import type { Command } from "../command.ts";
import { refuse } from "../consumer.ts";
import { readYamlFile } from "../device-file.ts";
import { OPERATOR_HELP, OPERATOR_OPTIONS, type Operator, withOperator } from "../operator.ts";
import { askActive, resolveFlow, timeText } from "../operator-flows.ts";
import { textOption } from "../option-value.ts";

export const flow: Command = {
  name: "flow",
  summary: "steer the flows that run on a device, or change its flows",
  usage: "list | cancel|skip|resume ID | set --file FILE | remove NAME [options]",
  help: `Signed by the device's operator. ID is an order, the beginning of one, last, or another flow's id.

  list               the flows that run, and where they are
  cancel ID          ends it unpaid; while the payment host decides the answer is "wait": what it
                     approves is given back
  skip ID            goes on without the service at work; the charging itself cannot be skipped
  resume ID          asks the service at work to show itself again
  set                puts a flow in the place of the one of that name, or adds it; at once, and over
                     restarts, until \`sluice run --reset-catalogue\`
    --file FILE      YAML or JSON: one entry of payment.flows as in a device file
  remove NAME        takes a flow away, unless a service could not be paid by any other
${OPERATOR_HELP}

example: sluice flow cancel last`,
  options: { ...OPERATOR_OPTIONS, file: { type: "string" } },
  positionalsMax: 2,
  run: async (invocation) => {
    const { positionals, values, out } = invocation;
    const [verb = "", id] = positionals;
    if (verb === "list") return withOperator(invocation, ok, tell);
    if (verb === "set")
      return withOperator(invocation, () => readFlow(textOption(values, "file")), set);
    if (verb === "remove") return withOperator(invocation, () => named(id), remove);
    if (Object.hasOwn(STEERINGS, verb)) {
      const how = verb as Steering;
      return withOperator(invocation, ok, (operator) => steer(operator, how, id));
    }
    const message = "say what to do: flow list, cancel ID, skip ID, resume ID, set or remove NAME";
    return refuse(out, { kind: "usage", message });
  },
};

async function tell(operator: Operator): Promise<Result<void>> {
  const { out, device } = operator;
  const active = await askActive(operator);
  if (!active.ok) return active;
  out.say(active.value.length === 0 ? "no flow runs" : "flows that run:");
  for (const one of active.value) {
    out.emit({ step: "flow-list", device, ...one });
    const { id, name, initiator, stage = "between stages", service, startedMs, background } = one;
    const at = service === undefined ? stage : `${stage}, ${service}`;
    const behind = background ? ", in the background" : "";
    const by = initiator === name ? "" : ` by ${initiator}`;
    out.say(`  ${id}  ${name}${by}, since ${timeText(startedMs)}: ${at}${behind}`);
  }
  return ok(undefined);
}

async function steer(
  operator: Operator,
  how: Steering,
  reference: string | undefined,
): Promise<Result<void>> {
  const id = await resolveFlow(operator, reference);
  if (!id.ok) return id;
  const done = await operator.do({ do: "flow-steer", flow: id.value, how });
  if (!done.ok) return done;
  const { outcome } = done.value;
  const { out, device } = operator;
  out.emit({ step: "flow-steer", device, flow: id.value, did: how, outcome });
  const later = "the payment host is deciding: it is remembered, and what is approved goes back";
  out.say(`${how} ${id.value}: ${outcome === "wait" ? `wait, ${later}` : String(outcome)}`);
  out.say(`Next: sluice audit ${id.value}`);
  return ok(undefined);
}

function readFlow(path: string | undefined): Result<string> {
  if (path === undefined) return fail("usage", "name the file of the flow with --file", "--file");
  const read = readYamlFile(path);
  if (!read.ok) {
    const { kind, message, at } = read.fault;
    return fail(kind, kind === "not-found" ? `${path} does not exist` : `${path}: ${message}`, at);
  }
  return ok(JSON.stringify(read.value));
}

function named(name: string | undefined): Result<string> {
  return name === undefined ? fail("usage", "which flow? flow remove NAME") : ok(name);
}

async function set({ out, device, do: command }: Operator, config: string): Promise<Result<void>> {
  const done = await command({ do: "flow-set", config });
  if (!done.ok) return done;
  out.emit({ step: "flow-set", device, ...done.value });
  out.say(`the next payments go by the flow ${String(done.value["flow"])}. See: sluice flows`);
  return ok(undefined);
}

async function remove({ out, device, do: command }: Operator, name: string): Promise<Result<void>> {
  const done = await command({ do: "flow-remove", flow: name });
  if (!done.ok) return done;
  out.emit({ step: "flow-remove", device, flow: name });
  out.say(`there is no flow ${name} any more`);
  out.say("Next: sluice flows; sluice flow set --file FILE puts one in its place");
  return ok(undefined);
}
