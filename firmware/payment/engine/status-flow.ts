// A status update: every service of the flow is told, one after the other, and what they add is put together.

import { type Data, NO_DATA } from "../model/data.ts";
import { deepFreeze } from "../model/freeze.ts";
import type { Request, Response } from "../model/request.ts";
import { addToBag } from "./bag.ts";
import type { FlowRun } from "./flow-run.ts";
import { failed, stageNamed } from "./generic-flow.ts";

export async function tellStatus(run: FlowRun, request: Request): Promise<Response> {
  const stage = stageNamed(run.start.config, "STATUS_UPDATE");
  let data: Data = NO_DATA;
  for (const app of stage === undefined ? [] : run.select(stage, {}).chosen) {
    if (run.over) break;
    await run.call({
      stage: "STATUS_UPDATE",
      app,
      input: request,
      apply: ({ output }) => {
        const all = addToBag(data, output?.data ?? NO_DATA);
        if (!all.ok) return { rejection: "too-large", message: all.fault.message };
        data = all.value;
        return undefined;
      },
    });
  }
  if (run.over) return failed(request, run.over.message);
  const { id, type } = request;
  return deepFreeze({ id, type, success: true, outcomeMessage: "", data, background: true });
}
