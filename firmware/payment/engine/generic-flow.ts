// A flow that is no payment: one service answers the request, others may add to the answer.

import type { FlowConfig } from "../config/flow-config.ts";
import { NO_DATA } from "../model/data.ts";
import { deepFreeze } from "../model/freeze.ts";
import type { Request, Response } from "../model/request.ts";
import { cutText } from "../record/flow-audit.ts";
import type { FlowRun } from "./flow-run.ts";
import type { CalledStage } from "./service.ts";
import type { StageEnd } from "./stage-task.ts";

const MESSAGE_BYTES_MAX = 96;

/** The answer; where no service gave one that could be taken, that it failed and why. */
export async function answerRequest(run: FlowRun, request: Request): Promise<Response> {
  const response = await generic(run, request);
  const stage = stageNamed(run.start.config, "POST_GENERIC");
  if (stage === undefined || run.over) return response;
  let whole = response;
  for (const app of run.select(stage, {}).chosen) {
    if (run.over) break;
    const end = await run.call({ stage: "POST_GENERIC", app, input: whole });
    if (end.kind === "accepted" && end.checked.output) whole = end.checked.output;
  }
  return whole;
}

async function generic(run: FlowRun, request: Request): Promise<Response> {
  const stage = stageNamed(run.start.config, "GENERIC");
  if (stage === undefined) return failed(request, "the flow has no stage that answers");
  const { target } = request;
  const [app] = run.select(stage, target === undefined ? {} : { target }).chosen;
  if (app === undefined || run.over) return failed(request, whyOf(run, "no service can answer it"));
  const end = await run.call({ stage: "GENERIC", app, input: request });
  if (end.kind === "accepted") return end.checked.output;
  return failed(request, whyOf(run, reasonOf(end, app.id)));
}

function whyOf({ over }: FlowRun, otherwise: string): string {
  return over === undefined ? otherwise : over.message;
}

export function failed(request: Request, message: string): Response {
  const { id, type, background } = request;
  const outcomeMessage = cutText(message, MESSAGE_BYTES_MAX);
  return deepFreeze({ id, type, success: false, outcomeMessage, data: NO_DATA, background });
}

export function stageNamed(
  config: FlowConfig,
  name: CalledStage,
): FlowConfig["stages"][number] | undefined {
  return config.stages.find((stage) => stage.name === name);
}

function reasonOf(end: StageEnd<"GENERIC">, service: string): string {
  switch (end.kind) {
    case "rejected":
      return `the answer of ${service} was refused: ${end.refusal.message}`;
    case "failed":
      return `${service} failed: ${end.message}`;
    case "finished":
      if (end.why === "needs-person") return `${service} needs a person, and nobody is there`;
      return `${service} did not answer`;
    default:
      return "";
  }
}
