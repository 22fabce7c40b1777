// What the engine knows of a flow service, in the process or anywhere: one call for each stage, one answer to it.

import type { AuditEntry, Severity } from "../model/audit-entry.ts";
import type { FlowEvent } from "../model/flow-event.ts";
import type { FlowResponse } from "../model/flow-response.ts";
import type { Payment, PaymentResponse, SplitRequest } from "../model/payment.ts";
import type { Request, Response } from "../model/request.ts";
import type { ServiceInfo } from "../model/service-info.ts";
import type { Stage } from "../model/stages.ts";
import type {
  TransactionRequest,
  TransactionResponse,
  TransactionSummary,
} from "../model/transaction.ts";
import type { FlowError, ServiceError } from "../rules/rejection.ts";

/** What each stage is given, and what it may answer. FULFILLED_CHECK is the engine's own. */
export interface StageInputs {
  PRE_FLOW: Payment;
  SPLIT: SplitRequest;
  PRE_TRANSACTION: TransactionRequest;
  PAYMENT_CARD_READING: TransactionRequest;
  POST_CARD_READING: TransactionRequest;
  TRANSACTION_PROCESSING: TransactionRequest;
  POST_TRANSACTION: TransactionSummary;
  POST_FLOW: PaymentResponse;
  GENERIC: Request;
  POST_GENERIC: Response;
  STATUS_UPDATE: Request;
}
/** `undefined` is the empty answer: the stage is skipped. */
export interface StageOutputs {
  PRE_FLOW: FlowResponse | undefined;
  SPLIT: FlowResponse | undefined;
  PRE_TRANSACTION: FlowResponse | undefined;
  PAYMENT_CARD_READING: TransactionResponse;
  POST_CARD_READING: FlowResponse | undefined;
  TRANSACTION_PROCESSING: TransactionResponse;
  POST_TRANSACTION: FlowResponse | undefined;
  POST_FLOW: undefined;
  GENERIC: Response;
  POST_GENERIC: Response | undefined;
  STATUS_UPDATE: Response | undefined;
}
export type CalledStage = keyof StageInputs;

/** One call. `input` is frozen through and through. */
export interface StageCall<S extends CalledStage = CalledStage> {
  /** Unique; the answer names it. */
  id: string;
  stage: S;
  flowType: string;
  /** Who started the flow: "sale", "operator", or a service. */
  initiator: string;
  /** No person is there: what needs one must fail at once. */
  background: boolean;
  input: StageInputs[S];
}

/** What a service tells the engine while it works. Anything after the answer is refused, and counted. */
export interface CallListener {
  acknowledged(): void;
  /** At most five are kept for a call. */
  audit(severity: AuditEntry["severity"] & Severity, text: string): void;
  event(event: FlowEvent): void;
  /** The answer, unchecked: the engine checks shape and rules, whoever made it. `requestId` is the call it answers. */
  respond(requestId: string, output: unknown): void;
  failed(code: FlowError, message: string): void;
}

/** Events from the engine to the service of a running call (values of AppFlow). */
export const SERVICE_EVENTS = {
  responseAccepted: "responseAccepted",
  /** With `rejectedReason` (text) and `rejectedCode` (integer). */
  responseRejected: "responseRejected",
  finishImmediately: "finishImmediately",
  resumeUserInterface: "resumeUserInterface",
  cancelOrResumeUserInterface: "cancelOrResumeUserInterface",
} as const;

export interface RunningCall {
  tell(event: FlowEvent): void;
}

export interface FlowService {
  readonly id: string;
  /** Asked when it is first needed and after each change notice. May be slow, may reject, may lie. */
  info(): Promise<unknown>;
  /** What it implements; the engine compares with it what the info says. */
  readonly stages: readonly Stage[];
  /** Told why it takes no part; true when it did something about it. */
  refused(error: ServiceError, message: string): boolean | Promise<boolean>;
  /** Its info is another one now. One listener. */
  onInfoChanged(listener: () => void): void;
  call(call: StageCall, listener: CallListener): RunningCall;
  /** The final response of a flow in which it took part. */
  ended?(response: PaymentResponse | Response): void;
  /** Set where its stage models are not the engine's to trust, because it runs elsewhere. */
  readonly remote?: boolean;
  /** What it may be given and may do, where it is enrolled; absent for services of the process. */
  readonly rights?: ServiceRights;
}

export interface ServiceRights {
  stages: readonly Stage[];
  adjust: boolean;
  pay: boolean;
  /** Card data is sent to it. */
  card: boolean;
}

export type { FlowEvent, FlowResponse, ServiceInfo };
