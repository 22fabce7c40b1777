// `sluice conform`, the operation `flow.run`: one flow through the engine that sells, with services that follow a
// script, in virtual time. The same request gives the same answer, to the byte.

import { type FlowConfig, requestClass } from "../firmware/payment/config/flow-config.ts";
import type { FlowSettings } from "../firmware/payment/config/settings.ts";
import type { FlowEngine, Initiator } from "../firmware/payment/engine/engine.ts";
import { openFlowEngine } from "../firmware/payment/engine/open-engine.ts";
import { auditTold } from "../firmware/payment/flow-answers.ts";
import { MODEL_AMOUNT_MAX } from "../firmware/payment/model/amounts.ts";
import { type FlowEvent, flowEvent } from "../firmware/payment/model/flow-event.ts";
import { paymentResponse } from "../firmware/payment/model/payment.ts";
import { response as genericResponse } from "../firmware/payment/model/request.ts";
import { openTenderJournal } from "../firmware/payment/record/flow-journal.ts";
import { openHistory } from "../firmware/payment/record/history.ts";
import { openRegistry, type ServiceRegistry } from "../firmware/payment/registry/registry.ts";
import { simStore } from "../hal/sim/sim-store.ts";
import { type SimWorld, simWorld } from "../hal/sim/world.ts";
import { type Answer, BadField } from "./conform-answer.ts";
import {
  configAt,
  eventAt,
  listAt,
  looseAt,
  millisecondsAt,
  paymentAt,
  requestAt,
  settingsAt,
} from "./conform-flow-input.ts";
import { scriptedService } from "./conform-flow-service.ts";

const SERVICES_MAX = 16;
const STEPS_MAX = 64;
const HEARD_MAX = 256;
/** Longer than any flow with all that it has to give back. */
const RUN_MS_MAX = 5 * 3_600_000;
const EVENTS_MAX = 50_000;

export interface FlowRunRequest {
  readonly config?: unknown;
  readonly services?: unknown;
  readonly settings?: unknown;
  readonly payment?: unknown;
  readonly request?: unknown;
  readonly limits?: unknown;
  readonly steps?: unknown;
}

interface Step {
  readonly atMs: number;
  take(engine: FlowEngine, flow: string): string;
}

/** Rejects with BadField for what is no request; a flow that the engine refuses is an answer. */
export async function flowOperation(given: FlowRunRequest): Promise<Answer> {
  const settings = settingsAt(given.settings ?? {});
  const config = configAt(given.config, settings);
  const world = simWorld({ seed: 1, wallStartMs: 0 });
  const services = listAt(given.services ?? [], "services", SERVICES_MAX).map((service, index) =>
    scriptedService(service, `services.${index}`, world.clock),
  );
  const steps = listAt(given.steps ?? [], "steps", STEPS_MAX).map(stepAt);
  const limits = given.limits === undefined ? undefined : limitsAt(given.limits);
  const start = startAt(given, config);
  const registry = openRegistry({
    clock: world.clock,
    log: () => {},
    settings: () => settings,
    flows: () => [config],
  });
  for (const service of services) registry.add(service);
  await registry.settled();
  const engine = await openEngine(world, registry, settings);
  const heard: FlowEvent[] = [];
  const by: Initiator = {
    id: start.source,
    ...(limits && { limits }),
    event: (event) => {
      if (heard.length < HEARD_MAX) heard.push(event);
    },
  };
  const run = await runFlow(world, engine, start, by, steps);
  const refused = refusalsOf(registry);
  const told = {
    ...(steps.length > 0 && { steps: run.steered }),
    ...(heard.length > 0 && { events: heard.map((event) => flowEvent.toJson(event)) }),
    ...(refused.length > 0 && { refused }),
  };
  return { ...run.answer, ...told };
}

async function openEngine(
  world: SimWorld,
  registry: ServiceRegistry,
  settings: FlowSettings,
): Promise<FlowEngine> {
  const { clock } = world;
  const log = (): void => {};
  const store = simStore().store();
  const history = await openHistory({ store, clock, log, rowsMax: () => 0 });
  let count = 0;
  return openFlowEngine({
    clock,
    log,
    registry,
    settings: () => settings,
    history,
    journal: openTenderJournal(store),
    newId: () => `call-${++count}`,
  });
}

interface Start {
  readonly id: string;
  readonly source: string;
  /** The response as JSON, or why there is none. */
  begin(
    engine: FlowEngine,
    by: Initiator,
  ): { ok: true; ended: Promise<unknown> } | { ok: false; error: string; message: string };
}

function startAt(given: FlowRunRequest, config: FlowConfig): Start {
  if (given.payment !== undefined && given.request !== undefined) throw new BadField("request");
  const isPaying =
    given.request === undefined &&
    (given.payment !== undefined || requestClass(config) === "payment");
  if (isPaying) {
    const payment = paymentAt(given.payment, config);
    const begin: Start["begin"] = (engine, by) => {
      const started = engine.pay(payment, by);
      if (!started.ok) return started;
      return { ok: true, ended: started.ended.then((value) => paymentResponse.toJson(value)) };
    };
    return { id: payment.id, source: payment.source, begin };
  }
  const request = requestAt(given.request, config);
  const begin: Start["begin"] = (engine, by) => {
    const started = engine.ask(request, by);
    if (!started.ok) return started;
    return { ok: true, ended: started.ended.then((value) => genericResponse.toJson(value)) };
  };
  return { id: request.id, source: request.source, begin };
}

function limitsAt(value: unknown): NonNullable<Initiator["limits"]> {
  const given = looseAt(value, "limits");
  const minorAt = (name: string): number => {
    const amount = given[name];
    const isMinor = typeof amount === "number" && Number.isSafeInteger(amount);
    if (!isMinor || amount < 0 || amount > MODEL_AMOUNT_MAX) throw new BadField(`limits.${name}`);
    return amount;
  };
  return { offerMinor: minorAt("offerMinor"), maximumMinor: minorAt("maximumMinor") };
}

function stepAt(value: unknown, index: number): Step {
  const at = `steps.${index}`;
  const given = looseAt(value, at);
  const atMs = millisecondsAt(given["atMs"] ?? 0, `${at}.atMs`);
  const does = given["do"];
  if (does === "tell") {
    const event = eventAt(given["event"], `${at}.event`);
    return { atMs, take: (engine, flow) => (engine.tell(flow, event) ? "heard" : "unheard") };
  }
  if (does !== "cancel" && does !== "skip" && does !== "resume") throw new BadField(`${at}.do`);
  return { atMs, take: (engine, flow) => engine[does](flow) };
}

interface Ran {
  answer: Answer;
  /** What became of each step; "after the end" where the flow had ended before. */
  steered: readonly string[];
}

/** To the end of the flow, and of all that goes on after it, such as giving back. */
async function runFlow(
  world: SimWorld,
  engine: FlowEngine,
  start: Start,
  by: Initiator,
  steps: readonly Step[],
): Promise<Ran> {
  const steered = steps.map(() => "after the end");
  const started = start.begin(engine, by);
  if (!started.ok) {
    return { answer: { ok: false, kind: started.error, message: started.message }, steered };
  }
  let ended: { response: unknown } | undefined;
  void started.ended.then((response) => {
    ended = { response };
  });
  for (const [index, step] of steps.entries()) {
    world.at(step.atMs, () => {
      if (ended === undefined) steered[index] = step.take(engine, start.id);
    });
  }
  const endMs = world.nowMs() + RUN_MS_MAX;
  await world.runWhile(() => ended === undefined && world.eventsRun() < EVENTS_MAX, RUN_MS_MAX);
  while (world.nextMs() <= endMs && world.eventsRun() < EVENTS_MAX) await world.step();
  if (ended === undefined) return { answer: { ok: false, kind: "unfinished" }, steered };
  const { entries } = auditTold(start.id, await engine.audit(start.id));
  return { answer: { ok: true, response: ended.response, audit: entries }, steered };
}

function refusalsOf(registry: ServiceRegistry): unknown[] {
  return registry.list().flatMap(({ id, refusal }) => {
    if (refusal === undefined) return [];
    return [{ id, error: refusal.error, message: refusal.message }];
  });
}
