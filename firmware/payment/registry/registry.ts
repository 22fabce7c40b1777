// The flow services of a device: asks each what it is, checks the answer, keeps it until a change notice, lists those
// that take no part with the reason. A service may be slow, silent, lying or noisy: it harms itself only.

import { after, type Clock, type Timer } from "../../../hal/clock.ts";
import type { Log } from "../../log.ts";
import { customFlows } from "../config/custom-types.ts";
import { type FlowConfig, stagesOf } from "../config/flow-config.ts";
import type { FlowSettings } from "../config/settings.ts";
import type { FlowService } from "../engine/service.ts";
import type { ServiceInfo } from "../model/service-info.ts";
import type { ServiceError } from "../rules/rejection.ts";
import type { Candidate } from "./selection.ts";
import { checkInfo, wordsOf } from "./service-check.ts";

export const SERVICES_MAX = 32;
/** A service is asked at most once in this time, however often it says that it has changed. */
const ASK_INTERVAL_MS = 1000;
/** Of services that were not even taken in, so many are remembered. */
const TURNED_AWAY_MAX = 8;

export interface RegistryPorts {
  clock: Clock;
  log: Log;
  settings(): FlowSettings;
  /** Configured flows, without those of custom types. */
  flows(): readonly FlowConfig[];
}

export interface ServiceRefusal {
  readonly error: ServiceError;
  readonly message: string;
  /** The service did something about it; absent until it has said so, or not. */
  readonly handled?: boolean;
}

/** A service as the engine sees it. Immutable: a change makes another. */
export interface RegisteredService extends Candidate {
  readonly service: FlowService;
  readonly refusal?: ServiceRefusal;
}

/** One line for people. */
export interface ListedService {
  readonly id: string;
  readonly state: "ready" | "asked" | "refused";
  /** With the flows in which it takes part. */
  readonly info?: ServiceInfo;
  readonly refusal?: ServiceRefusal;
  readonly isRemote: boolean;
}

/** What is told to whoever wants to know that services came, went or changed. */
export const SERVICES_CHANGED = {
  type: "externalStateChanged",
  key: "eventKeyFlowServicesChanged",
} as const;
export type ServicesListener = (event: typeof SERVICES_CHANGED) => void;

export interface ServiceRegistry {
  /** Takes it in and asks it. Refused: `idTaken`, or `tooManyServices`; the one that was there stays. */
  add(service: FlowService): { ok: true } | { ok: false; error: ServiceError };
  /** Only if it is this one, where one is given. */
  remove(id: string, service?: FlowService): boolean;
  /** In the order in which they came: the same array until something changes. */
  services(): readonly RegisteredService[];
  service(id: string): FlowService | undefined;
  /** Checked and kept; undefined for one that takes no part, or has not answered yet. */
  info(id: string): ServiceInfo | undefined;
  list(): readonly ListedService[];
  /** Configured flows and those of custom types: what may be started. */
  flows(): readonly FlowConfig[];
  /** Nobody is being asked any more. Bounded by serviceInfoTimeoutSeconds, where that is set. */
  settled(): Promise<void>;
  /** Ends with the function that is returned. */
  onChanged(listener: ServicesListener): () => void;
  close(): void;
}

export function openRegistry(ports: RegistryPorts): ServiceRegistry {
  return new Registry(ports);
}

interface Entry {
  service: FlowService;
  state: RegisteredService;
  /** Counts the questions: an answer to an earlier one is not heard. */
  asked: number;
  isAsked: boolean;
  askedAtMs: number;
  timeout: Timer | undefined;
  /** The next question, when it has to wait for its turn. */
  next: Timer | undefined;
}

class Registry implements ServiceRegistry {
  readonly #ports: RegistryPorts;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<ServicesListener>();
  readonly #waiting = new Set<() => void>();
  #turnedAway: readonly ListedService[] = [];
  #services: readonly RegisteredService[] = [];
  #closed = false;

  constructor(ports: RegistryPorts) {
    this.#ports = ports;
  }

  add(service: FlowService): { ok: true } | { ok: false; error: ServiceError } {
    const { id } = service;
    if (this.#entries.has(id))
      return this.#turnAway(service, "idTaken", `${id} is another service`);
    if (this.#closed || this.#entries.size >= SERVICES_MAX) {
      const message = `a device has at most ${SERVICES_MAX} services`;
      return this.#turnAway(service, "tooManyServices", message);
    }
    const entry: Entry = {
      service,
      state: stateOf(service, {}),
      asked: 0,
      isAsked: false,
      askedAtMs: Number.NEGATIVE_INFINITY,
      timeout: undefined,
      next: undefined,
    };
    this.#entries.set(id, entry);
    this.#ask(entry);
    this.#changed();
    try {
      service.onInfoChanged(() => this.#noticed(entry));
    } catch (error) {
      this.#ports.log("warn", "flow-service-notice", { service: id, why: wordsOf(error) });
    }
    return { ok: true };
  }

  remove(id: string, service?: FlowService): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined || (service !== undefined && entry.service !== service)) return false;
    this.#entries.delete(id);
    this.#forget(entry);
    this.#changed();
    return true;
  }

  services(): readonly RegisteredService[] {
    return this.#services;
  }

  service(id: string): FlowService | undefined {
    return this.#entries.get(id)?.service;
  }

  info(id: string): ServiceInfo | undefined {
    return this.#entries.get(id)?.state.info;
  }

  list(): readonly ListedService[] {
    const flows = this.flows();
    const listed = this.#services.map((state) => listedOf(state, flows));
    return [...listed, ...this.#turnedAway];
  }

  flows(): readonly FlowConfig[] {
    const configured = this.#ports.flows();
    return [...configured, ...customFlows(this.#services, configured)];
  }

  settled(): Promise<void> {
    if (!this.#isAsking()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  onChanged(listener: ServicesListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#closed = true;
    for (const entry of this.#entries.values()) this.#forget(entry);
    this.#settle();
  }

  /** At once, or when its turn comes; any number of notices make one question. */
  #noticed(entry: Entry): void {
    if (this.#closed || this.#entries.get(entry.service.id) !== entry || entry.next !== undefined)
      return;
    const waitMs = entry.askedAtMs + ASK_INTERVAL_MS - this.#ports.clock.monotonicMs();
    if (waitMs <= 0) {
      this.#ask(entry);
      return;
    }
    entry.next = after(this.#ports.clock, waitMs, () => {
      entry.next = undefined;
      this.#ask(entry);
    });
  }

  /** What it said before holds until it has answered, so that a notice makes no gap in which nobody can pay. */
  #ask(entry: Entry): void {
    const { clock, settings } = this.#ports;
    const number = ++entry.asked;
    entry.askedAtMs = clock.monotonicMs();
    const timeoutMs = 1000 * settings().serviceInfoTimeoutSeconds;
    // A service that changes all the time is not given more time by it.
    if (timeoutMs > 0 && !entry.isAsked) {
      entry.timeout = after(clock, timeoutMs, () => {
        const message = `it did not say what it is within ${timeoutMs / 1000} s`;
        this.#refuse(entry, "retrievalTimeOut", message);
      });
    }
    entry.isAsked = true;
    const isCurrent = (): boolean => entry.asked === number && entry.isAsked;
    askInfo(entry.service).then(
      (reported) => {
        if (isCurrent()) this.#heard(entry, reported);
      },
      (error: unknown) => {
        if (!isCurrent()) return;
        const kind = entry.service.remote === true ? "unreachable" : "invalidServiceInfo";
        this.#refuse(entry, kind, wordsOf(error));
      },
    );
  }

  #heard(entry: Entry, reported: unknown): void {
    const checked = checkInfo(entry.service, reported);
    if (checked.ok) {
      entry.state = stateOf(entry.service, { info: checked.info });
      this.#answered(entry);
    } else {
      this.#refuse(entry, checked.error, checked.message);
    }
  }

  #refuse(entry: Entry, error: ServiceError, message: string): void {
    const refusal: ServiceRefusal = { error, message };
    entry.state = stateOf(entry.service, { refusal });
    this.#ports.log("warn", "flow-service-refused", {
      service: entry.service.id,
      error,
      why: message,
    });
    this.#answered(entry);
    // Last, because it may say at once that it has changed.
    tellRefused(entry.service, error, message).then((handled) => {
      if (entry.state.refusal !== refusal) return;
      entry.state = stateOf(entry.service, { refusal: { ...refusal, handled } });
      this.#rebuild();
    }, assertNever);
  }

  #answered(entry: Entry): void {
    entry.isAsked = false;
    entry.timeout?.cancel();
    entry.timeout = undefined;
    this.#changed();
  }

  #turnAway(
    service: FlowService,
    error: ServiceError,
    message: string,
  ): { ok: false; error: ServiceError } {
    const { id } = service;
    this.#ports.log("warn", "flow-service-refused", { service: id, error, why: message });
    const line: ListedService = {
      id,
      state: "refused",
      refusal: { error, message },
      isRemote: service.remote === true,
    };
    this.#turnedAway = [...this.#turnedAway, line].slice(-TURNED_AWAY_MAX);
    tellRefused(service, error, message).then((handled) => {
      this.#turnedAway = this.#turnedAway.map((other) =>
        other === line ? { ...line, refusal: { error, message, handled } } : other,
      );
    }, assertNever);
    return { ok: false, error };
  }

  #forget(entry: Entry): void {
    entry.isAsked = false;
    entry.timeout?.cancel();
    entry.next?.cancel();
  }

  #isAsking(): boolean {
    return !this.#closed && [...this.#entries.values()].some(({ isAsked }) => isAsked);
  }

  #rebuild(): void {
    this.#services = Object.freeze([...this.#entries.values()].map(({ state }) => state));
  }

  #changed(): void {
    this.#rebuild();
    if (!this.#isAsking()) this.#settle();
    for (const listener of this.#listeners) listener(SERVICES_CHANGED);
  }

  #settle(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }
}

function stateOf(
  service: FlowService,
  known: Pick<RegisteredService, "info" | "refusal">,
): RegisteredService {
  const { id, rights } = service;
  return Object.freeze({ id, service, ...(rights === undefined ? {} : { rights }), ...known });
}

function listedOf(state: RegisteredService, flows: readonly FlowConfig[]): ListedService {
  const { id, service, info, refusal } = state;
  return {
    id,
    state: info !== undefined ? "ready" : refusal !== undefined ? "refused" : "asked",
    ...(info === undefined ? {} : { info: { ...info, flowStages: flowStagesOf(info, flows) } }),
    ...(refusal === undefined ? {} : { refusal }),
    isRemote: service.remote === true,
  };
}

/** In which stages of which flows it takes part. */
function flowStagesOf(
  info: ServiceInfo,
  flows: readonly FlowConfig[],
): NonNullable<ServiceInfo["flowStages"]> {
  return flows
    .map((flow) => ({
      flow: flow.name,
      stages: stagesOf(flow)
        .filter(({ execution, apps }) => {
          if (execution === "NONE") return false;
          return execution === "DYNAMIC_SELECT" || apps.some(({ id }) => id === info.id);
        })
        .map(({ name }) => name)
        .filter((name) => info.stages.includes(name)),
    }))
    .filter(({ stages }) => stages.length > 0);
}

/** In an async function, so that one that throws has rejected. */
async function askInfo(service: FlowService): Promise<unknown> {
  return service.info();
}

async function tellRefused(
  service: FlowService,
  error: ServiceError,
  message: string,
): Promise<boolean> {
  try {
    return (await service.refused(error, message)) === true;
  } catch {
    return false;
  }
}

function assertNever(error: unknown): never {
  throw error;
}
