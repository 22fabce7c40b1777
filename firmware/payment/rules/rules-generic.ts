// The rules of the stages that pay nothing: answers to requests, additions to them, and references after the fact.

import { DATA_KEYS_MAX } from "../model/data.ts";
import type { FlowResponse } from "../model/flow-response.ts";
import type { Request, Response } from "../model/request.ts";
import type { RuleContext } from "./rules.ts";
import { ownedData } from "./rules-customer.ts";
import { sameValue } from "./rules-same.ts";
import { onlyFields, type Refused, refused, taken, type Verdict } from "./rules-verdict.ts";

/** POST_TRANSACTION: the outcome is known, only references may be added. */
export function judgeReferences(answer: FlowResponse): Verdict<FlowResponse> {
  const wrong = onlyFields(answer, ["references"]);
  if (wrong) return wrong;
  return taken(answer, answer.references ? ["references"] : []);
}

/** POST_FLOW: the response is final. */
export function judgeNothing(answer: FlowResponse): Verdict<FlowResponse> {
  return onlyFields(answer, []) ?? taken({});
}

/** GENERIC, and STATUS_UPDATE, of which only the data is taken. */
export function judgeResponse(
  input: Request,
  answer: Response,
  context: RuleContext,
): Verdict<Response> {
  const wrong = checkAnswered(input, answer);
  if (wrong) return wrong;
  const data = ownedData(answer.data, context);
  const output = { ...answer, data, service: context.info.id, background: input.background };
  return taken(output, Object.keys(data).length > 0 ? ["additionalData"] : []);
}

/** POST_GENERIC: what was answered stays, more may be added. The answer may repeat what was there, or leave it out. */
export function judgeAdditions(
  input: Response,
  answer: Response,
  context: RuleContext,
): Verdict<Response> {
  const wrong = checkAnswered(input, answer);
  if (wrong) return wrong;
  if (answer.success !== input.success || answer.outcomeMessage !== input.outcomeMessage) {
    return refused("not-in-stage", "success and outcomeMessage may not change any more");
  }
  const added = Object.entries(answer.data).filter(([key]) => !Object.hasOwn(input.data, key));
  const isChanged = ([key, value]: [string, unknown]): boolean =>
    Object.hasOwn(input.data, key) && !sameValue(input.data[key], value);
  const changed = Object.entries(answer.data).find(isChanged);
  if (changed) return refused("not-in-stage", `data.${changed[0]} may not change any more`);
  const data = { ...input.data, ...ownedData(Object.fromEntries(added), context) };
  if (Object.keys(data).length > DATA_KEYS_MAX) {
    return refused("too-large", `an answer's data holds at most ${DATA_KEYS_MAX} keys`);
  }
  return taken({ ...input, data }, added.length > 0 ? ["references"] : []);
}

function checkAnswered(
  input: { id: string; type: string },
  answer: { id: string; type: string },
): Refused | undefined {
  if (answer.id !== input.id) return refused("wrong-request", "its id is not the request's");
  if (answer.type !== input.type) return refused("wrong-request", "its type is not the request's");
  return undefined;
}
