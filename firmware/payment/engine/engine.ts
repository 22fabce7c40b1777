// The flow processing service as others see it: starts flows, steers them, remembers them. Several payment flows
// run at once, because buyers over a network share no screen; background requests run one at a time beside them.

import type { AuditEntry } from "../model/audit-entry.ts";
import type { FlowEvent } from "../model/flow-event.ts";
import type { Payment, PaymentResponse } from "../model/payment.ts";
import type { Request, Response } from "../model/request.ts";
import type { ResponseQuery } from "../model/response-query.ts";
import type { Stage } from "../model/stages.ts";
import type { TransactionResponse } from "../model/transaction.ts";
import type { AuditFields } from "../record/flow-audit.ts";
import type { FlowError } from "../rules/rejection.ts";
import type { CalledStage, StageInputs, StageOutputs } from "./service.ts";
import type { UndoEnd } from "./undo.ts";

/** What bounds the amount of a flow that pays a signed offer (I4). Flows without are bounded by nothing but the rules. */
export interface AmountLimits {
  /** Of the offer: the base never rises above it. */
  offerMinor: number;
  /** The most that the payer signed; base and accepted extras together stay at or below it. */
  maximumMinor: number;
}

/** An answer that was taken: what the service was given, and what it changed. Card data among it is its watcher's to hide. */
export interface TakenAnswer {
  flow: string;
  stage: CalledStage;
  service: string;
  input: StageInputs[CalledStage];
  output: StageOutputs[CalledStage];
}
/** Told in the process only: nothing of it is kept or sent. */
export type AnswerWatch = (answer: TakenAnswer) => void;

/** Who starts a flow. */
export interface Initiator {
  /** "sale", "operator", or a service's id. Only he sees the flow's response later. */
  id: string;
  limits?: AmountLimits;
  /** Events of services to him: progressMessage, confirmationRequest, finalAmountRequest, notifyAction, receipt. */
  event?(event: FlowEvent): void;
}

export type Started<T> =
  | { ok: true; ended: Promise<T> }
  | { ok: false; error: FlowError; message: string };

export interface ActiveFlow {
  id: string;
  name: string;
  type: string;
  initiator: string;
  stage?: Stage;
  /** At work in that stage. */
  service?: string;
  startedMs: number;
  background: boolean;
}

/** "wait": the host is deciding; it is remembered, and ends in completion or reversal, never in doubt. */
export type Steered = "done" | "wait" | FlowError;

export interface FlowEngine {
  /** Errors come at once; the response always comes, whatever services do. */
  pay(payment: Payment, by: Initiator): Started<PaymentResponse>;
  ask(request: Request, by: Initiator): Started<Response>;
  /** An event of the initiator for the service at work: confirmationResponse, finalAmountResponse. False: nobody waits for it. */
  tell(flow: string, event: FlowEvent): boolean;
  cancel(flow: string): Steered;
  /** Moves on without the service at work. TRANSACTION_PROCESSING cannot be skipped. */
  skip(flow: string): Steered;
  /** Asks the service at work to show itself again. */
  resume(flow: string): Steered;
  active(): readonly ActiveFlow[];
  /** Of ended flows that `owner` started; of all for "operator". Newest first. */
  history(query: ResponseQuery, owner: string): Promise<readonly (PaymentResponse | Response)[]>;
  audit(flow: string): Promise<readonly AuditEntry[]>;
  /** Into the flow's audit log, also after its end: what its initiator did about its money. */
  note(flow: string, kind: "undone" | "flagged", fields: AuditFields): void;
  /**
   * Gives back what a response's service took, by a reversal request to that service with all its references.
   * False when it could not: then the amount is owed, and the audit log says so.
   */
  undo(flow: string, response: TransactionResponse): Promise<boolean>;
  /** As `undo`, and why not: a service that refuses will not be asked again; one that did not answer may be. */
  giveBack(flow: string, response: TransactionResponse): Promise<UndoEnd>;
  /** Goes on, in the background, with all that the records say is still to be given back. */
  goOn(): void;
  close(): Promise<void>;
}
