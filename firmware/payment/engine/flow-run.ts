// One flow while it runs, of whatever class: its log, who steers it, and the way to call a service in a stage. Every
// answer goes through the one gate; nothing of a refused one is applied.

import type { Clock } from "../../../hal/clock.ts";
import type { FlowApp, FlowConfig, FlowStage } from "../config/flow-config.ts";
import type { FlowSettings } from "../config/settings.ts";
import { deepFreeze, withOwnBytes } from "../model/freeze.ts";
import type { ServiceInfo } from "../model/service-info.ts";
import { type AuditFields, FlowAudit } from "../record/flow-audit.ts";
import type { ServiceRegistry } from "../registry/registry.ts";
import {
  FILTER_REASONS,
  type Selection,
  type SelectionContext,
  selectServices,
} from "../registry/selection.ts";
import type { FlowError } from "../rules/rejection.ts";
import { checkAnswer, type RuleContext } from "../rules/rules.ts";
import { withoutCards } from "./card-guard.ts";
import type { ActiveFlow, AnswerWatch, Initiator, Steered } from "./engine.ts";
import { readEvent } from "./flow-events.ts";
import {
  type CalledStage,
  type FlowEvent,
  type FlowService,
  SERVICE_EVENTS,
  type ServiceRights,
} from "./service.ts";
import { type CallEnd, OpenCall } from "./stage-call.ts";
import {
  callId,
  paidBy,
  SKIPPABLE,
  type StageEnd,
  type StageTask,
  timeoutMs,
} from "./stage-task.ts";

/** What a running flow needs of the world. */
export interface RunPorts {
  clock: Clock;
  newId(): string;
  registry: Pick<ServiceRegistry, "services" | "service">;
  /** Hears every answer that was taken, as it is applied; for whoever watches. */
  watch?: AnswerWatch;
}

export interface RunStart {
  id: string;
  config: FlowConfig;
  settings: FlowSettings;
  initiator: Initiator;
  background: boolean;
}

/** Why a flow ends before its end. */
export interface Over {
  reason: "cancelled" | "rejected" | "timeout" | "error";
  message: string;
}

interface Current {
  call: OpenCall;
  stage: CalledStage;
  app: FlowApp;
}

export class FlowRun {
  readonly audit: FlowAudit;
  readonly start: RunStart;
  /** Services that were called. */
  readonly took = new Set<string>();
  /** Set when nothing is left that a cancel could stop. */
  isSettled = false;
  isOutOfTime = false;
  over: Over | undefined;
  readonly #ports: RunPorts;
  readonly #startedMs: number;
  readonly #askedBefore = new Set<string>();
  #current: Current | undefined;

  constructor(ports: RunPorts, start: RunStart) {
    this.#ports = ports;
    this.start = start;
    this.audit = new FlowAudit(ports.clock);
    this.#startedMs = ports.clock.wallMs();
    const { config, initiator } = start;
    this.audit.add("started", { text: `${config.type} by ${initiator.id}` });
    this.audit.add("resolved", { text: config.name });
  }

  get active(): ActiveFlow {
    const { id, config, initiator, background } = this.start;
    const current = this.#current;
    return {
      id,
      name: config.name,
      type: config.type,
      initiator: initiator.id,
      ...(current && { stage: current.stage, service: current.app.id }),
      startedMs: this.#startedMs,
      background,
    };
  }

  /** Ends the flow as soon as the service at work has answered, or at once where it need not. The first reason counts. */
  end(over: Over): void {
    this.over ??= over;
  }

  cancel(): Steered {
    if (this.isSettled || this.over !== undefined) return "cancelFailed";
    this.end({ reason: "cancelled", message: "cancelled" });
    this.audit.add("cancelled", { text: "asked for" });
    const current = this.#current;
    if (current === undefined) return "done";
    const { call, stage, app } = current;
    if (app.delegateCancellationsTo === true) {
      call.tell({ type: SERVICE_EVENTS.cancelOrResumeUserInterface, data: {} });
      return "wait";
    }
    // The host is deciding: its answer is waited for, and undone.
    if (stage === "TRANSACTION_PROCESSING") return "wait";
    call.finish("cancelled");
    return "done";
  }

  /** The flow ran out of its time: nobody is waited for any more. */
  timeOut(): void {
    this.isOutOfTime = true;
    if (!this.isSettled) this.end({ reason: "timeout", message: "the flow took too long" });
    this.#current?.call.finish("timed-out");
  }

  skip(): Steered {
    const current = this.#current;
    if (current === undefined || !SKIPPABLE.has(current.stage)) return "skipFailed";
    this.audit.add("skipped", { stage: current.stage, service: current.app.id });
    current.call.finish("skipped");
    return "done";
  }

  resume(): Steered {
    if (this.#current === undefined) return "resumeFailed";
    this.#current.call.tell({ type: SERVICE_EVENTS.resumeUserInterface, data: {} });
    return "done";
  }

  /** An event of the initiator. */
  tell(given: FlowEvent): boolean {
    const current = this.#current;
    const read = readEvent("initiator", given);
    if (current === undefined || read.kind !== "known") return false;
    const isTaken = current.call.questions.answered(deepFreeze(read.event));
    if (isTaken) {
      const { stage, app } = current;
      this.audit.add("event", { stage, service: app.id, text: read.event.type });
    }
    return isTaken;
  }

  select(stage: FlowStage, context: Omit<SelectionContext, "settings">): Selection {
    const { config, settings } = this.start;
    const candidates = this.#ports.registry.services();
    const selection = selectServices(config, stage, candidates, { settings, ...context });
    for (const { id, reason } of selection.filtered) {
      this.audit.add("filtered", { stage: stage.name, service: id, text: FILTER_REASONS[reason] });
    }
    if (selection.ambiguous) {
      const names = selection.matching.map(({ id }) => id).join(", ");
      const message = `${stage.name}: several would do: ${names}`;
      this.audit.add("failed", { stage: stage.name, code: "ambiguous", text: message });
      this.end({ reason: "rejected", message });
    }
    return selection;
  }

  /** What is known of a service, while it is there and not refused. */
  known(
    id: string,
  ): { service: FlowService; info: ServiceInfo; rights?: ServiceRights } | undefined {
    const { registry } = this.#ports;
    const service = registry.service(id);
    const entry = registry.services().find((candidate) => candidate.id === id);
    if (service === undefined || entry?.info === undefined) return undefined;
    const { info, rights } = entry;
    return { service, info, ...(rights !== undefined && { rights }) };
  }

  /** Calls a service and puts its answer through the gate. Nothing that it does makes this fail. */
  async call<S extends CalledStage>(task: StageTask<S>): Promise<StageEnd<S>> {
    const known = this.known(task.app.id);
    if (known === undefined) {
      return this.#failed(task, "flowServiceError", "it is not there any more");
    }
    if (!known.service.stages.includes(task.stage)) {
      return this.#failed(task, "stageNotSupported", "it does not implement the stage");
    }
    const call = this.#open(task, known.service, known.rights);
    const current = { call, stage: task.stage, app: task.app };
    this.#current = current;
    call.start();
    const end = await call.ended;
    if (this.#current === current) this.#current = undefined;
    return end.kind === "answered" ? this.#check(task, call, end, known.info) : end;
  }

  #open<S extends CalledStage>(
    task: StageTask<S>,
    service: FlowService,
    rights: ServiceRights | undefined,
  ): OpenCall {
    const { id, config, initiator, background, settings } = this.start;
    const { stage, transaction } = task;
    this.took.add(service.id);
    const shown = rights?.card === false ? withoutCards(task.input) : task.input;
    const input = withOwnBytes(shown);
    const call = deepFreeze({
      id: callId(task.input) ?? this.#ports.newId(),
      stage,
      flowType: config.type,
      initiator: initiator.id,
      background,
      input,
    });
    const heard = initiator.event === undefined ? undefined : initiator.event.bind(initiator);
    return new OpenCall({
      service,
      call,
      timeoutMs: timeoutMs(stage, settings),
      confirmationMs: settings.confirmationTimeoutSeconds * 1000,
      askedBefore: this.#askedBefore,
      clock: this.#ports.clock,
      audit: this.audit,
      flow: id,
      ...(transaction !== undefined && { transaction }),
      ...(heard !== undefined && { initiator: heard }),
      late: (output) => {
        const info = this.known(service.id)?.info;
        if (info === undefined || task.late === undefined) return;
        const said = checkAnswer(task.stage, task.input, output, this.#rules(task, info, {}));
        const evidence = said.ok ? paidBy(task, said) : said.evidence;
        if (evidence) task.late(evidence);
      },
    });
  }

  #check<S extends CalledStage>(
    task: StageTask<S>,
    call: OpenCall,
    { output }: Extract<CallEnd, { kind: "answered" }>,
    info: ServiceInfo,
  ): StageEnd<S> {
    const { confirmed } = call.questions;
    const rules = this.#rules(task, info, confirmed);
    const checked = checkAnswer(task.stage, task.input, output, rules);
    if (!checked.ok) {
      const { rejection, message, evidence } = checked;
      call.rejected(rejection, message);
      return { kind: "rejected", refusal: { rejection, message }, ...(evidence && { evidence }) };
    }
    const refusal = task.apply?.(checked);
    if (refusal !== undefined) {
      const evidence = paidBy(task, checked);
      call.rejected(refusal.rejection, refusal.message);
      return { kind: "rejected", refusal, ...(evidence && { evidence }) };
    }
    const { augmented, flags } = checked;
    const isSkip = checked.output === undefined;
    this.#audit(task, isSkip ? "skipped" : "accepted", { augmented: [...augmented] });
    for (const code of flags) this.#audit(task, "flagged", { severity: "warning", code });
    this.#ports.watch?.({
      ...{ flow: this.start.id, stage: task.stage, service: task.app.id },
      ...{ input: task.input, output: checked.output },
    });
    call.accepted();
    return { kind: "accepted", checked };
  }

  #rules<S extends CalledStage>(
    { settings, limits, extrasPaidMinor }: StageTask<S>,
    info: ServiceInfo,
    confirmed: Readonly<Record<string, number>>,
  ): RuleContext {
    return {
      info,
      settings: settings ?? this.start.settings,
      confirmed,
      ...(limits && { limits }),
      ...(extrasPaidMinor !== undefined && { extrasPaidMinor }),
    };
  }

  #failed<S extends CalledStage>(
    task: StageTask<S>,
    code: FlowError,
    message: string,
  ): StageEnd<S> {
    this.#audit(task, "failed", { severity: "error", code, text: message });
    return { kind: "failed", code, message };
  }

  #audit<S extends CalledStage>(
    { stage, app, transaction }: StageTask<S>,
    kind: Parameters<FlowAudit["add"]>[0],
    fields: AuditFields,
  ): void {
    const of = { stage, service: app.id, ...(transaction !== undefined && { transaction }) };
    this.audit.add(kind, { ...of, ...fields });
  }
}
