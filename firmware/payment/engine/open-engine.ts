// The flow processing service: which flows run, who steers them, what is remembered of them, and what goes on after
// their end.

import { after, type Clock, type Timer } from "../../../hal/clock.ts";
import { HalError } from "../../../hal/hal-error.ts";
import type { Log } from "../../log.ts";
import type { FlowConfig } from "../config/flow-config.ts";
import type { FlowSettings } from "../config/settings.ts";
import type { AuditEntry } from "../model/audit-entry.ts";
import type { Data } from "../model/data.ts";
import { textOf } from "../model/data-access.ts";
import type { FlowEvent } from "../model/flow-event.ts";
import type { Payment, PaymentResponse } from "../model/payment.ts";
import type { Request, Response } from "../model/request.ts";
import type { ResponseQuery } from "../model/response-query.ts";
import type { TransactionResponse } from "../model/transaction.ts";
import { type AuditFields, FlowAudit } from "../record/flow-audit.ts";
import type { Tender, TenderJournal } from "../record/flow-journal.ts";
import type { EndedFlow, FlowHistory } from "../record/history.ts";
import type { ServiceRegistry } from "../registry/registry.ts";
import { BackgroundQueue } from "./background.ts";
import { withoutCards } from "./card-guard.ts";
import type { ActiveFlow, AnswerWatch, FlowEngine, Initiator, Started, Steered } from "./engine.ts";
import { FlowRun } from "./flow-run.ts";
import { checkPayment, checkRequest, type Refused, refuse } from "./flow-start.ts";
import { answerRequest } from "./generic-flow.ts";
import { PaymentFlow } from "./payment-flow.ts";
import { tellStatus } from "./status-flow.ts";
import { callStranger } from "./stranger.ts";
import { Tenders } from "./tenders.ts";
import { transactionOf, Undo, type UndoEnd } from "./undo.ts";

/** Flows that run at once, those that wait in the background not counted. */
const FLOWS_AT_ONCE_MAX = 64;
/** Every flow ends by then, whatever time services are given. */
const FLOW_MS_MAX = 4 * 3_600_000;
/** Ids and audit logs of flows that have ended, beside the history. */
const RECENT_MAX = 64;
const PAYERS_MAX = 256;
const UNDO_AGAIN_MS = 600_000;

export interface EnginePorts {
  clock: Clock;
  log: Log;
  registry: Pick<ServiceRegistry, "flows" | "services" | "service" | "info">;
  settings(): FlowSettings;
  history: FlowHistory;
  journal: TenderJournal;
  /** Unique: of requests within flows. */
  newId(): string;
  watch?: AnswerWatch;
}

/** Goes on, in the background, with what an earlier life of the device had begun to give back. */
export function openFlowEngine(ports: EnginePorts): FlowEngine {
  const engine = new Engine(ports);
  engine.goOn();
  return engine;
}

interface Recent {
  audit: FlowAudit;
  /** From the flow's start; else only what happened after its end. */
  isWhole: boolean;
}

class Engine implements FlowEngine {
  readonly #ports: EnginePorts;
  readonly #undo: Undo;
  readonly #queue = new BackgroundQueue();
  readonly #runs = new Map<string, FlowRun>();
  /** Of flows that have ended, with what happened after their end. */
  readonly #recent = new Map<string, Recent>();
  readonly #lastUsed = new Map<string, readonly string[]>();
  readonly #work = new Set<Promise<unknown>>();
  /** Over the records of what is still being given back, and once more when more were written meanwhile. */
  #goingOn: "no" | "yes" | "again" = "no";
  /** When what is still being given back is asked for again. */
  #again: Timer | undefined;
  #closed = false;

  constructor(ports: EnginePorts) {
    this.#ports = ports;
    this.#undo = new Undo(ports);
  }

  goOn(): void {
    if (this.#goingOn !== "no") {
      this.#goingOn = "again";
      return;
    }
    this.#goingOn = "yes";
    const over = (): void => {
      const isAgain = this.#goingOn === "again" && !this.#closed;
      this.#goingOn = "no";
      if (isAgain) this.goOn();
    };
    this.#later(this.#resume().finally(over));
  }

  pay(given: Payment, by: Initiator): Started<PaymentResponse> {
    const { registry, settings } = this.#ports;
    const refused = this.#refused(given.id, false);
    if (refused) return refused;
    const checked = checkPayment({ registry, settings: settings() }, given, by);
    if (!checked.ok) return checked;
    const { value: payment, config } = checked;
    const run = this.#open(payment.id, config, by, false);
    const ended = this.#pay(run, payment);
    this.#wait(ended);
    return { ok: true, ended };
  }

  ask(given: Request, by: Initiator): Started<Response> {
    const { registry, settings } = this.#ports;
    const checked = checkRequest({ registry, settings: settings() }, given, by);
    if (!checked.ok) return checked;
    const { value, config } = checked;
    const isStatus = config.stages.some(({ name }) => name === "STATUS_UPDATE");
    const background = isStatus || value.background || config.processInBackground === true;
    const refused = this.#refused(value.id, background);
    if (refused) return refused;
    const request = Object.freeze({ ...value, background });
    const run = this.#open(request.id, config, by, background);
    const answer = (): Promise<Response> => this.#answer(run, request, isStatus);
    const ended = background ? this.#queue.run(answer) : answer();
    this.#wait(ended);
    return { ok: true, ended };
  }

  tell(flow: string, event: FlowEvent): boolean {
    return this.#runs.get(flow)?.tell(event) ?? false;
  }

  cancel(flow: string): Steered {
    return this.#runs.get(flow)?.cancel() ?? "cancelFailed";
  }

  skip(flow: string): Steered {
    return this.#runs.get(flow)?.skip() ?? "skipFailed";
  }

  resume(flow: string): Steered {
    return this.#runs.get(flow)?.resume() ?? "resumeFailed";
  }

  active(): readonly ActiveFlow[] {
    return [...this.#runs.values()].map((run) => run.active);
  }

  history(query: ResponseQuery, owner: string): Promise<readonly (PaymentResponse | Response)[]> {
    return this.#ports.history.query(query, owner);
  }

  async audit(flow: string): Promise<readonly AuditEntry[]> {
    const run = this.#runs.get(flow);
    if (run !== undefined) return run.audit.entries();
    const recent = this.#recent.get(flow);
    if (recent?.isWhole) return recent.audit.entries();
    const { history } = this.#ports;
    return history.has(flow) ? history.audit(flow, "operator") : (recent?.audit.entries() ?? []);
  }

  note(flow: string, kind: "undone" | "flagged", fields: AuditFields): void {
    this.#auditOf(flow).add(kind, fields);
  }

  async undo(flow: string, response: TransactionResponse): Promise<boolean> {
    return (await this.giveBack(flow, response)) === "undone";
  }

  async giveBack(flow: string, response: TransactionResponse): Promise<UndoEnd> {
    const { service, references } = response;
    if (service === undefined) return "refused";
    const { journal } = this.#ports;
    const transaction = transactionOf(references) ?? `${flow}/1`;
    const end = await this.#reverse({ flow, service, transaction, references });
    if (end === "open" || end === "unanswered") return end;
    const state = end === "undone" ? "undone" : "owed";
    for (const tender of await journal.list(flow)) {
      const isIt =
        tender.service === service &&
        tender.transaction === transaction &&
        isAbout(references, tender.references);
      if (isIt && tender.state !== state) await journal.save({ ...tender, state });
    }
    return end;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#again?.cancel();
    for (const run of this.#runs.values()) run.cancel();
    await this.#undo.close();
    while (this.#work.size > 0) await Promise.all(this.#work);
  }

  #refused(id: string, background: boolean): Refused | undefined {
    if (this.#closed) return refuse("busy", "the device is closing");
    const isRecent = this.#recent.get(id)?.isWhole === true;
    if (this.#runs.has(id) || isRecent || this.#ports.history.has(id)) {
      return refuse("duplicateRequestId", `${id} was used before`);
    }
    const inFront = [...this.#runs.values()].filter((run) => !run.start.background).length;
    if (background ? this.#queue.isFull : inFront >= FLOWS_AT_ONCE_MAX) {
      return refuse("busy", "too many flows run at once");
    }
    return undefined;
  }

  #open(id: string, config: FlowConfig, initiator: Initiator, background: boolean): FlowRun {
    const settings = this.#ports.settings();
    const run = new FlowRun(this.#ports, { id, config, settings, initiator, background });
    this.#runs.set(id, run);
    return run;
  }

  async #pay(run: FlowRun, payment: Payment): Promise<PaymentResponse> {
    const { clock, journal, newId } = this.#ports;
    const timer = this.#limit(run);
    const { id, config, initiator } = run.start;
    const tenders = new Tenders(
      {
        ...{ clock, journal, undo: this.#undo },
        later: (work) => this.#later(work),
        unanswered: () => this.#goOnLater(),
      },
      {
        id,
        type: config.type,
        initiator: initiator.id,
        hasBooks: initiator.limits !== undefined,
        audit: run.audit,
      },
    );
    const payer = payment.customer?.id ?? "";
    const flow = new PaymentFlow(run, tenders, payment, {
      newId: () => newId(),
      lastUsed: () => this.#lastUsed.get(payer) ?? [],
      used: (service) => this.#used(payer, service),
    });
    try {
      const response = await flow.pay();
      const { outcome, failureReason } = response;
      const text = failureReason === "none" ? outcome : `${outcome}, ${failureReason}`;
      run.audit.add("ended", { text });
      this.#record(run, { kind: "payment", value: response });
      return response;
    } finally {
      timer.cancel();
      this.#ended(run);
    }
  }

  async #answer(run: FlowRun, request: Request, isStatus: boolean): Promise<Response> {
    const timer = this.#limit(run);
    try {
      const response = await (isStatus ? tellStatus(run, request) : answerRequest(run, request));
      run.audit.add("ended", { text: response.success ? "success" : response.outcomeMessage });
      this.#record(run, { kind: "generic", value: response });
      return response;
    } finally {
      timer.cancel();
      this.#ended(run);
    }
  }

  #limit(run: FlowRun): Timer {
    return after(this.#ports.clock, FLOW_MS_MAX, () => run.timeOut());
  }

  /** In the history, and told to the services that took part. */
  #record(run: FlowRun, response: EndedFlow["response"]): void {
    const { registry, history, clock } = this.#ports;
    const { initiator, config } = run.start;
    history.record({
      initiator: initiator.id,
      flowName: config.name,
      flowType: config.type,
      endedMs: Math.max(0, clock.wallMs()),
      response,
      audit: run.audit.entries(),
    });
    run.audit.follow((entry) => history.append(run.start.id, entry));
    for (const id of run.took) {
      const service = registry.service(id);
      const isBlind = service?.rights?.card === false;
      callStranger(
        () => service?.ended?.(isBlind ? withoutCards(response.value) : response.value),
        () => this.#ports.log("warn", "flow-service-threw", { service: id, flow: run.start.id }),
      );
    }
  }

  #ended(run: FlowRun): void {
    this.#runs.delete(run.start.id);
    this.#remember(run.start.id, { audit: run.audit, isWhole: true });
  }

  #remember(flow: string, recent: Recent): void {
    this.#recent.delete(flow);
    this.#recent.set(flow, recent);
    forgetFirst(this.#recent, RECENT_MAX);
  }

  #used(payer: string, service: string): void {
    const before = this.#lastUsed.get(payer) ?? [];
    this.#lastUsed.delete(payer);
    this.#lastUsed.set(payer, [service, ...before.filter((id) => id !== service)].slice(0, 4));
    forgetFirst(this.#lastUsed, PAYERS_MAX);
  }

  #reverse(of: Pick<Tender, "flow" | "service" | "transaction" | "references">): Promise<UndoEnd> {
    return this.#undo.reverse({ ...of, initiator: "engine", audit: this.#auditOf(of.flow) });
  }

  /** Of a flow that has ended: what is added reaches the history too. */
  #auditOf(flow: string): FlowAudit {
    const known = this.#recent.get(flow);
    const { audit } = known ?? { audit: new FlowAudit(this.#ports.clock) };
    if (known === undefined) audit.follow((entry) => this.#ports.history.append(flow, entry));
    this.#remember(flow, known ?? { audit, isWhole: false });
    return audit;
  }

  async #resume(): Promise<void> {
    const { journal } = this.#ports;
    const open = (await journal.list()).filter(({ state }) => state === "undoing");
    const goOn = async (service: string): Promise<void> => {
      for (const tender of open.filter((one) => one.service === service)) {
        const end = await this.#reverse(tender);
        if (end === "unanswered") this.#goOnLater();
        if (end === "open" || end === "unanswered") return;
        await journal.save({ ...tender, state: end === "undone" ? end : "owed" });
      }
    };
    await Promise.all([...new Set(open.map(({ service }) => service))].map(goOn));
  }

  /** A service that did not answer may come back, however late: what it took is not forgotten meanwhile. */
  #goOnLater(): void {
    if (this.#closed || this.#again !== undefined) return;
    this.#again = after(this.#ports.clock, UNDO_AGAIN_MS, () => {
      this.#again = undefined;
      this.goOn();
    });
  }

  /** A flow's failure is told to who started it. */
  #wait(flow: Promise<unknown>): void {
    const gone = (): void => {
      this.#work.delete(kept);
    };
    const kept: Promise<void> = flow.then(gone, gone);
    this.#work.add(kept);
  }

  /** Work that goes on by itself; what the disk refuses is tried again after a restart. */
  #later(work: Promise<unknown>): void {
    const refused = (error: unknown): void => {
      if (!(error instanceof HalError)) throw error;
      this.#ports.log("error", "flow-work-failed", { why: error.message });
    };
    const kept: Promise<void> = work.then(() => {}, refused).finally(() => this.#work.delete(kept));
    this.#work.add(kept);
  }
}

/** Whether a tender is among those that the references of a reversal name: all, where they name the transaction only. */
function isAbout(references: Data, tender: Data): boolean {
  return Object.keys(references).every((key) => textOf(references, key) === textOf(tender, key));
}

function forgetFirst<T>(map: Map<string, T>, sizeMax: number): void {
  const [first] = map.keys();
  if (first !== undefined && map.size > sizeMax) map.delete(first);
}
