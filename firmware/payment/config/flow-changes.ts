// What the operator changed of the flows while the device ran: flows that he set or removed, services that he attached
// and where. Records in the store, laid over what the device file says until they are reset.

import type { Store, StoreWrite } from "../../../hal/store.ts";
import { toHex, utf8 } from "../../bytes.ts";
import { readRecord, writeRecord } from "../../protocol/record.ts";
import { bytes, field, map, type Of, optional, text } from "../../protocol/schema.ts";
import { FLOW_GRANT_BYTES_MAX, SERVICE_ID_BYTES_MAX } from "../../token/flow-grant.ts";
import { identifier, stageName } from "../model/transaction.ts";
import { type FlowConfig, type FlowStage, flowConfig } from "./flow-config.ts";
import { usualExecution } from "./flow-config-check.ts";

const FLOW = "flow-change";
const SERVICE = "flow-service";

/** Without a flow it is removed. */
const flowChange = map({ name: field(1, identifier), flow: optional(2, flowConfig) });

const attachment = map({
  service: field(1, text(SERVICE_ID_BYTES_MAX)),
  grant: field(2, bytes(1, FLOW_GRANT_BYTES_MAX)),
  /** Where it takes part; without, in every stage of every flow that the device makes by itself. */
  place: optional(
    3,
    map({
      flow: field(1, identifier),
      stage: field(2, stageName),
      /** The service that it comes after; without, the last one. */
      after: optional(3, text(SERVICE_ID_BYTES_MAX)),
    }),
  ),
});
export type Attachment = Readonly<Of<typeof attachment>>;
export type Placement = NonNullable<Attachment["place"]>;

export interface FlowOverlay {
  readonly flows: ReadonlyMap<string, FlowConfig | undefined>;
  readonly attached: ReadonlyMap<string, Attachment>;
}

/** A change that is not made yet. */
export interface PlannedChange {
  /** As all would be. */
  readonly overlay: FlowOverlay;
  readonly writes: readonly StoreWrite[];
  /** Once they are durable. */
  apply(): void;
}

export interface FlowChanges {
  /** Another one after each change. */
  readonly overlay: FlowOverlay;
  setFlow(flow: FlowConfig): PlannedChange;
  removeFlow(name: string): PlannedChange;
  attach(attached: Attachment): PlannedChange;
  detach(service: string): PlannedChange;
}

/** With `reset` all changes are taken back first. Throws HalError, `corrupt` for a record that is not ours. */
export async function openFlowChanges(store: Store, reset: boolean): Promise<FlowChanges> {
  const flows = new Map<string, FlowConfig | undefined>();
  const attached = new Map<string, Attachment>();
  const [changed, services] = [await store.list(FLOW), await store.list(SERVICE)];
  if (reset && changed.length + services.length > 0) {
    const gone = (kind: string) => (record: { id: string }) => ({
      kind,
      id: record.id,
      body: null,
    });
    await store.commit([...changed.map(gone(FLOW)), ...services.map(gone(SERVICE))]);
  } else {
    for (const { id, body } of changed) {
      const { name, flow } = readRecord(flowChange, FLOW, id, body);
      flows.set(name, flow);
    }
    for (const { id, body } of services) {
      const one = readRecord(attachment, SERVICE, id, body);
      attached.set(one.service, one);
    }
  }
  return new StoredChanges({ flows, attached });
}

class StoredChanges implements FlowChanges {
  #overlay: FlowOverlay;

  constructor(overlay: FlowOverlay) {
    this.#overlay = overlay;
  }

  get overlay(): FlowOverlay {
    return this.#overlay;
  }

  setFlow(flow: FlowConfig): PlannedChange {
    const { name } = flow;
    const flows = new Map(this.#overlay.flows).set(name, flow);
    const write = writeRecord(flowChange, FLOW, key(name), { name, flow });
    return this.#planned({ ...this.#overlay, flows }, write);
  }

  removeFlow(name: string): PlannedChange {
    const flows = new Map(this.#overlay.flows).set(name, undefined);
    const write = writeRecord(flowChange, FLOW, key(name), { name });
    return this.#planned({ ...this.#overlay, flows }, write);
  }

  attach(one: Attachment): PlannedChange {
    const attached = new Map(this.#overlay.attached).set(one.service, one);
    const write = writeRecord(attachment, SERVICE, key(one.service), one);
    return this.#planned({ ...this.#overlay, attached }, write);
  }

  detach(service: string): PlannedChange {
    const attached = new Map(this.#overlay.attached);
    attached.delete(service);
    const write = { kind: SERVICE, id: key(service), body: null };
    return this.#planned({ ...this.#overlay, attached }, write);
  }

  #planned(overlay: FlowOverlay, write: StoreWrite): PlannedChange {
    const apply = (): void => {
      this.#overlay = overlay;
    };
    return { overlay, writes: [write], apply };
  }
}

/** A name may be any text; a record's id may not. */
function key(name: string): string {
  return /^[\w.-]{1,48}$/.test(name) ? name : `x${toHex(utf8(name))}`;
}

/** Services that take part only where the operator put them. */
export function placedServices({ attached }: FlowOverlay): ReadonlySet<string> {
  const placed = [...attached.values()].filter(({ place }) => place !== undefined);
  return new Set(placed.map(({ service }) => service));
}

/** The flows as the operator wants them now. A place that is not there any more is passed over. */
export function overlaid(
  flows: readonly FlowConfig[],
  { flows: changed, attached }: FlowOverlay,
): readonly FlowConfig[] {
  const kept = flows.flatMap((flow) => {
    return changed.has(flow.name) ? (changed.get(flow.name) ?? []) : flow;
  });
  const known = new Set(flows.map(({ name }) => name));
  const added = [...changed].flatMap(([name, flow]) => (known.has(name) ? [] : (flow ?? [])));
  return [...attached.values()].reduce<readonly FlowConfig[]>(
    (so, { service, place }) =>
      place === undefined
        ? so
        : so.map((flow) => (flow.name === place.flow ? placedIn(flow, service, place) : flow)),
    [...kept, ...added],
  );
}

function placedIn(flow: FlowConfig, service: string, place: Placement): FlowConfig {
  const within = (stages: readonly FlowStage[]): FlowStage[] =>
    stages.map((stage) => {
      const inner = stage.inner === undefined ? {} : { inner: within(stage.inner) };
      const isThere = stage.name === place.stage && stage.execution !== "DYNAMIC_SELECT";
      return isThere
        ? { ...listing(stage, service, place.after), ...inner }
        : { ...stage, ...inner };
    });
  return { ...flow, stages: within(flow.stages) };
}

function listing(stage: FlowStage, service: string, after: string | undefined): FlowStage {
  if (stage.apps.some(({ id }) => id === service)) return stage;
  const at = stage.apps.findIndex(({ id }) => id === after);
  const apps = [...stage.apps];
  apps.splice(at < 0 ? apps.length : at + 1, 0, { id: service });
  const fits = stage.execution === "MULTIPLE" || stage.execution === "SINGLE_SELECT";
  const execution = fits ? stage.execution : usualExecution(stage.name, apps.length);
  return { ...stage, execution, apps };
}
