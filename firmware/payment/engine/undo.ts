// Gives back what a service took: a reversal request to that service, put again until it is answered or too much time
// has passed. A reversal names the transaction, so it holds also for a payment of which nobody heard the outcome.

import { after, type Clock } from "../../../hal/clock.ts";
import type { FlowSettings } from "../config/settings.ts";
import type { Data } from "../model/data.ts";
import { textOf } from "../model/data-access.ts";
import { deepFreeze } from "../model/freeze.ts";
import type { Request } from "../model/request.ts";
import type { FlowAudit } from "../record/flow-audit.ts";
import type { ServiceRegistry } from "../registry/registry.ts";
import { checkAnswer } from "../rules/rules.ts";
import type { FlowService } from "./service.ts";
import { OpenCall } from "./stage-call.ts";

const ANSWER_MS = 30_000;
const RETRY_MS_MIN = 1000;
/** From the first try to the last; what is not given back by then is owed. */
const GIVE_UP_MS = 240_000;

export interface UndoPorts {
  clock: Clock;
  newId(): string;
  registry: Pick<ServiceRegistry, "service" | "info">;
  settings(): FlowSettings;
}

export interface UndoOrder {
  flow: string;
  /** Who started the flow. */
  initiator: string;
  service: string;
  transaction: string;
  /** All of the response; none where there was no response. */
  references: Data;
  audit: FlowAudit;
}

/** `open`: nobody knows yet, because the engine was closed. */
export type UndoEnd = "undone" | "refused" | "unanswered" | "open";

export class Undo {
  readonly #ports: UndoPorts;
  readonly #waiting = new Set<() => void>();
  /** At work, by service, transaction and what is said of it: the same is not put twice at once. */
  readonly #open = new Map<string, Promise<UndoEnd>>();
  #closed = false;

  constructor(ports: UndoPorts) {
    this.#ports = ports;
  }

  /** Ends in any case; the outcome stands in the audit log. */
  reverse(order: UndoOrder): Promise<UndoEnd> {
    // Of one transaction there may be several attempts, told apart by nothing but what their references say.
    const key = JSON.stringify([order.service, order.transaction, order.references]);
    const open = this.#open.get(key);
    if (open !== undefined) return open;
    const work = this.#insist(order).finally(() => this.#open.delete(key));
    this.#open.set(key, work);
    return work;
  }

  /** No second tries; resolves when none is at work. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const wake of [...this.#waiting]) wake();
    await Promise.all(this.#open.values());
  }

  async #insist(order: UndoOrder): Promise<UndoEnd> {
    const { clock } = this.#ports;
    const giveUpMs = clock.monotonicMs() + GIVE_UP_MS;
    const of = { service: order.service, transaction: order.transaction };
    let waitMs = RETRY_MS_MIN;
    for (;;) {
      const answer = await this.#try(order);
      if (answer === true) {
        order.audit.add("undone", { ...of, text: "reversal" });
        return "undone";
      }
      if (answer === undefined && this.#closed) return "open";
      const isLast = clock.monotonicMs() + waitMs > giveUpMs;
      if (answer === false || isLast) {
        const text = answer === false ? "the service refuses" : "the service does not answer";
        order.audit.add("flagged", { ...of, severity: "error", code: "undo-failed", text });
        return answer === false ? "refused" : "unanswered";
      }
      await this.#sleep(waitMs);
      waitMs *= 2;
    }
  }

  /** Undefined: no answer. */
  async #try(order: UndoOrder): Promise<boolean | undefined> {
    const { registry, settings } = this.#ports;
    const service = registry.service(order.service);
    const info = registry.info(order.service);
    if (service === undefined || info === undefined) return undefined;
    if (!service.stages.includes("GENERIC")) return false;
    const request = this.#request(order);
    const call = this.#call(order, service, request);
    call.start();
    const end = await call.ended;
    if (end.kind !== "answered") {
      return end.kind === "failed" && end.code === "stageNotSupported" ? false : undefined;
    }
    const rules = { info, settings: settings(), confirmed: {} };
    const checked = checkAnswer("GENERIC", request, end.output, rules);
    if (!checked.ok) {
      call.rejected(checked.rejection, checked.message);
      return undefined;
    }
    call.accepted();
    return checked.output.success;
  }

  #request({ transaction, references, service }: UndoOrder): Request {
    const transactionId = { is: "text", value: transaction } as const;
    // Others may have added to the references: nothing of theirs makes a part of it of what goes back as a whole.
    const { amounts: _, stepAttempt: __, ...all } = references;
    return deepFreeze({
      id: this.#ports.newId(),
      type: "reversal",
      data: { ...all, transactionId },
      target: service,
      background: true,
      source: "engine",
    });
  }

  #call(order: UndoOrder, service: FlowService, request: Request): OpenCall {
    return new OpenCall({
      service,
      call: deepFreeze({
        id: request.id,
        stage: "GENERIC",
        flowType: "reversal",
        initiator: order.initiator,
        background: true,
        input: request,
      }),
      timeoutMs: ANSWER_MS,
      confirmationMs: 0,
      clock: this.#ports.clock,
      audit: order.audit,
      transaction: order.transaction,
      flow: order.flow,
      late: () => {},
    });
  }

  #sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        timer.cancel();
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = after(this.#ports.clock, delayMs, wake);
      this.#waiting.add(wake);
    });
  }
}

/** Of the transaction that references are about, where they say it. */
export function transactionOf(references: Data): string | undefined {
  return textOf(references, "transactionId");
}
