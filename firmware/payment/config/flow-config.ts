// How a flow is configured: its stages in their order, and which services take part in each. Data, checked before
// any flow starts.

import {
  field,
  flag,
  list,
  map,
  named,
  type Of,
  oneOf,
  optional,
  type Type,
  text,
  uint,
} from "../../protocol/schema.ts";
import { lazy } from "../../protocol/schema-open.ts";
import type { Stage } from "../model/stages.ts";
import { identifier, stageName } from "../model/transaction.ts";
import type { RequestClass } from "./flow-types.ts";

export const EXECUTION_TYPES = {
  NONE: 0, // calls nobody
  SINGLE: 1, // the one service that is listed
  SINGLE_SELECT: 2, // one of those listed, chosen by policy
  MULTIPLE: 3, // all of them, in order
  DYNAMIC_SELECT: 4, // any that is eligible, chosen by policy; only where settings allow it
} as const;
export type ExecutionType = keyof typeof EXECUTION_TYPES;

/** When a listed service is eligible. */
const CONDITIONS = { outcomePartiallyFulfilled: 1 } as const;

export const flowApp = named(
  "flow-app",
  map({
    /** Of the service. */
    id: field(1, text(32)),
    /** The flow is refused where it is missing. */
    mandatory: optional(2, flag),
    conditionalOn: optional(3, named("condition", oneOf(CONDITIONS))),
    /** Asked before the flow is cancelled while it works. */
    delegateCancellationsTo: optional(4, flag),
  }),
);
export type FlowApp = Readonly<Of<typeof flowApp>>;

export interface FlowStage {
  readonly name: Of<typeof stageName>;
  readonly execution: ExecutionType;
  readonly apps: readonly FlowApp[];
  /** Of SPLIT and FULFILLED_CHECK. */
  readonly inner?: readonly FlowStage[] | undefined;
}

const STAGES_MAX = 12;

const flowStage: Type<FlowStage> = named(
  "flow-stage",
  map({
    name: field(1, stageName),
    execution: field(2, named("execution", oneOf(EXECUTION_TYPES))),
    apps: field(3, list(flowApp, 16)),
    inner: optional(
      4,
      lazy("[* flow-stage]", 2048, () => list(flowStage, STAGES_MAX)),
    ),
  }),
) as Type<FlowStage>;

export const flowConfig = named(
  "flow-config",
  map({
    /** Unique. */
    name: field(1, identifier),
    type: field(2, identifier),
    version: field(3, uint(1_000_000)),
    description: optional(4, text(96)),
    /** Only this initiator may start it. */
    restrictedToApp: optional(5, identifier),
    /** Generic flows only. */
    processInBackground: optional(6, flag),
    /** The payment application is called for a total of zero too. */
    allowZeroAmounts: optional(7, flag),
    /** Made by the engine for a custom request type of a service. */
    generatedFromCustomType: optional(8, flag),
    stages: field(9, list(flowStage, STAGES_MAX)),
    /** Of the interface of services (api-version.ts); this one's where it is not given. */
    apiMajor: optional(10, uint(999_999)),
  }),
);
export type FlowConfig = Readonly<Of<typeof flowConfig>>;

export const FLOWS_MAX = 32;

/** All stages, inner ones after the stage that holds them. */
export function stagesOf(config: FlowConfig): readonly FlowStage[] {
  const flat = (stages: readonly FlowStage[]): FlowStage[] =>
    stages.flatMap((stage) => [stage, ...flat(stage.inner ?? [])]);
  return flat(config.stages);
}

export function stageOf(config: FlowConfig, name: Stage): FlowStage | undefined {
  return stagesOf(config).find((stage) => stage.name === name);
}

export function hasStage(config: FlowConfig, name: Stage): boolean {
  return stageOf(config, name) !== undefined;
}

/** Empty where the flow has no such stage. */
export function appsFor(config: FlowConfig, name: Stage): readonly FlowApp[] {
  return stageOf(config, name)?.apps ?? [];
}

/** A flow that processes transactions is a payment, whatever its type is called. */
export function requestClass(config: FlowConfig): RequestClass {
  if (hasStage(config, "TRANSACTION_PROCESSING")) return "payment";
  return hasStage(config, "STATUS_UPDATE") ? "status" : "generic";
}

/** May he start it? */
export function isOpenTo(config: FlowConfig, initiator: string): boolean {
  return config.restrictedToApp === undefined || config.restrictedToApp === initiator;
}
