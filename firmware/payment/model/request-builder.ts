// Requests that are no payments, and answers to them.

import { fail, type Result } from "../../result.ts";
import { NO_DATA } from "./data.ts";
import { addData } from "./data-access.ts";
import { checkedCopy } from "./freeze.ts";
import { type Request, type Response, request, response } from "./request.ts";

export type RequestParts = Pick<Request, "id" | "type" | "source"> & Partial<Request>;

/** In the foreground, without data, for any service, where nothing else is said. `malformed` at the field. */
export function newRequest(parts: RequestParts): Result<Request> {
  if (parts.id === "") return fail("malformed", "a request has an id", "request.id");
  if (parts.type === "") return fail("malformed", "a request has a type", "request.type");
  return checkedCopy(request, { data: NO_DATA, background: false, ...parts }, "request");
}

export type ResponseParts = Partial<Pick<Response, "outcomeMessage" | "data" | "service">>;

/** The answer to a request: what it came to, and data. `malformed` at the field. */
export function respondTo(
  { id, type, background }: Pick<Request, "id" | "type" | "background">,
  success: boolean,
  parts: ResponseParts = {},
): Result<Response> {
  const whole = { outcomeMessage: "", data: NO_DATA, ...parts, id, type, background, success };
  return checkedCopy(response, whole, "response");
}

/** With what a later service adds; nothing that is there is replaced. `malformed` key, `too-many`. */
export function withResponseData(before: Response, more: Response["data"]): Result<Response> {
  const merged = addData(before.data, more);
  if (!merged.ok) return merged;
  return checkedCopy(response, { ...before, data: merged.value }, "response");
}
