// An engine with scripted services in virtual time: what the tests of the engine drive.

import type {
  FlowApp,
  FlowConfig,
  FlowStage,
} from "../../../../firmware/payment/config/flow-config.ts";
import {
  DEFAULT_SETTINGS,
  type FlowSettings,
} from "../../../../firmware/payment/config/settings.ts";
import type { FlowEngine, Initiator, Started } from "../../../../firmware/payment/engine/engine.ts";
import { openFlowEngine } from "../../../../firmware/payment/engine/open-engine.ts";
import type {
  CalledStage,
  CallListener,
  FlowService,
  ServiceRights,
  StageCall,
  StageInputs,
} from "../../../../firmware/payment/engine/service.ts";
import type { Amounts } from "../../../../firmware/payment/model/amounts.ts";
import type { Data } from "../../../../firmware/payment/model/data.ts";
import type { FlowEvent } from "../../../../firmware/payment/model/flow-event.ts";
import type { Payment, PaymentResponse } from "../../../../firmware/payment/model/payment.ts";
import type { Request, Response } from "../../../../firmware/payment/model/request.ts";
import type { ServiceInfo } from "../../../../firmware/payment/model/service-info.ts";
import type { Stage } from "../../../../firmware/payment/model/stages.ts";
import {
  openTenderJournal,
  type TenderJournal,
} from "../../../../firmware/payment/record/flow-journal.ts";
import { type FlowHistory, openHistory } from "../../../../firmware/payment/record/history.ts";
import {
  openRegistry,
  type ServiceRegistry,
} from "../../../../firmware/payment/registry/registry.ts";
import { type SimStore, simStore } from "../../../../hal/sim/sim-store.ts";
import { type SimWorld, simWorld } from "../../../../hal/sim/world.ts";

/** A handler that gives this leaves the call open. */
export const SILENT = Symbol("silent");

export interface Scripted {
  call: StageCall;
  listener: CallListener;
  /** Events that the engine sends to this call. */
  onTold(listener: (event: FlowEvent) => void): void;
}
export type Handlers = {
  [S in CalledStage]?: (input: StageInputs[S], scripted: Scripted) => unknown;
};

export interface ScriptedService extends FlowService {
  readonly calls: StageCall[];
  /** Types of events, in their order. */
  readonly told: FlowEvent[];
  readonly endings: (PaymentResponse | Response)[];
  inputs<S extends CalledStage>(stage: S): StageInputs[S][];
}

export interface ScriptOptions {
  info?: Partial<ServiceInfo>;
  rights?: ServiceRights;
  stages?: readonly Stage[];
}

/** Pays and adjusts, by card and points, unless told otherwise; gives back what it is asked to. */
export function scripted(
  id: string,
  handlers: Handlers,
  { info = {}, rights, stages }: ScriptOptions = {},
): ScriptedService {
  const all: Handlers = {
    GENERIC: (request) =>
      request.type === "reversal" ? answered(request) : answered(request, { success: false }),
    ...handlers,
  };
  const calls: StageCall[] = [];
  const told: FlowEvent[] = [];
  const endings: (PaymentResponse | Response)[] = [];
  const reported = {
    id,
    packageName: id,
    vendor: "test",
    displayName: id,
    serviceVersion: "1.0.0",
    apiVersion: "1.0.0",
    accessible: false,
    flowTypes: [],
    customRequestTypes: [],
    dataKeys: [],
    canAdjustAmounts: true,
    canPayAmounts: true,
    paymentMethods: ["card", "points"],
    currencies: [],
    additionalInfo: {},
    stages: [],
    ...info,
  };
  return {
    id,
    stages: stages ?? (Object.keys(all) as CalledStage[]),
    ...(rights && { rights }),
    calls,
    told,
    endings,
    info: () => Promise.resolve(reported),
    refused: () => false,
    onInfoChanged: () => {},
    ended: (response) => endings.push(response),
    inputs: <S extends CalledStage>(stage: S) =>
      calls.filter((call) => call.stage === stage).map(({ input }) => input as StageInputs[S]),
    call: (call, listener) => {
      calls.push(call);
      const listeners: ((event: FlowEvent) => void)[] = [];
      const handler = all[call.stage] as ((input: unknown, s: Scripted) => unknown) | undefined;
      const onTold = (on: (event: FlowEvent) => void): void => void listeners.push(on);
      listener.acknowledged();
      const output = handler?.(call.input, { call, listener, onTold });
      if (output !== SILENT) listener.respond(call.id, output);
      return {
        tell: (event) => {
          told.push(event);
          for (const on of listeners) on(event);
        },
      };
    },
  };
}

export function answered(request: Request, more: Partial<Response> = {}): Response {
  const { id, type, background } = request;
  return { id, type, success: true, outcomeMessage: "", data: {}, background, ...more };
}

/** A payment application that approves all that it is asked for. */
export function approving(
  id: string,
  more: Handlers = {},
  options: ScriptOptions = {},
): ScriptedService {
  const handlers: Handlers = {
    TRANSACTION_PROCESSING: (request) => approval(request, request.amounts, { host: `${id}-1` }),
    ...more,
  };
  return scripted(id, handlers, options);
}

export function approval(
  request: { id: string },
  amounts: Amounts | undefined,
  references: Record<string, string> = {},
): unknown {
  return {
    id: request.id,
    outcome: "approved",
    ...(amounts && { amounts }),
    paymentMethod: "points",
    card: { data: {} },
    references: texts(references),
  };
}

export function decline(request: { id: string }, message = "no"): unknown {
  return {
    id: request.id,
    outcome: "declined",
    outcomeMessage: message,
    paymentMethod: "card",
    card: { data: {} },
    references: {},
  };
}

export function texts(values: Record<string, string>): Data {
  const entries = Object.entries(values).map(([key, value]) => [key, { is: "text", value }]);
  return Object.fromEntries(entries) as Data;
}

export function gbp(base: number, additional: Record<string, number> = {}): Amounts {
  return { currency: "GBP", base, additional };
}

export interface Site {
  world: SimWorld;
  store: SimStore;
  registry: ServiceRegistry;
  engine: FlowEngine;
  journal: TenderJournal;
  history: FlowHistory;
  /** Runs the world until the flow has ended; throws when it was refused. */
  pay(parts?: Partial<Payment>, by?: Partial<Initiator>): Promise<PaymentResponse>;
  ask(parts?: Partial<Request>, by?: Partial<Initiator>): Promise<Response>;
  ended<T>(started: Started<T>): Promise<T>;
  audit(flow?: string): Promise<string[]>;
}

export interface SiteParts {
  services?: readonly FlowService[];
  flows?: readonly FlowConfig[];
  settings?: Partial<FlowSettings>;
  store?: SimStore;
  /** Time that a flow may take; more is a failure. */
  limitMs?: number;
}

export const FIRST: Payment = {
  id: "00000000000000aa",
  flowType: "sale",
  amounts: gbp(1000),
  splitEnabled: false,
  data: {},
  source: "sale",
};
export const ASKED: Request = {
  id: "r1",
  type: "tokenisation",
  data: {},
  background: false,
  source: "sale",
};

export async function openSite(parts: SiteParts = {}): Promise<Site> {
  const world = simWorld({ seed: 1 });
  const store = parts.store ?? simStore();
  const settings = { ...DEFAULT_SETTINGS, ...parts.settings };
  const log = (): void => {};
  const ports = { clock: world.clock, log, settings: () => settings };
  const registry = openRegistry({ ...ports, flows: () => parts.flows ?? [saleFlow()] });
  for (const service of parts.services ?? []) registry.add(service);
  await registry.settled();
  const disk = store.store();
  const rowsMax = (): number => settings.historyRows;
  const history = await openHistory({ store: disk, clock: world.clock, log, rowsMax });
  const journal = openTenderJournal(disk);
  let id = 0;
  const newId = (): string => `q${++id}`;
  const engine = openFlowEngine({ ...ports, registry, history, journal, newId });
  const ended = async <T>(started: Started<T>): Promise<T> => {
    if (!started.ok) throw new Error(`${started.error}: ${started.message}`);
    let result: { value: T } | undefined;
    void started.ended.then((value) => {
      result = { value };
    });
    await world.runWhile(() => result === undefined, parts.limitMs ?? 5 * 3_600_000);
    if (result === undefined) throw new Error("the flow hangs");
    return result.value;
  };
  return {
    world,
    store,
    registry,
    engine,
    journal,
    history,
    ended,
    pay: (payment, by) => ended(engine.pay({ ...FIRST, ...payment }, { id: "sale", ...by })),
    ask: (request, by) => ended(engine.ask({ ...ASKED, ...request }, { id: "sale", ...by })),
    audit: async (flow = FIRST.id) =>
      (await engine.audit(flow)).map(({ kind, stage, service, code, text }) =>
        [kind, stage, service, code, text].filter((part) => part !== undefined).join(" "),
      ),
  };
}

/** Services by stage, in order. */
export type Listed = Partial<Record<Stage, readonly (string | FlowApp)[]>>;

function stageOf(name: Stage, listed: Listed, inner?: readonly FlowStage[]): FlowStage {
  const apps = (listed[name] ?? []).map((app) => (typeof app === "string" ? { id: app } : app));
  return { name, execution: "MULTIPLE", apps, ...(inner && { inner }) };
}

export function saleFlow(listed: Listed = {}, more: Partial<FlowConfig> = {}): FlowConfig {
  const transaction = [
    stageOf("PRE_TRANSACTION", listed),
    stageOf("PAYMENT_CARD_READING", listed),
    stageOf("POST_CARD_READING", listed),
    listed["FULFILLED_CHECK"] === undefined
      ? stageOf("TRANSACTION_PROCESSING", listed)
      : stageOf("FULFILLED_CHECK", {}, [stageOf("TRANSACTION_PROCESSING", listed)]),
    stageOf("POST_TRANSACTION", listed),
  ];
  const stages = [
    stageOf("PRE_FLOW", listed),
    stageOf("SPLIT", listed, transaction),
    stageOf("POST_FLOW", listed),
  ];
  return { name: "sale", type: "sale", version: 1, stages, ...more };
}

export function genericFlow(
  type: string,
  listed: Listed,
  more: Partial<FlowConfig> = {},
): FlowConfig {
  const stages = (Object.keys(listed) as Stage[]).map((name) => stageOf(name, listed));
  const single = stages.map((stage) =>
    stage.name === "GENERIC" ? { ...stage, execution: "SINGLE_SELECT" as const } : stage,
  );
  return { name: type, type, version: 1, stages: single, ...more };
}
