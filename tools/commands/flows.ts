// `sluice flows`: how a running device is paid, stage by stage, and which services take part, or why they do not.

import { ok, type Result } from "../../firmware/result.ts";
import type { Command, Output } from "../command.ts";
import { OPERATOR_HELP, OPERATOR_OPTIONS, type Operator, withOperator } from "../operator.ts";
import { askWhole } from "../operator-flows.ts";

export const flows: Command = {
  name: "flows",
  summary: "the flows of a running device, and the services in them",
  usage: "[--services] [options]",
  help: `Each flow with its stages, whom they call and how; then each service with what it is, where it runs,
where it takes part, and, if it does not, why. Signed by the device's operator.

  --services         only the services
${OPERATOR_HELP}

example: sluice flows --services`,
  options: { ...OPERATOR_OPTIONS, services: { type: "boolean" } },
  positionalsMax: 0,
  run: (invocation) => withOperator(invocation, ok, tell),
};

interface StageLine {
  name: string;
  execution: string;
  apps: (string | { id: string; mandatory?: boolean; conditionalOn?: string })[];
  inner?: StageLine[];
}

interface FlowLine {
  name: string;
  type: string;
  version: number;
  origin: string;
  restrictedToApp?: string;
  stages: StageLine[];
}

interface ServiceLine {
  id: string;
  state: string;
  origin: string;
  where: string;
  name?: string;
  vendor?: string;
  version?: string;
  pays?: boolean;
  adjusts?: boolean;
  methods?: string[];
  takesPart?: { flow: string; stages: string[] }[];
  refusal?: string;
  code?: number;
  reason?: string;
  connected?: boolean;
}

async function tell(operator: Operator): Promise<Result<void>> {
  const { out, device, values } = operator;
  const answer = await askWhole(operator, (from) => ({ do: "flows", from }));
  if (!answer.ok) return answer;
  const { flows: all = [], services = [] } = answer.value as {
    flows?: FlowLine[];
    services?: ServiceLine[];
  };
  for (const flow of values["services"] === true ? [] : all) {
    out.emit({ step: "flow", device, ...flow });
    const only = flow.restrictedToApp === undefined ? "" : `, for ${flow.restrictedToApp} only`;
    const named = flow.name === flow.type ? "" : ` (${flow.type})`;
    out.say(`${flow.name}${named}${flow.origin === "changed" ? ", changed" : ""}${only}`);
    tellStages(flow.stages, "  ", out);
  }
  out.say("services:");
  for (const service of services) tellService(service, device, out);
  return ok(undefined);
}

/** Stages that call nobody are no news. */
function tellStages(stages: readonly StageLine[], indent: string, out: Output): void {
  for (const { name, execution, apps, inner } of stages) {
    const ids = apps.map((app) => {
      if (typeof app === "string") return app;
      const marks = [app.mandatory === true ? "mandatory" : [], app.conditionalOn ?? []].flat();
      return `${app.id} (${marks.join(", ")})`;
    });
    const calls = execution === "DYNAMIC_SELECT" ? ["any"] : ids;
    if (calls.length > 0) out.say(`${indent}${name.padEnd(22)}  ${calls.join(", ")}`);
    else if (inner !== undefined) out.say(`${indent}${name}`);
    tellStages(inner ?? [], `${indent}  `, out);
  }
}

export function serviceText(service: ServiceLine): string {
  const { id, state, where, origin, name, vendor, version, connected } = service;
  const what = name === undefined ? "" : `, ${name} ${version} by ${vendor}`;
  const away = connected === false ? "not connected" : [];
  const states = [connected === false && state === "ready" ? [] : state, away].flat();
  const by = origin === "device" ? "" : ` (${ORIGINS[origin] ?? origin})`;
  return `${id}: ${states.join(", ")}, ${where}${by}${what}`;
}

/** By whom it came; what is said of no other came with the device. */
const ORIGINS: Readonly<Record<string, string>> = { file: "by the device file" };

function tellService(service: ServiceLine, device: string, out: Output): void {
  out.emit({ step: "flow-service", device, ...service });
  const { state, refusal, code, reason } = service;
  out.say(`  ${serviceText(service)}`);
  if (refusal !== undefined) out.say(`    refused: ${refusal} (${code}): ${reason}`);
  if (state === "asked") out.say("    it has not said yet what it is");
  const rights = [
    service.pays === true ? `pays by ${service.methods?.join(", ")}` : [],
    service.adjusts === true ? "adjusts amounts" : [],
  ].flat();
  if (rights.length > 0) out.say(`    ${rights.join("; ")}`);
  for (const { flow, stages } of service.takesPart ?? []) {
    out.say(`    ${flow}: ${stages.join(", ")}`);
  }
}
