// What the operator may ask of the flow engine while the device runs: other flows, services that come and go, the
// steering of a flow, requests of his own, and questions. Every change is planned before it is made, so that it can be
// on disk together with the record that he commanded it.

import type { StoreWrite } from "../../hal/store.ts";
import type { FaultKind } from "../fault.ts";
import type { Log } from "../log.ts";
import { readJson } from "../protocol/schema.ts";
import { fail, ok, type Result } from "../result.ts";
import type { FlowGrant } from "../token/flow-grant.ts";
import { PAYMENT_APPLICATION } from "./application/application-info.ts";
import type { FlowChanges, Placement, PlannedChange } from "./config/flow-changes.ts";
import { type FlowConfig, hasStage, stagesOf } from "./config/flow-config.ts";
import { checkFlows, readFlows } from "./config/flow-config-check.ts";
import type { FlowSettings } from "./config/settings.ts";
import type { FlowEngine, Steered } from "./engine/engine.ts";
import {
  activeTold,
  auditTold,
  endedTold,
  flowsTold,
  rowTold,
  type ServicePlace,
  type Told,
} from "./flow-answers.ts";
import { data as dataShape } from "./model/data.ts";
import type { Stage } from "./model/stages.ts";
import type { PaymentSide } from "./payment-side.ts";
import type { PaymentWay } from "./payments.ts";
import type { FlowHistory } from "./record/history.ts";
import type { ServiceRegistry } from "./registry/registry.ts";
import { FLOWS_CHANGED, SystemEvents, type SystemListener } from "./registry/system-events.ts";
import { REMOTE_SERVICES_MAX, type RemoteServices } from "./remote/remote-services.ts";

/** Who starts the requests that the operator makes; he sees every flow. */
const OPERATOR = "operator";
/** Requests that could not be started, and why, for whoever asks what became of them. */
const REFUSED_MAX = 64;

export interface DeskChange {
  writes: readonly StoreWrite[];
  /** After they are durable. */
  apply(): void;
  answer?: Told;
}

export interface AttachOrder {
  grant: Uint8Array;
  /** Where it takes part: both or none. */
  flow?: string;
  stage?: Stage;
  after?: string;
}

/** How a service of the catalogue is paid. */
export interface SoldService {
  id: number;
  payment?: { way: PaymentWay; flow?: string };
}

export interface HistoryQuestion {
  /** This flow alone, with all that is known of it. */
  flow?: string;
  type?: string;
  fromMs?: number;
  toMs?: number;
  most: number;
}

export interface FlowDesk {
  /** JSON of a flow as a device file has it, short or whole. Errors: `malformed`, with the field's path. */
  setFlow(json: string): Result<DeskChange>;
  /** Errors: `not-found`, `refused` where others need it, or one of `sold`, which nothing else could be paid by then. */
  removeFlow(name: string, sold: readonly SoldService[]): Result<DeskChange>;
  /** Errors: those of a grant, `exists`, `too-many`, `not-found` for a place that is not there. */
  attach(order: AttachOrder): Result<DeskChange>;
  /** Errors: `not-found`, `unsupported` for one that came by the device file. */
  detach(service: string): Result<DeskChange>;
  /** At once: nothing of it needs to last. Errors: `not-found`, `unsupported`. */
  steer(flow: string, how: "cancel" | "skip" | "resume"): Result<Told>;
  /** A request of the operator; what comes of it is found in the history under that id. Errors: `malformed`, `refused`. */
  request(id: string, type: string, json: string, target: string): Result<DeskChange>;
  flows(): Told;
  active(): Told;
  history(question: HistoryQuestion): Promise<Told>;
  audit(flow: string): Promise<Told>;
  /** Told when flows or services are others than before. */
  onChanged(listener: SystemListener): void;
}

export interface FlowDeskPorts {
  side: Pick<PaymentSide, "engine" | "registry" | "history" | "settings" | "flowsUnder">;
  changes: FlowChanges;
  remotes: RemoteServices;
  /** Whether a grant is good for this device, now. */
  readGrant(signed: Uint8Array): Result<FlowGrant>;
  /** Services that the device file lists, and where they run. */
  inFile: ReadonlyMap<string, ServicePlace>;
  /** The device file lists flows. */
  hasOwnFlows: boolean;
  /** What was approved without the payment host, where policy allows that. */
  deferred?(): Told;
  log: Log;
}

export function openFlowDesk(ports: FlowDeskPorts): FlowDesk {
  return new OperatorsDesk(ports);
}

class OperatorsDesk implements FlowDesk {
  readonly #ports: FlowDeskPorts;
  readonly #engine: FlowEngine;
  readonly #registry: ServiceRegistry;
  readonly #history: FlowHistory;
  readonly #settings: FlowSettings;
  readonly #refused = new Map<string, string>();
  readonly #events = new SystemEvents();

  constructor(ports: FlowDeskPorts) {
    this.#ports = ports;
    const { engine, registry, history, settings } = ports.side;
    this.#engine = engine;
    this.#registry = registry;
    this.#history = history;
    this.#settings = settings;
    registry.onChanged((event) => this.#events.tell(event));
  }

  setFlow(json: string): Result<DeskChange> {
    const parsed = parse(json, "flow");
    if (!parsed.ok) return parsed;
    const read = readFlows([parsed.value], "flow", this.#settings);
    if (!read.ok) return wrong(read.errors[0], /^flow\.0/, "flow");
    const [flow] = read.flows;
    if (flow === undefined) return fail("malformed", "it is no flow", "flow");
    return this.#changing(this.#ports.changes.setFlow(flow), { flow: flow.name, type: flow.type });
  }

  removeFlow(name: string, sold: readonly SoldService[]): Result<DeskChange> {
    const { side, changes } = this.#ports;
    const isThere = (flow: FlowConfig): boolean => flow.name === name;
    const flows = side.flowsUnder(changes.overlay);
    if (!flows.some(isThere)) return noFlow(name);
    const change = changes.removeFlow(name);
    const left = side.flowsUnder(change.overlay);
    const unpaid = sold.find((one) => isPaidBy(flows, one) && !isPaidBy(left, one));
    if (unpaid !== undefined) {
      return fail("refused", `service ${unpaid.id} is paid by ${name}: set another in its place`);
    }
    if (left.some(isThere)) {
      return fail("refused", `what was paid is given back by ${name}: set another in its place`);
    }
    return this.#changing(change, { flow: name });
  }

  attach({ grant: signed, flow, stage, after }: AttachOrder): Result<DeskChange> {
    const { changes, readGrant } = this.#ports;
    const read = readGrant(signed);
    if (!read.ok) return read;
    const { id, name } = read.value;
    const room = this.#room(read.value);
    if (!room.ok) return room;
    if ((flow === undefined) !== (stage === undefined)) {
      return fail("usage", "a place is a flow and a stage of it", "stage");
    }
    const place =
      flow === undefined || stage === undefined
        ? undefined
        : { flow, stage, ...(after !== undefined && { after }) };
    const placed = this.#checkPlace(place);
    if (!placed.ok) return placed;
    const change = changes.attach({ service: id, grant: signed, ...(place && { place }) });
    const planned = this.#changing(change, { service: id, name, ...place });
    if (!planned.ok) return planned;
    const { apply } = planned.value;
    return ok({
      ...planned.value,
      apply: () => {
        apply();
        this.#takeIn(signed, id);
      },
    });
  }

  detach(service: string): Result<DeskChange> {
    const { changes, remotes, inFile } = this.#ports;
    if (!changes.overlay.attached.has(service)) {
      if (!inFile.has(service)) return fail("not-found", `no service ${service} is attached`);
      return fail("unsupported", `${service} is in the device file: take it out there`);
    }
    const change = this.#changing(changes.detach(service), { service });
    if (!change.ok) return change;
    const { apply } = change.value;
    return ok({
      ...change.value,
      apply: () => {
        apply();
        this.#registry.remove(service);
        remotes.remove(service);
      },
    });
  }

  steer(flow: string, how: "cancel" | "skip" | "resume"): Result<Told> {
    const at = this.#engine.active().find(({ id }) => id === flow);
    if (at === undefined) return fail("not-found", `no flow ${flow} is running`, "flow");
    const steered = STEERS[how](this.#engine, flow);
    if (steered === "done" || steered === "wait") return ok({ flow, did: how, outcome: steered });
    const where = at.stage === undefined ? "now" : `in ${at.stage}`;
    return fail("unsupported", `${flow} takes no ${how} ${where} (${steered})`, "flow");
  }

  request(id: string, type: string, json: string, target: string): Result<DeskChange> {
    if (type === "reversal") {
      return fail(
        "refused",
        "money of an order goes back with its books: reverse the order",
        "type",
      );
    }
    const parsed = parse(json === "" ? "{}" : json, "data");
    if (!parsed.ok) return parsed;
    const data = readJson(dataShape, parsed.value, "data");
    if (!data.ok) return data;
    const request = {
      ...{ id, type, data: data.value, background: true, source: OPERATOR },
      ...(target !== "" && { target }),
    };
    const apply = (): void => {
      const started = this.#engine.ask(request, { id: OPERATOR });
      if (started.ok) return;
      this.#refused.set(id, `${started.error}: ${started.message}`);
      const [oldest] = this.#refused.keys();
      if (this.#refused.size > REFUSED_MAX && oldest !== undefined) this.#refused.delete(oldest);
    };
    return ok({ writes: [], apply, answer: { request: id } });
  }

  flows(): Told {
    const { changes, remotes, inFile, hasOwnFlows } = this.#ports;
    return flowsTold({
      flows: this.#registry.flows(),
      services: this.#registry.list(),
      remotes: remotes.list(),
      overlay: changes.overlay,
      inFile,
      hasOwnFlows,
    });
  }

  active(): Told {
    return activeTold(this.#engine.active());
  }

  async history(question: HistoryQuestion): Promise<Told> {
    const { flow, type, fromMs, toMs, most } = question;
    if (flow !== undefined) return this.#one(flow);
    const rows = this.#history.rows({
      ...(type !== undefined && { flowType: type }),
      ...(fromMs !== undefined && { fromMs }),
      ...(toMs !== undefined && { toMs }),
      maxResults: most,
    });
    const told: Told[] = [];
    for (const row of rows) told.push(rowTold(row, await this.#ended(row.id)));
    const deferred = this.#ports.deferred?.();
    return { flows: told, ...(deferred !== undefined && { deferred }) };
  }

  async audit(flow: string): Promise<Told> {
    return auditTold(flow, await this.#engine.audit(flow));
  }

  onChanged(listener: SystemListener): void {
    this.#events.listen(listener);
  }

  async #one(flow: string): Promise<Told> {
    if (this.#engine.active().some(({ id }) => id === flow)) return { flow, state: "running" };
    const refused = this.#refused.get(flow);
    if (refused !== undefined) return { flow, state: "refused", message: refused };
    const ended = await this.#ended(flow);
    return ended === undefined
      ? { flow, state: "unknown" }
      : { flow, state: "ended", ...endedTold(ended) };
  }

  async #ended(id: string) {
    const query = { requestId: id, kind: "payment", maxResults: 1 } as const;
    const [ended] = await this.#engine.history(query, OPERATOR);
    return ended;
  }

  #room({ id, name, boxKey, serial }: FlowGrant): Result<void> {
    const { remotes, inFile } = this.#ports;
    const listed = remotes.list();
    const twin = listed.find(({ grant }) => grant.id !== id && grant.name === name)?.grant;
    if (twin) return fail("exists", `${twin.id} has the key of ${id}: each service needs its own`);
    const before = listed.find(({ grant }) => grant.id === id)?.grant;
    if (before === undefined) {
      if (
        this.#registry.service(id) !== undefined ||
        inFile.has(id) ||
        id === PAYMENT_APPLICATION
      ) {
        return fail("exists", `another service of this device is called ${id}`);
      }
      if (listed.length < REMOTE_SERVICES_MAX) return ok(undefined);
      return fail("too-many", `a device has at most ${REMOTE_SERVICES_MAX} services elsewhere`);
    }
    const isLater = serial > before.serial && String(boxKey) === String(before.boxKey);
    return isLater ? ok(undefined) : fail("exists", `${id} is attached already: detach it first`);
  }

  #checkPlace(place: Placement | undefined): Result<void> {
    if (place === undefined) return ok(undefined);
    const { side, changes } = this.#ports;
    const flow = side.flowsUnder(changes.overlay).find(({ name }) => name === place.flow);
    if (flow === undefined) return noFlow(place.flow);
    if (hasStage(flow, place.stage)) return ok(undefined);
    const names = stagesOf(flow)
      .map(({ name }) => name)
      .join(", ");
    return fail("not-found", `flow ${flow.name} has no ${place.stage}: it has ${names}`, "stage");
  }

  #changing(change: PlannedChange, answer: Told): Result<DeskChange> {
    const flows = this.#ports.side.flowsUnder(change.overlay);
    const [error] = checkFlows(flows, "flows", this.#settings);
    if (error !== undefined) return wrong(error, /^flows/, "flows");
    const { writes, apply } = change;
    const told = (): void => {
      apply();
      this.#events.tell(FLOWS_CHANGED);
    };
    return ok({ writes, apply: told, answer });
  }

  #takeIn(signed: Uint8Array, id: string): void {
    const { remotes, log } = this.#ports;
    const added = remotes.add(signed);
    if (!added.ok) {
      log("warn", "flow-service-refused", { service: id, why: added.fault.message });
      return;
    }
    this.#registry.remove(id);
    this.#registry.add(added.value);
  }
}

const STEERS: Readonly<
  Record<"cancel" | "skip" | "resume", (engine: FlowEngine, flow: string) => Steered>
> = {
  cancel: (engine, flow) => engine.cancel(flow),
  skip: (engine, flow) => engine.skip(flow),
  resume: (engine, flow) => engine.resume(flow),
};

function isPaidBy(flows: readonly FlowConfig[], { payment }: SoldService): boolean {
  const wanted = payment?.way === "hold" ? "preAuthorisation" : "sale";
  return flows.some(({ name, type }) => type === wanted && name === (payment?.flow ?? name));
}

function noFlow(name: string): Result<never> {
  return fail("not-found", `this device has no flow ${name}`, "flow");
}

function wrong(
  error: { at: string; message: string } | undefined,
  begin: RegExp,
  as: string,
  kind: FaultKind = "malformed",
): Result<never> {
  const { at = "", message = "it is no flow" } = error ?? {};
  return fail(kind, message, at.replace(begin, as));
}

function parse(json: string, at: string): Result<unknown> {
  try {
    return ok(JSON.parse(json) as unknown);
  } catch {
    return fail("malformed", "is not JSON", at);
  }
}
