// Answers of whoever pays: approved, with or without amounts, or declined. What they state as references is never
// overwritten later.

import { fail, type Result } from "../../result.ts";
import { EMPTY_CARD } from "./card-mask.ts";
import { type Data, NO_DATA } from "./data.ts";
import { addData, textsOf } from "./data-access.ts";
import { checkedCopy } from "./freeze.ts";
import { type Outcome, type TransactionResponse, transactionResponse } from "./transaction.ts";

/** Where nothing is said of how it was paid. */
const DEFAULT_METHOD = "card";

export type ResponseParts = Partial<Omit<TransactionResponse, "id" | "outcome">>;

/** Approved; without amounts nothing was charged. `malformed` at the field. */
export function approve(requestId: string, parts: ResponseParts = {}): Result<TransactionResponse> {
  return newTransactionResponse({ ...parts, id: requestId, outcome: "approved" });
}

/** Declined: whatever was said of amounts is dropped. `malformed` at the field. */
export function decline(
  requestId: string,
  message: string,
  parts: ResponseParts = {},
): Result<TransactionResponse> {
  const { amounts: _, ...rest } = parts;
  return newTransactionResponse({
    ...rest,
    id: requestId,
    outcome: "declined",
    outcomeMessage: message,
  });
}

/** Of parts that may lack what it needs: `malformed` at `response.id` or `response.outcome`. */
export function newTransactionResponse(
  parts: ResponseParts & { id?: string; outcome?: Outcome },
): Result<TransactionResponse> {
  const { id = "", outcome, ...rest } = parts;
  if (id === "") return fail("malformed", "a response names its request", "response.id");
  if (outcome === undefined) {
    return fail("malformed", "a response is approved or declined", "response.outcome");
  }
  const made: TransactionResponse = {
    paymentMethod: DEFAULT_METHOD,
    card: EMPTY_CARD,
    references: NO_DATA,
    ...rest,
    id,
    outcome,
  };
  return checkedCopy(transactionResponse, made, "response");
}

/** With more references; none that it has is replaced. `malformed` key, `too-many`. */
export function withReferences(
  response: TransactionResponse,
  references: Data,
): Result<TransactionResponse> {
  const merged = addData(response.references, references);
  if (!merged.ok) return merged;
  return checkedCopy(transactionResponse, { ...response, references: merged.value }, "response");
}

/** When the host took it, in milliseconds since 1970: written as an integer, and read as text too. */
export function transactionTimeMs({
  references,
}: Pick<TransactionResponse, "references">): number | undefined {
  const [written = ""] = textsOf(references, "transactionDateTime") ?? [];
  const time = /^\d{1,16}$/.test(written) ? Number(written) : undefined;
  return Number.isSafeInteger(time) ? time : undefined;
}
