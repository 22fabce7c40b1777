// Flows as an operator writes them, read and checked before any of them starts: every mistake is told with its path.

import { readJson } from "../../protocol/schema.ts";
import { STAGES, type Stage } from "../model/stages.ts";
import { plainCopy } from "../rules/plain-copy.ts";
import { FLOW_API_MAJOR } from "./api-version.ts";
import {
  type ExecutionType,
  FLOWS_MAX,
  type FlowApp,
  type FlowConfig,
  type FlowStage,
  flowConfig,
  requestClass,
  stagesOf,
} from "./flow-config.ts";
import { flowTypeOf, type RequestClass } from "./flow-types.ts";
import type { FlowSettings } from "./settings.ts";

export interface ConfigError {
  /** Such as `flows.0.stages.2.apps.1.id`. */
  readonly at: string;
  readonly message: string;
}

export type ReadFlows =
  | { readonly ok: true; readonly flows: readonly FlowConfig[] }
  | { readonly ok: false; readonly errors: readonly ConfigError[] };

/** Of each stage, the class of flow that it belongs to. */
const CLASSES: Readonly<Record<Stage, RequestClass>> = {
  PRE_FLOW: "payment",
  SPLIT: "payment",
  PRE_TRANSACTION: "payment",
  PAYMENT_CARD_READING: "payment",
  POST_CARD_READING: "payment",
  FULFILLED_CHECK: "payment",
  TRANSACTION_PROCESSING: "payment",
  POST_TRANSACTION: "payment",
  POST_FLOW: "payment",
  GENERIC: "generic",
  POST_GENERIC: "generic",
  STATUS_UPDATE: "status",
};
const INNER: Readonly<Partial<Record<Stage, readonly Stage[]>>> = {
  SPLIT: [
    "PRE_TRANSACTION",
    "PAYMENT_CARD_READING",
    "POST_CARD_READING",
    "FULFILLED_CHECK",
    "TRANSACTION_PROCESSING",
    "POST_TRANSACTION",
  ],
  FULFILLED_CHECK: ["TRANSACTION_PROCESSING"],
};
/** They call one service: of several, one is chosen. */
const CALLING_ONE: readonly Stage[] = [
  "SPLIT",
  "PAYMENT_CARD_READING",
  "TRANSACTION_PROCESSING",
  "GENERIC",
];

/**
 * Flows as they stand in a device file: `{ name, type, stages: [{ name, execution, apps: [{ id, ... }], inner: [...] }] }`.
 * May be left out: `version` (1); `apps` (none); `execution` (NONE without apps; for stages that call one service,
 * SINGLE with one and SINGLE_SELECT with several; MULTIPLE for the others). An app may be given by its id alone.
 */
export function readFlows(given: unknown, at: string, settings: FlowSettings): ReadFlows {
  const copied = plainCopy(given, at);
  if (!copied.ok) return { ok: false, errors: [{ at, message: copied.message }] };
  const { value } = copied;
  if (!Array.isArray(value)) {
    return { ok: false, errors: [{ at, message: "must be a list of flows" }] };
  }
  const flows: FlowConfig[] = [];
  const errors: ConfigError[] = [];
  for (const [index, item] of value.entries()) {
    const place = `${at}.${index}`;
    const read = readJson(flowConfig, filledFlow(item), place);
    if (read.ok) flows.push(read.value);
    else
      errors.push({ at: read.fault.at ?? place, message: withoutPath(read.fault.message, place) });
  }
  if (errors.length === 0) errors.push(...checkFlows(flows, at, settings));
  return errors.length === 0 ? { ok: true, flows } : { ok: false, errors };
}

function withoutPath(message: string, place: string): string {
  return message.startsWith(place) ? message.slice(message.indexOf(" ") + 1) : message;
}

type Loose = Readonly<Record<string, unknown>>;

function isLoose(value: unknown): value is Loose {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function filledFlow(value: unknown): unknown {
  return isLoose(value)
    ? { version: 1, ...value, stages: filledStages(value["stages"], 0) }
    : value;
}

function filledStages(value: unknown, depth: number): unknown {
  // Deeper is refused by the nesting anyway.
  if (!Array.isArray(value) || depth > 2) return value;
  return value.map((stage: unknown) => {
    if (!isLoose(stage)) return stage;
    const apps = Array.isArray(stage["apps"])
      ? stage["apps"].map(filledApp)
      : (stage["apps"] ?? []);
    const inner = filledStages(stage["inner"], depth + 1);
    const count = Array.isArray(apps) ? apps.length : 0;
    return { execution: usualExecution(stage["name"], count), ...stage, apps, inner };
  });
}

function filledApp(app: unknown): unknown {
  return typeof app === "string" ? { id: app } : app;
}

/** What is meant where nothing is said. */
export function usualExecution(stage: unknown, appCount: number): ExecutionType {
  if (appCount === 0) return "NONE";
  if (!CALLING_ONE.includes(stage as Stage)) return "MULTIPLE";
  return appCount === 1 ? "SINGLE" : "SINGLE_SELECT";
}

/** All that is wrong with the flows of a device; nothing when they may be used. `at` begins every path. */
export function checkFlows(
  flows: readonly FlowConfig[],
  at: string,
  settings: FlowSettings,
): readonly ConfigError[] {
  const errors: ConfigError[] = [];
  if (flows.length > FLOWS_MAX)
    errors.push({ at, message: `must hold at most ${FLOWS_MAX} flows` });
  const places = new Map<string, string>();
  for (const [index, flow] of flows.entries()) {
    const place = `${at}.${index}`;
    const first = places.get(flow.name);
    if (first !== undefined) {
      errors.push({ at: `${place}.name`, message: `is the name of ${first} too` });
    }
    places.set(flow.name, first ?? place);
    errors.push(...new Checking(flow, place, settings).errors());
  }
  return errors;
}

class Checking {
  readonly #flow: FlowConfig;
  readonly #at: string;
  readonly #settings: FlowSettings;
  readonly #class: RequestClass;
  readonly #errors: ConfigError[] = [];
  /** Of each stage, where it was seen. */
  readonly #seen = new Map<Stage, string>();

  constructor(flow: FlowConfig, at: string, settings: FlowSettings) {
    this.#flow = flow;
    this.#at = at;
    this.#settings = settings;
    this.#class = meantClass(flow);
  }

  errors(): readonly ConfigError[] {
    this.#checkHead();
    this.#checkStages(this.#flow.stages, `${this.#at}.stages`, undefined);
    this.#checkWhole();
    return this.#errors;
  }

  #wrong(at: string, message: string): void {
    this.#errors.push({ at, message });
  }

  #checkHead(): void {
    const { name, type, apiMajor, processInBackground, allowZeroAmounts } = this.#flow;
    if (name === "") this.#wrong(`${this.#at}.name`, "must not be empty");
    if (type === "") this.#wrong(`${this.#at}.type`, "must not be empty");
    if (apiMajor !== undefined && apiMajor !== FLOW_API_MAJOR) {
      this.#wrong(`${this.#at}.apiMajor`, `must be ${FLOW_API_MAJOR}, which this device speaks`);
    }
    if (processInBackground === true && this.#class !== "generic") {
      this.#wrong(`${this.#at}.processInBackground`, "is for generic flows only");
    }
    if (allowZeroAmounts === true && this.#class !== "payment") {
      this.#wrong(`${this.#at}.allowZeroAmounts`, "is for payment flows only");
    }
    if (this.#flow.generatedFromCustomType === true) {
      this.#wrong(`${this.#at}.generatedFromCustomType`, "is set by the device itself");
    }
    const known = flowTypeOf(type);
    if (known !== undefined && known.requestClass !== this.#class) {
      const message = `${type} is a ${known.requestClass} type, and the stages make a ${this.#class} flow`;
      this.#wrong(`${this.#at}.type`, message);
    }
  }

  #checkStages(stages: readonly FlowStage[], at: string, outer: Stage | undefined): void {
    let last: Stage | undefined;
    for (const [index, stage] of stages.entries()) {
      const place = `${at}.${index}`;
      const { name } = stage;
      const first = this.#seen.get(name);
      if (first !== undefined) this.#wrong(`${place}.name`, `${name} stands at ${first} already`);
      else if (last !== undefined && STAGES[name] < STAGES[last]) {
        this.#wrong(`${place}.name`, `${name} must stand before ${last}`);
      }
      this.#seen.set(name, first ?? place);
      last = name;
      if (outer !== undefined && INNER[outer]?.includes(name) !== true) {
        this.#wrong(`${place}.name`, `${name} cannot stand within ${outer}`);
      } else if (CLASSES[name] !== this.#class) {
        this.#wrong(`${place}.name`, `${name} does not belong into a ${this.#class} flow`);
      }
      this.#checkExecution(stage, place, outer);
      this.#checkInner(stage, place);
    }
  }

  #checkInner({ name, inner }: FlowStage, at: string): void {
    if (INNER[name] === undefined) {
      if (inner !== undefined) this.#wrong(`${at}.inner`, `${name} holds no other stages`);
      return;
    }
    const within = inner ?? [];
    if (!holds(within, "TRANSACTION_PROCESSING")) {
      this.#wrong(`${at}.inner`, `of ${name} must hold TRANSACTION_PROCESSING`);
    }
    this.#checkStages(within, `${at}.inner`, name);
  }

  #checkExecution(
    { name, execution, apps }: FlowStage,
    at: string,
    outer: Stage | undefined,
  ): void {
    if (name === "FULFILLED_CHECK" && execution !== "NONE") {
      this.#wrong(`${at}.execution`, "of FULFILLED_CHECK must be NONE: it calls nobody itself");
    }
    if (execution === "NONE" && apps.length > 0) {
      this.#wrong(`${at}.apps`, "must be empty where the execution is NONE");
    }
    if (execution === "SINGLE" && apps.length > 1) {
      this.#wrong(`${at}.apps`, "must hold one app where the execution is SINGLE");
    }
    if (execution === "MULTIPLE" && CALLING_ONE.includes(name)) {
      this.#wrong(`${at}.execution`, `${name} calls one service: SINGLE or SINGLE_SELECT`);
    }
    if (execution === "DYNAMIC_SELECT") {
      if (!this.#settings.alwaysAllowDynamicSelect) {
        this.#wrong(`${at}.execution`, "DYNAMIC_SELECT needs the setting alwaysAllowDynamicSelect");
      }
      if (apps.length > 0) this.#wrong(`${at}.apps`, "must be empty: DYNAMIC_SELECT takes any");
    }
    this.#checkApps(apps, `${at}.apps`, outer);
  }

  #checkApps(apps: readonly FlowApp[], at: string, outer: Stage | undefined): void {
    const seen = new Map<string, number>();
    for (const [index, { id, conditionalOn }] of apps.entries()) {
      const first = seen.get(id);
      if (id === "") this.#wrong(`${at}.${index}.id`, "must not be empty");
      else if (first !== undefined)
        this.#wrong(`${at}.${index}.id`, `${id} is listed as ${first} too`);
      seen.set(id, first ?? index);
      if (conditionalOn !== undefined && outer !== "FULFILLED_CHECK") {
        this.#wrong(`${at}.${index}.conditionalOn`, "has a meaning within FULFILLED_CHECK only");
      }
    }
  }

  /** What no single stage shows. */
  #checkWhole(): void {
    const at = `${this.#at}.stages`;
    const names = this.#flow.stages.map(({ name }) => name);
    if (names.length === 0) this.#wrong(at, "must not be empty");
    if (this.#class === "generic" && !names.includes("GENERIC") && names.length > 0) {
      this.#wrong(at, "must hold GENERIC");
    }
    // Stages that hold others have told it already.
    const isTold = names.some((name) => INNER[name] !== undefined);
    if (this.#class === "payment" && !isTold && !names.includes("TRANSACTION_PROCESSING")) {
      this.#wrong(at, "must hold TRANSACTION_PROCESSING");
    }
    const split = names.indexOf("SPLIT");
    const beside = names.findIndex((name) => INNER.SPLIT?.includes(name));
    if (split >= 0 && beside >= 0) {
      this.#wrong(`${at}.${beside}.name`, `${names[beside]} must stand within SPLIT`);
    }
  }
}

/** What a flow is, or was meant to be when it lacks the stage that makes it so. */
function meantClass(flow: FlowConfig): RequestClass {
  const is = requestClass(flow);
  const names = stagesOf(flow).map(({ name }) => name);
  if (is !== "generic" || names.includes("GENERIC")) return is;
  return names.some((name) => CLASSES[name] === "payment") ? "payment" : is;
}

function holds(stages: readonly FlowStage[], wanted: Stage): boolean {
  return stages.some(({ name, inner }) => name === wanted || holds(inner ?? [], wanted));
}
