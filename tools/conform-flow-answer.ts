// `sluice conform`, the operation `flow.run`: what a scripted service answers in one call. Nothing is made right here:
// an answer that breaks the rules gets to the engine as it was scripted.

import type { CalledStage, StageCall } from "../firmware/payment/engine/service.ts";
import { partialAuthorisation } from "../firmware/payment/model/apportion.ts";
import type { Request } from "../firmware/payment/model/request.ts";
import type { TransactionRequest } from "../firmware/payment/model/transaction.ts";
import { BadField } from "./conform-answer.ts";
import {
  filledAmounts,
  filledBasket,
  filledCard,
  filledData,
  type Loose,
  looseAt,
  textAt,
} from "./conform-flow-input.ts";

export type Answering =
  | { readonly kind: "respond"; readonly value: Loose }
  | { readonly kind: "approve" | "decline"; readonly parts: Loose }
  | { readonly kind: "skip" | "never" | "give-back" }
  | { readonly kind: "throw"; readonly message: string };

const KINDS = ["respond", "approve", "decline", "skip", "never", "throw"] as const;
const OF_PAYMENT: readonly CalledStage[] = ["PAYMENT_CARD_READING", "TRANSACTION_PROCESSING"];

/** Each entry says exactly one of the kinds. `method` is how its service pays where the entry does not say it. */
export function answeringAt(
  given: Loose,
  at: string,
  stage: CalledStage,
  method: string,
): Answering {
  const said = KINDS.filter((kind) => given[kind] !== undefined);
  const [kind] = said;
  if (kind === undefined || said.length > 1) throw new BadField(at);
  const place = `${at}.${kind}`;
  const value = given[kind];
  switch (kind) {
    case "respond":
      return { kind, value: filledResponse(looseAt(value, place), stage) };
    case "throw":
      return { kind, message: textAt(value, place) };
    case "decline":
      return declining(textAt(value, place), given, place, stage, method);
    case "approve":
      return approving(value, given, place, stage, method);
    default:
      if (value !== true) throw new BadField(place);
      return { kind };
  }
}

function declining(
  message: string,
  given: Loose,
  at: string,
  stage: CalledStage,
  method: string,
): Answering {
  if (stage === "GENERIC") {
    return { kind: "decline", parts: { success: false, outcomeMessage: message } };
  }
  if (!OF_PAYMENT.includes(stage)) throw new BadField(at);
  const parts = { ...paying(given, method), outcome: "declined", outcomeMessage: message };
  return { kind: "decline", parts };
}

function approving(
  approved: unknown,
  given: Loose,
  at: string,
  stage: CalledStage,
  method: string,
): Answering {
  if (stage === "GENERIC") {
    if (approved !== true) throw new BadField(at);
    return { kind: "approve", parts: { success: true, data: filledData(given["data"]) } };
  }
  const isProcessing = stage === "TRANSACTION_PROCESSING";
  if (!OF_PAYMENT.includes(stage) || !(isProcessing || approved === true)) throw new BadField(at);
  const isAmount = typeof approved === "number" && Number.isSafeInteger(approved);
  if (approved !== true && !isAmount) looseAt(approved, at);
  const amounts = isProcessing && { amounts: filledAmounts(approved) };
  const parts = { ...paying(given, method), outcome: "approved", ...amounts };
  return { kind: "approve", parts };
}

function paying(given: Loose, method: string): Loose {
  const { message, code } = given;
  return {
    paymentMethod: given["method"] ?? method,
    ...(message !== undefined && { outcomeMessage: message }),
    ...(code !== undefined && { responseCode: code }),
    card: filledCard(given["card"]),
    references: filledData(given["references"]),
  };
}

/** As it is sent; `undefined` is the empty answer. */
export function answerAt(answering: Answering, call: StageCall): unknown {
  switch (answering.kind) {
    case "respond":
      return withDefaults(answering.value, call);
    case "approve":
    case "decline":
      return withDefaults(withAmounts(answering.parts, call), call);
    case "give-back":
      return withDefaults(givingBack(call.input as Request), call);
    case "skip":
      return call.stage === "PAYMENT_CARD_READING" ? notRead(call) : undefined;
    default:
      return undefined;
  }
}

function givingBack({ type }: Request): Loose {
  if (type === "reversal") return { success: true };
  return { success: false, outcomeMessage: "no answer is scripted" };
}

function notRead({ id }: StageCall): Loose {
  const empty = { card: { data: {} }, references: {} };
  return { id, outcome: "approved", paymentMethod: "card", ...empty };
}

/** All of what is asked for, or a part of it, divided by the rule for partial authorisation. */
function withAmounts({ amounts, ...parts }: Loose, call: StageCall): Loose {
  if (amounts === undefined) return parts;
  const asked = (call.input as TransactionRequest).amounts;
  if (amounts === true) return { ...parts, amounts: asked };
  if (typeof amounts !== "number") return { ...parts, amounts };
  const part = partialAuthorisation(asked, amounts);
  // More than was asked for cannot be divided: it stands in the base, for the engine to refuse.
  const over = { currency: asked.currency, base: amounts, additional: {} };
  return { ...parts, amounts: part.ok ? part.value : over };
}

function withDefaults(value: Loose, { id, stage, input }: StageCall): unknown {
  if (OF_PAYMENT.includes(stage)) {
    return { id, paymentMethod: "card", card: { data: {} }, references: {}, ...value };
  }
  if (stage !== "GENERIC" && stage !== "POST_GENERIC" && stage !== "STATUS_UPDATE") return value;
  const { id: asked, type, background } = input as Request;
  return { id: asked, type, success: true, outcomeMessage: "", data: {}, background, ...value };
}

/** What a scripted answer leaves out of amounts, data, baskets and cards. */
function filledResponse(given: Loose, stage: CalledStage): Loose {
  const payment = given["updatedPayment"];
  const filled: Record<string, unknown> = { ...given };
  const fill = (names: readonly string[], by: (value: unknown) => unknown): void => {
    for (const name of names) if (given[name] !== undefined) filled[name] = by(given[name]);
  };
  fill(["updatedAmounts", "amountsPaid", "amounts"], filledAmounts);
  fill(["requestData", "references", "data"], filledData);
  fill(["additionalBasket", "modifiedBasket"], filledBasket);
  fill(["card"], filledCard);
  if (stage === "PRE_FLOW" && payment !== undefined) {
    const { amounts, basket, data, ...rest } = looseAt(payment, "updatedPayment");
    filled["updatedPayment"] = {
      ...rest,
      amounts: filledAmounts(amounts),
      ...(basket !== undefined && { basket: filledBasket(basket) }),
      data: filledData(data),
    };
  }
  return filled;
}
