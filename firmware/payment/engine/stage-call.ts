// One call of one service: acknowledgement, a few audit lines, events, exactly one answer, and an end in any case.
// Nothing is believed here and nothing is asserted: a service may throw, flood, answer twice, late, or never.

import { after, type Clock, type Timer } from "../../../hal/clock.ts";
import { type AuditKind, SEVERITIES, type Severity } from "../model/audit-entry.ts";
import type { FlowEvent } from "../model/flow-event.ts";
import { type AuditFields, cutWords, type FlowAudit } from "../record/flow-audit.ts";
import { FLOW_ERRORS, type FlowError, REJECTIONS, type Rejection } from "../rules/rejection.ts";
import { EVENTS_MAX, Questions, readEvent } from "./flow-events.ts";
import {
  type CalledStage,
  type CallListener,
  type FlowService,
  type RunningCall,
  SERVICE_EVENTS,
  type StageCall,
} from "./service.ts";
import { callStranger } from "./stranger.ts";

/** A service's own lines in the audit log, for each call. */
const AUDIT_LINES_MAX = 5;
/** Answers to requests that were never put: after so many the service is taken to be broken. */
const WRONG_ANSWERS_MAX = 8;

export type FinishReason = "timed-out" | "skipped" | "cancelled" | "needs-person";

export type CallEnd =
  /** Unchecked. */
  | { kind: "answered"; output: unknown }
  | { kind: "failed"; code: FlowError; message: string }
  /** finishImmediately was sent. */
  | { kind: "finished"; why: FinishReason };

export interface CallOrder {
  service: FlowService;
  call: StageCall;
  /** 0: no limit. */
  timeoutMs: number;
  /** How long a payer has for a question; 0: no limit. */
  confirmationMs: number;
  /** Ids of questions to the payer in earlier calls of the flow; this one's are added. */
  askedBefore?: Set<string>;
  clock: Clock;
  audit: FlowAudit;
  transaction?: string;
  /** Who started the flow hears events; absent where nobody does. */
  initiator?: (event: FlowEvent) => void;
  flow: string;
  /** The first answer after finishImmediately, unchecked. */
  late(output: unknown): void;
}

/** One call, from its `start`. `ended` always comes, unless no limit was given and the service is silent. */
export class OpenCall {
  readonly id: string;
  readonly ended: Promise<CallEnd>;
  readonly questions: Questions;
  readonly #order: CallOrder;
  readonly #resolve: (end: CallEnd) => void;
  #running: RunningCall | undefined;
  #timer: Timer | undefined;
  #state: "open" | "answered" | "failed" | "finished" = "open";
  #toldBeforeRunning: FlowEvent[] = [];
  #isAcknowledged = false;
  #lateCount = 0;
  #lines = 0;
  #events = 0;
  #wrong = 0;
  #second = 0;
  #isUnknownFlagged = false;

  constructor(order: CallOrder) {
    this.#order = order;
    this.id = order.call.id;
    let resolve: (end: CallEnd) => void = () => {};
    this.ended = new Promise((done) => {
      resolve = done;
    });
    this.#resolve = resolve;
    const { clock, confirmationMs, askedBefore = new Set() } = order;
    const tell = (event: FlowEvent): void => this.tell(event);
    this.questions = new Questions(clock, confirmationMs, tell, askedBefore);
  }

  /** An event to the service. What it does with it is its own affair. */
  tell(event: FlowEvent): void {
    const { flow, service } = this.#order;
    const sent = Object.freeze({ ...event, request: flow, service: service.id });
    if (this.#running === undefined) {
      this.#toldBeforeRunning.push(sent);
      return;
    }
    const running = this.#running;
    callStranger(
      () => running.tell(sent),
      () => {
        const text = `it threw when told ${event.type}`;
        this.#audit("failed", { severity: "warning", text });
      },
    );
  }

  /** Nobody waits for its answer any more. */
  finish(why: FinishReason): void {
    if (this.#state !== "open") return;
    if (why === "timed-out") this.#audit("timed-out", { severity: "warning" });
    this.#audit("finished", { text: why });
    this.#end("finished", { kind: "finished", why });
    this.tell({ type: SERVICE_EVENTS.finishImmediately, data: {} });
  }

  accepted(): void {
    this.tell({ type: SERVICE_EVENTS.responseAccepted, data: {} });
  }

  rejected(rejection: Rejection, message: string): void {
    this.#audit("rejected", { severity: "warning", code: rejection, text: message });
    this.#tellRejected(rejection, message);
  }

  /** Apart from the making, because all may happen while the service is called: events, their answers, a cancel. */
  start(): void {
    const { call, clock, timeoutMs } = this.#order;
    this.#audit("called", call.flowType === "reversal" ? { text: "reversal" } : {});
    if (timeoutMs > 0) this.#timer = after(clock, timeoutMs, () => this.finish("timed-out"));
    try {
      const running = this.#order.service.call(this.#order.call, this.#listener());
      this.#running = running;
      callStranger(
        () => running,
        (error) => {
          if (this.#state === "open") this.#fail("flowServiceError", messageOf(error));
        },
      );
    } catch (error) {
      this.#running = { tell: () => {} };
      this.#fail("flowServiceError", messageOf(error));
    }
    const told = this.#toldBeforeRunning;
    this.#toldBeforeRunning = [];
    for (const event of told) this.tell(event);
  }

  #listener(): CallListener {
    return {
      acknowledged: () => {
        if (this.#state !== "open" || this.#isAcknowledged) return;
        this.#isAcknowledged = true;
        this.#audit("acknowledged");
      },
      audit: (severity, text) => this.#said(severity, text),
      event: (event) => this.#event(event),
      respond: (requestId, output) => this.#respond(requestId, output),
      failed: (code, message) => {
        if (this.#state === "open") this.#fail(code, message);
      },
    };
  }

  #said(severity: Severity, text: string): void {
    if (this.#state !== "open" || this.#lines >= AUDIT_LINES_MAX || typeof text !== "string")
      return;
    this.#lines++;
    const known = Object.hasOwn(SEVERITIES, severity) ? severity : "info";
    this.#audit("said", { severity: known, text: cutWords(text) });
  }

  #event(given: FlowEvent): void {
    if (this.#state !== "open") return;
    this.#events++;
    if (this.#events > EVENTS_MAX) {
      if (this.#events === EVENTS_MAX + 1) {
        this.#audit("event", {
          severity: "warning",
          text: "too many events; no more are passed on",
        });
      }
      return;
    }
    const read = readEvent("service", given);
    if (read.kind === "unknown") {
      if (!this.#isUnknownFlagged) {
        this.#isUnknownFlagged = true;
        this.#audit("flagged", { severity: "warning", code: "unknown-event", text: read.type });
      }
    } else if (read.kind === "malformed") {
      this.#audit("event", { severity: "warning", code: "malformed", text: read.message });
    } else this.#pass(read.event);
  }

  #pass(event: FlowEvent): void {
    const { call, initiator, flow, service } = this.#order;
    this.#audit("event", { text: event.type });
    const isQuestion = event.type === "confirmationRequest" || event.type === "finalAmountRequest";
    if (call.background && isQuestion) {
      this.finish("needs-person");
      return;
    }
    if (!this.questions.asked(event, initiator !== undefined)) return;
    try {
      initiator?.(Object.freeze({ ...event, request: flow, service: service.id }));
    } catch {
      this.#audit("event", { severity: "warning", text: `${event.type} was not heard` });
    }
  }

  #respond(requestId: string, output: unknown): void {
    if (this.#state === "answered" || this.#state === "failed") {
      this.#second++;
      if (this.#second === 1) {
        this.#audit("rejected", { severity: "warning", code: "second-response" });
      }
      return;
    }
    if (requestId !== this.id) {
      this.#answeredOther();
      return;
    }
    if (this.#state === "open") {
      this.#end("answered", { kind: "answered", output });
      return;
    }
    this.#lateCount++;
    if (this.#lateCount > 1) return;
    this.#audit("late", { severity: "warning", code: "late" });
    this.#tellRejected("late", "nobody waits for this answer any more");
    this.#order.late(output);
  }

  #answeredOther(): void {
    this.#wrong++;
    if (this.#state !== "open") return;
    if (this.#wrong === 1) {
      this.rejected("wrong-request", "it answers another request than the one that was put");
    }
    if (this.#wrong >= WRONG_ANSWERS_MAX) {
      this.#fail("flowServiceError", "it answers requests that were not put");
    }
  }

  #fail(code: FlowError, message: string): void {
    const known = Object.hasOwn(FLOW_ERRORS, code) ? code : "flowServiceError";
    const text = typeof message === "string" ? cutWords(message) : "";
    this.#audit("failed", { severity: "error", code: known, text });
    this.#end("failed", { kind: "failed", code: known, message: text });
  }

  #end(state: "answered" | "failed" | "finished", end: CallEnd): void {
    this.#state = state;
    this.#timer?.cancel();
    this.questions.close();
    this.#resolve(end);
  }

  #tellRejected(rejection: Rejection, message: string): void {
    const reason = { is: "text", value: cutWords(message) } as const;
    const code = { is: "integer", value: REJECTIONS[rejection] } as const;
    const data = { rejectedReason: reason, rejectedCode: code };
    this.tell({ type: SERVICE_EVENTS.responseRejected, data });
  }

  #audit(kind: AuditKind, fields: AuditFields = {}): void {
    const { audit, call, service, transaction } = this.#order;
    const stage = call.stage satisfies CalledStage;
    const of = { stage, service: service.id, ...(transaction !== undefined && { transaction }) };
    audit.add(kind, { ...of, ...fields });
  }
}

function messageOf(error: unknown): string {
  try {
    const text = error instanceof Error ? error.message : String(error);
    return `it failed: ${text}`;
  } catch {
    return "it failed";
  }
}
