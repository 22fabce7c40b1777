// Flows by chance: configurations, services, payers and operators drawn from a seed, each flow in a lane of virtual time
// of its own. Run by itself it tells of one seed:
//
//   node build/test/sim/chance-flow.js SEED

import type { FlowConfig } from "../../firmware/payment/config/flow-config.ts";
import { checkFlows } from "../../firmware/payment/config/flow-config-check.ts";
import type { FlowEngine, Initiator } from "../../firmware/payment/engine/engine.ts";
import { openFlowEngine } from "../../firmware/payment/engine/open-engine.ts";
import type { AuditEntry } from "../../firmware/payment/model/audit-entry.ts";
import type { FlowEvent } from "../../firmware/payment/model/flow-event.ts";
import type { Payment, PaymentResponse } from "../../firmware/payment/model/payment.ts";
import type { Request, Response } from "../../firmware/payment/model/request.ts";
import { openTenderJournal } from "../../firmware/payment/record/flow-journal.ts";
import type { EndedFlow, FlowHistory } from "../../firmware/payment/record/history.ts";
import type { RegisteredService } from "../../firmware/payment/registry/registry.ts";
import type { Clock } from "../../hal/clock.ts";
import { eventQueue } from "../../hal/sim/event-queue.ts";
import { seededRandom } from "../../hal/sim/random.ts";
import { simStore } from "../../hal/sim/sim-store.ts";
import { settlePromises } from "../../hal/sim/world.ts";
import type { Pick } from "./chance-answers.ts";
import { wrongOf } from "./chance-checks.ts";
import { chanceConfigs, chancePayment, chanceSettings } from "./chance-config.ts";
import {
  type Chance,
  type ChanceInfo,
  chanceService,
  type GivesBack,
  infoOf,
  Ledger,
  type Said,
} from "./chance-service.ts";

/** Of one flow: a lane with more has a flow that never ends. */
const EVENTS_MAX = 5_000;
/** Lanes that take their steps together. */
const LANES = 100;

export interface Confirmed {
  flow: string;
  name: string;
  amountMinor: number;
}

/** One flow, while it runs and after. */
export interface ChanceFlow {
  id: string;
  by: Initiator;
  payment?: Payment;
  response?: PaymentResponse;
  answer?: Response;
  refused?: string;
}

/** All that is known of one seed. */
export interface ChanceRun {
  seed: number;
  flows: ChanceFlow[];
  configs: readonly FlowConfig[];
  infos: ReadonlyMap<string, ChanceInfo>;
  ledger: Ledger;
  said: readonly Said[];
  confirmed: readonly Confirmed[];
  engine: FlowEngine;
  audits: Map<string, readonly AuditEntry[]>;
  wrong: string[];
  endMs: number;
}

class Lane {
  readonly run: ChanceRun;
  readonly #queue = eventQueue();
  readonly #pick: Pick;
  readonly #confirmed: Confirmed[] = [];
  readonly #said: Said[] = [];
  #nowMs = 0;
  #events = 0;
  #marks = 0;

  constructor(seed: number) {
    const random = seededRandom(seed, "flow");
    this.#pick = (below) => random.below(below);
    const pick = this.#pick;
    const clock = this.#clock();
    const ledger = new Ledger();
    const chance: Chance = {
      pick,
      isCalm: pick(2) === 0,
      ledger,
      said: this.#said,
      after: (delayMs, run) => void this.#queue.add(this.#nowMs + delayMs, run),
      mark: () => `m${++this.#marks}m`,
    };
    const settings = chanceSettings(pick);
    const { services, infos } = chanceServices(chance);
    const names = [...infos.keys()];
    const configs = chanceConfigs(pick, names, settings);
    const errors = checkFlows(configs, "flows", settings);
    if (errors.length > 0) throw new Error(`seed ${seed}: ${JSON.stringify(errors)}`);
    const byId = new Map(services.map((one) => [one.id, one]));
    let id = 0;
    const engine = openFlowEngine({
      clock,
      log: () => {},
      registry: {
        flows: () => configs,
        services: () => services,
        service: (name) => byId.get(name)?.service,
        info: (name) => byId.get(name)?.info,
      },
      settings: () => settings,
      history: memory(),
      journal: openTenderJournal(simStore().store()),
      newId: () => `q${++id}`,
    });
    this.run = {
      seed,
      flows: [],
      configs,
      infos,
      ledger,
      said: this.#said,
      confirmed: this.#confirmed,
      engine,
      audits: new Map(),
      wrong: [],
      endMs: 0,
    };
    for (let n = pick(6) === 0 ? 2 : 1; n > 0; n--) this.#start(`flow${n}`);
  }

  get isQuiet(): boolean {
    return this.#queue.nextMs() === Number.POSITIVE_INFINITY;
  }

  step(): void {
    const event = this.#queue.take();
    this.#events++;
    if (event?.run === undefined || this.#events > EVENTS_MAX) return;
    this.#nowMs = Math.max(this.#nowMs, event.atMs);
    const { run } = event;
    event.run = undefined;
    run(event.atMs);
  }

  get isEndless(): boolean {
    return this.#events > EVENTS_MAX;
  }

  /** What the sale does with a flow that was not paid in full: nobody keeps anything. */
  async undo(): Promise<void> {
    const { run } = this;
    run.endMs = this.#nowMs;
    for (const flow of run.flows) {
      if (flow.response === undefined || flow.response.outcome === "fulfilled") continue;
      if (flow.by.limits === undefined) continue;
      for (const { responses } of flow.response.transactions) {
        for (const one of responses) {
          if (one.outcome === "approved" && one.amounts) void run.engine.undo(flow.id, one);
        }
      }
    }
  }

  async close(): Promise<void> {
    const { run } = this;
    for (const { id } of run.flows) run.audits.set(id, await run.engine.audit(id));
  }

  #start(id: string): void {
    const pick = this.#pick;
    const flow: ChanceFlow = { id, by: { id: "sale" } };
    this.run.flows.push(flow);
    if (pick(12) === 0) this.#ask(flow);
    else this.#pay(flow);
    const { engine } = this.run;
    const soon = (): number => pick(3) * pick(200_000);
    for (let n = pick(5) === 0 ? 1 + pick(2) : 0; n > 0; n--) {
      const steer = pick(4);
      this.#queue.add(soon(), () => {
        if (steer < 2) engine.cancel(id);
        else if (steer === 2) engine.skip(id);
        else engine.resume(id);
      });
    }
  }

  #pay(flow: ChanceFlow): void {
    const pick = this.#pick;
    const payment = chancePayment(pick, flow.id);
    const { base, additional } = payment.amounts;
    const extras = Object.values(additional).reduce((sum, minor) => sum + minor, 0);
    const limits = { offerMinor: base, maximumMinor: base + extras + pick(200) };
    const event = (one: FlowEvent): void => this.#hear(flow.id, one);
    flow.payment = payment;
    flow.by = {
      id: "sale",
      ...(pick(3) > 0 && { limits }),
      ...(pick(4) > 0 && { event }),
    };
    const started = this.run.engine.pay(payment, flow.by);
    if (!started.ok) {
      flow.refused = started.message;
      return;
    }
    void started.ended.then((response) => {
      flow.response = response;
    });
  }

  #ask(flow: ChanceFlow): void {
    const isStatus = this.#pick(3) === 0;
    const request: Request = {
      id: flow.id,
      type: isStatus ? "basketStatusUpdate" : "tokenisation",
      data: isStatus ? { basketUpdated: { is: "text", value: "x" } } : {},
      background: this.#pick(2) === 0,
      source: "sale",
    };
    const started = this.run.engine.ask(request, flow.by);
    if (!started.ok) {
      flow.refused = started.message;
      return;
    }
    void started.ended.then((answer) => {
      flow.answer = answer;
    });
  }

  /** The payer: says yes, says no, takes his time, or is not there. */
  #hear(flow: string, event: FlowEvent): void {
    const pick = this.#pick;
    const payload = event.data["confirmationRequest"];
    if (payload?.is !== "confirmation-request") return;
    const { id: request, extra } = payload.value;
    const mood = pick(6);
    if (mood === 0) return;
    const values = mood === 1 ? ["no"] : ["approve"];
    const say = (): void => {
      const value = { request, values };
      const said = { is: "confirmation-response", value } as const;
      const type = "confirmationResponse";
      const isHeard = this.run.engine.tell(flow, { type, data: { [type]: said } });
      if (isHeard && extra && mood > 1) this.#confirmed.push({ flow, ...extra });
    };
    this.#queue.add(this.#nowMs + pick(90_000), say);
  }

  #clock(): Clock {
    return {
      monotonicMs: () => this.#nowMs,
      wallMs: () => 1_767_225_600_000 + this.#nowMs,
      wallQuality: () => "set",
      at: (deadlineMs, wake) => {
        const event = this.#queue.add(Math.max(deadlineMs, this.#nowMs), () => wake());
        return { cancel: () => this.#queue.cancel(event) };
      },
    };
  }
}

function memory(): FlowHistory {
  const ended = new Map<string, EndedFlow>();
  return {
    record: (one) => void ended.set(one.response.value.id, one),
    append: (id, entry) => {
      const one = ended.get(id);
      if (one !== undefined) ended.set(id, { ...one, audit: [...one.audit, entry] });
    },
    has: (id) => ended.has(id),
    query: () => Promise.resolve([]),
    rows: () => [],
    audit: (id) => Promise.resolve(ended.get(id)?.audit ?? []),
    close: () => Promise.resolve(),
  };
}

function chanceServices(chance: Chance): {
  services: readonly RegisteredService[];
  infos: Map<string, ChanceInfo>;
} {
  const { pick } = chance;
  const infos = new Map<string, ChanceInfo>();
  const services: RegisteredService[] = [];
  const moods: readonly GivesBack[] = ["always", "always", "always", "in the end", "never"];
  for (const id of ["a", "b", "c", "d"].slice(0, 1 + pick(4))) {
    const of = { id, canAdjustAmounts: pick(4) > 0, canPayAmounts: pick(4) > 0 };
    const mood = moods[pick(12)] ?? "always";
    const service = chanceService(of, chance, mood);
    infos.set(id, of);
    services.push({ id, service, info: infoOf(service, of) });
  }
  return { services, infos };
}

/** All seeds, many at once: each as it would be alone. */
export async function runSeeds(seeds: readonly number[]): Promise<readonly ChanceRun[]> {
  const runs: ChanceRun[] = [];
  for (let from = 0; from < seeds.length; from += LANES) {
    const lanes = seeds.slice(from, from + LANES).map((seed) => new Lane(seed));
    await pump(lanes);
    for (const lane of lanes) await lane.undo();
    await pump(lanes);
    for (const lane of lanes) {
      await lane.close();
      if (lane.isEndless) lane.run.wrong.push("it goes on for ever");
      lane.run.wrong.push(...wrongOf(lane.run));
      runs.push(lane.run);
    }
  }
  return runs;
}

async function pump(lanes: readonly Lane[]): Promise<void> {
  await settlePromises();
  let open = lanes.filter((lane) => !lane.isQuiet);
  while (open.length > 0) {
    for (const lane of open) lane.step();
    await settlePromises();
    open = open.filter((lane) => !lane.isQuiet && !lane.isEndless);
  }
}

if (process.argv[1]?.endsWith("chance-flow.js") === true) {
  const [run] = await runSeeds([Number(process.argv[2])]);
  const lines = [...(run?.audits ?? [])].flatMap(([flow, entries]) => [
    flow,
    ...entries.map((entry) => `  ${JSON.stringify(entry)}`),
  ]);
  const ends = (run?.flows ?? []).map((flow) => JSON.stringify(flow));
  process.stdout.write(`${[...lines, ...ends, ...(run?.wrong ?? [])].join("\n")}\n`);
}
