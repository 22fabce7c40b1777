// What one call of a service in a stage is about, how it may end, and what the stages differ in.

import type { FlowApp } from "../config/flow-config.ts";
import type { FlowSettings } from "../config/settings.ts";
import { EMPTY_CARD } from "../model/card-mask.ts";
import { NO_DATA } from "../model/data.ts";
import type { FlowResponse } from "../model/flow-response.ts";
import type { TransactionResponse } from "../model/transaction.ts";
import type { FlowError, Rejection } from "../rules/rejection.ts";
import type { Checked } from "../rules/rules.ts";
import type { AmountLimits } from "./engine.ts";
import type { CalledStage, StageInputs } from "./service.ts";
import type { FinishReason } from "./stage-call.ts";

export interface Refusal {
  rejection: Rejection;
  message: string;
}

export interface StageTask<S extends CalledStage> {
  stage: S;
  app: FlowApp;
  input: StageInputs[S];
  transaction?: string;
  limits?: AmountLimits;
  /** Some changes are not possible in this state of the flow, whatever the settings allow. */
  settings?: FlowSettings;
  /** Applies an answer that passed the gate; refuses it where the flow has no room for it, and then changes nothing. */
  apply?(output: Extract<Checked<S>, { ok: true }>): Refusal | undefined;
  /** Extras that earlier transactions have paid, in minor units. */
  extrasPaidMinor?: number;
  /** Nobody waits for it any more, and it says that money moved. */
  late?(evidence: TransactionResponse): void;
}

export type StageEnd<S extends CalledStage> =
  | { kind: "accepted"; checked: Extract<Checked<S>, { ok: true }> }
  /** With what is known of money that may have moved. */
  | { kind: "rejected"; refusal: Refusal; evidence?: TransactionResponse }
  | { kind: "failed"; code: FlowError; message: string }
  | { kind: "finished"; why: FinishReason };

/** Where the flow may move on without the service at work. */
export const SKIPPABLE: ReadonlySet<CalledStage> = new Set([
  "PRE_FLOW",
  "SPLIT",
  "PRE_TRANSACTION",
  "PAYMENT_CARD_READING",
  "POST_CARD_READING",
  "POST_TRANSACTION",
  "POST_FLOW",
  "POST_GENERIC",
  "STATUS_UPDATE",
]);

/** A request for a transaction has its own id, which its answer names; other calls get one. */
export function callId(input: StageInputs[CalledStage]): string | undefined {
  return "transactionId" in input ? input.id : undefined;
}

export function timeoutMs(stage: CalledStage, settings: FlowSettings): number {
  const seconds =
    stage === "SPLIT"
      ? settings.splitResponseTimeoutSeconds
      : stage === "TRANSACTION_PROCESSING"
        ? settings.paymentResponseTimeoutSeconds
        : stage === "STATUS_UPDATE"
          ? settings.statusUpdateTimeoutSeconds
          : settings.flowResponseTimeoutSeconds;
  return seconds * 1000;
}

/** Of an answer that could not be read nobody knows whether money moved. */
export function saysNothing({ rejection }: Refusal): boolean {
  return rejection === "malformed" || rejection === "too-large";
}

/** What an answer says that its service took. */
export function paidBy<S extends CalledStage>(
  { input, stage, app }: StageTask<S>,
  { output }: { output: unknown },
): TransactionResponse | undefined {
  if (stage === "TRANSACTION_PROCESSING") {
    const response = output as TransactionResponse;
    return response.outcome === "approved" && response.amounts ? response : undefined;
  }
  const said = output as FlowResponse | undefined;
  if (said?.amountsPaid === undefined) return undefined;
  return {
    id: input.id,
    outcome: "approved",
    amounts: said.amountsPaid,
    paymentMethod: said.paidWith ?? "",
    card: EMPTY_CARD,
    references: said.references ?? NO_DATA,
    service: app.id,
    stage,
  };
}
