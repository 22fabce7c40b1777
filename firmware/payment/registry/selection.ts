// Which flow a request starts, and which services a stage calls. Nobody is there to be asked, so every choice is by
// rule, the same for the same facts; where no rule decides, the answer is `ambiguous` and the flow is refused.
//
// A flow, in this order: the one that is named; else those of the type that the initiator may start; of several,
// those in which a service can pay by the wanted method; of several, those that are made for this initiator alone.
// A service, in a stage that calls one: the only one that fits; else the one that began with the payer's card; else
// the one that this payer used last; else the first in the order of the configuration, which is the operator's
// preference. Where nobody has put them in order (DYNAMIC_SELECT, and flows made for custom types) it is ambiguous.

import { FLOW_API_MAJOR, majorOf } from "../config/api-version.ts";
import {
  type FlowApp,
  type FlowConfig,
  type FlowStage,
  isOpenTo,
  stagesOf,
} from "../config/flow-config.ts";
import type { FlowSettings } from "../config/settings.ts";
import type { ServiceRights } from "../engine/service.ts";
import type { Token } from "../model/customer.ts";
import type { ServiceInfo } from "../model/service-info.ts";
import type { Stage } from "../model/stages.ts";
import type { FlowError } from "../rules/rejection.ts";
import { supports, supportsOrAny } from "./service-sets.ts";

/** What selection needs to know of a service; the registry's entries are such. */
export interface Candidate {
  readonly id: string;
  /** Absent while it is being asked, and when it was refused. */
  readonly info?: ServiceInfo;
  readonly rights?: ServiceRights;
}

export interface SelectionContext {
  readonly settings: FlowSettings;
  /** Of a payment. */
  readonly currency?: string;
  readonly paymentMethod?: string;
  readonly cardToken?: Token;
  /** Of a generic request: only this service is asked. */
  readonly target?: string;
  /** Something, but not all, of what was asked for is paid. */
  readonly partlyFulfilled?: boolean;
  /** Called in this stage before: not called again. */
  readonly tried?: readonly string[];
  /** The service that read the card of this transaction. */
  readonly kept?: string;
  /** What this payer was served by before, the latest first. */
  readonly lastUsed?: readonly string[];
}

/** Why a service is not called: the words of the audit log. */
export const FILTER_REASONS = {
  unknown: "no such service",
  "no-info": "it was refused, or has not said yet what it is",
  "api-version": "it is made for another version",
  stage: "it does not implement the stage",
  rights: "its grant does not cover the stage",
  "flow-type": "it does not list the flow type",
  currency: "it does not take the currency",
  "payment-method": "it does not pay by the wanted method",
  "card-token": "the card token belongs to another service",
  condition: "its condition is not met",
  "not-target": "the request is for another service",
  "not-listed": "the flow does not list it",
  tried: "it was called before",
  "not-chosen": "another one was chosen",
} as const;
export type FilterReason = keyof typeof FILTER_REASONS;

export interface Selection {
  /** To be called, in this order. */
  readonly chosen: readonly FlowApp[];
  /** All that could be called; where one is chosen, it is among them. */
  readonly matching: readonly FlowApp[];
  readonly filtered: readonly { readonly id: string; readonly reason: FilterReason }[];
  /** Several match, and no rule says which: the flow is refused. */
  readonly ambiguous: boolean;
}

/** Whom a stage of a flow calls. Pure. */
export function selectServices(
  flow: FlowConfig,
  stage: FlowStage,
  candidates: readonly Candidate[],
  context: SelectionContext,
): Selection {
  const byId = new Map(candidates.map((candidate) => [candidate.id, candidate]));
  const matching: FlowApp[] = [];
  const filtered: { id: string; reason: FilterReason }[] = [];
  for (const { app, isListed } of listedFor(flow, stage, candidates, context)) {
    const reason = reasonAgainst(flow, stage, app, isListed, byId.get(app.id), context);
    if (reason === undefined) matching.push(app);
    else filtered.push({ id: app.id, reason });
  }
  if (stage.execution === "MULTIPLE")
    return { chosen: matching, matching, filtered, ambiguous: false };
  const one = choose(flow, stage, matching, context);
  for (const { id } of matching) {
    if (one !== undefined && id !== one.id) filtered.push({ id, reason: "not-chosen" });
  }
  const ambiguous = one === undefined && matching.length > 1;
  return { chosen: one === undefined ? [] : [one], matching, filtered, ambiguous };
}

interface Listed {
  app: FlowApp;
  isListed: boolean;
}

/** Those that the stage lists; those there are, where it takes any; and the target of a request for one. */
function listedFor(
  flow: FlowConfig,
  stage: FlowStage,
  candidates: readonly Candidate[],
  context: SelectionContext,
): readonly Listed[] {
  if (stage.execution === "NONE" && !isGivingBack(flow, stage)) return [];
  const apps =
    stage.execution === "DYNAMIC_SELECT" && context.settings.alwaysAllowDynamicSelect
      ? candidates.map(({ id }) => ({ id }))
      : stage.apps;
  const listed = apps.map((app) => ({ app, isListed: true }));
  const { target } = context;
  if (stage.name !== "GENERIC" || target === undefined) return listed;
  if (apps.some(({ id }) => id === target)) return listed;
  return [...listed, { app: { id: target }, isListed: false }];
}

/** What was paid must always find its way back to the service that took it, whatever the flow lists. */
function isGivingBack(flow: FlowConfig, stage: FlowStage): boolean {
  return flow.type === "reversal" && stage.name === "GENERIC";
}

function reasonAgainst(
  flow: FlowConfig,
  stage: FlowStage,
  app: FlowApp,
  isListed: boolean,
  candidate: Candidate | undefined,
  context: SelectionContext,
): FilterReason | undefined {
  if (context.target !== undefined && stage.name === "GENERIC" && app.id !== context.target) {
    return "not-target";
  }
  if (candidate === undefined) return "unknown";
  const { info, rights } = candidate;
  if (info === undefined) return "no-info";
  const owesBack = isGivingBack(flow, stage) && app.id === context.target && info.canPayAmounts;
  if (!isListed && !owesBack) return "not-listed";
  if (majorOf(info.apiVersion) !== FLOW_API_MAJOR) return "api-version";
  if (!info.stages.includes(stage.name)) return "stage";
  if (rights !== undefined && !rights.stages.includes(stage.name)) return "rights";
  if (!owesBack && !takesType(flow, info, context.settings)) return "flow-type";
  if (context.currency !== undefined && !supportsOrAny(info.currencies, context.currency)) {
    return "currency";
  }
  if (context.tried?.includes(app.id)) return "tried";
  if (app.conditionalOn !== undefined && context.partlyFulfilled !== true) return "condition";
  return isPaying(stage) ? reasonAgainstPaying(info, context) : undefined;
}

/** A custom type counts like a flow type. A service that lists neither is called for all. */
function takesType(flow: FlowConfig, info: ServiceInfo, settings: FlowSettings): boolean {
  if (!settings.filterServicesByFlowType) return true;
  return supportsOrAny(info.flowTypes, flow.type) || supports(info.customRequestTypes, flow.type);
}

function isPaying({ name }: FlowStage): boolean {
  return name === "TRANSACTION_PROCESSING" || name === "PAYMENT_CARD_READING";
}

function reasonAgainstPaying(
  info: ServiceInfo,
  { paymentMethod, cardToken }: SelectionContext,
): FilterReason | undefined {
  if (paymentMethod !== undefined && !supports(info.paymentMethods, paymentMethod)) {
    return "payment-method";
  }
  const owner = cardToken?.sourceService;
  return owner === undefined || owner === info.id ? undefined : "card-token";
}

function choose(
  flow: FlowConfig,
  stage: FlowStage,
  matching: readonly FlowApp[],
  context: SelectionContext,
): FlowApp | undefined {
  if (matching.length < 2) return matching[0];
  const byId = (id: string | undefined): FlowApp | undefined =>
    matching.find((app) => app.id === id);
  const kept = isPaying(stage) ? byId(context.kept) : undefined;
  if (kept !== undefined) return kept;
  const last = context.lastUsed?.find((id) => byId(id) !== undefined);
  if (last !== undefined) return byId(last);
  const isOrdered = stage.execution !== "DYNAMIC_SELECT" && flow.generatedFromCustomType !== true;
  return isOrdered ? matching[0] : undefined;
}

/** A service that a flow cannot do without is not there: its path in the flow, for the reason of the refusal. */
export function missingMandatory(
  flow: FlowConfig,
  candidates: readonly Candidate[],
): { readonly at: string; readonly id: string } | undefined {
  const ready = new Set(candidates.filter(({ info }) => info !== undefined).map(({ id }) => id));
  const search = (
    stages: readonly FlowStage[],
    at: string,
  ): { at: string; id: string } | undefined => {
    for (const [index, { apps, inner }] of stages.entries()) {
      const place = `${at}.${index}`;
      const app = apps.findIndex(({ id, mandatory }) => mandatory === true && !ready.has(id));
      if (app >= 0) return { at: `${place}.apps.${app}.id`, id: apps[app]?.id ?? "" };
      const within = search(inner ?? [], `${place}.inner`);
      if (within !== undefined) return within;
    }
    return undefined;
  };
  return search(flow.stages, `${flow.name}.stages`);
}

export interface Wanted {
  readonly type: string;
  readonly flowName?: string | undefined;
  readonly paymentMethod?: string | undefined;
  readonly cardToken?: Token | undefined;
  readonly currency?: string | undefined;
  readonly target?: string | undefined;
}

export type Resolved =
  | { readonly ok: true; readonly flow: FlowConfig }
  | { readonly ok: false; readonly error: FlowError; readonly message: string };

/** Which flow a request starts. Pure; the reason of a refusal is for the initiator. */
export function resolveFlow(
  wanted: Wanted,
  initiator: string,
  flows: readonly FlowConfig[],
  candidates: readonly Candidate[],
  settings: FlowSettings,
): Resolved {
  const { type, flowName } = wanted;
  if (flowName !== undefined) {
    const flow = flows.find(({ name }) => name === flowName);
    // A flow for others is not there for him.
    if (flow === undefined || !isOpenTo(flow, initiator)) {
      return refused("invalidFlowIdentifier", `no flow is called ${flowName}`);
    }
    return flow.type === type
      ? { ok: true, flow }
      : refused("invalidFlowIdentifier", `flow ${flowName} is of type ${flow.type}, not ${type}`);
  }
  const ofType = flows.filter((flow) => flow.type === type);
  if (ofType.length === 0) return refused("invalidFlowIdentifier", `no flow is of type ${type}`);
  const open = ofType.filter((flow) => isOpenTo(flow, initiator));
  if (open.length === 0) {
    return refused("noAvailableFlows", `flows of type ${type} are for others than ${initiator}`);
  }
  return narrow(open, wanted, candidates, settings);
}

function narrow(
  open: readonly FlowConfig[],
  wanted: Wanted,
  candidates: readonly Candidate[],
  settings: FlowSettings,
): Resolved {
  const able = open.filter((flow) => canPayIn(flow, wanted, candidates, settings));
  const left = able.length > 0 ? able : open;
  const own = left.filter((flow) => flow.restrictedToApp !== undefined);
  const [only, second] = own.length > 0 ? own : left;
  if (only !== undefined && second === undefined) return { ok: true, flow: only };
  const names = left.map(({ name }) => name).join(", ");
  return refused("ambiguous", `several flows are of type ${wanted.type}: name one of ${names}`);
}

/** The stages in which amounts are paid. */
const PAYING: readonly Stage[] = [
  "SPLIT",
  "PRE_TRANSACTION",
  "POST_CARD_READING",
  "TRANSACTION_PROCESSING",
];

function canPayIn(
  flow: FlowConfig,
  { paymentMethod, cardToken, currency }: Wanted,
  candidates: readonly Candidate[],
  settings: FlowSettings,
): boolean {
  if (paymentMethod === undefined) return false;
  const context: SelectionContext = {
    settings,
    paymentMethod,
    ...(currency === undefined ? {} : { currency }),
    ...(cardToken === undefined ? {} : { cardToken }),
  };
  return stagesOf(flow)
    .filter(({ name }) => PAYING.includes(name))
    .flatMap((stage) => selectServices(flow, stage, candidates, context).matching)
    .some(({ id }) => {
      const info = candidates.find((candidate) => candidate.id === id)?.info;
      return info?.canPayAmounts === true && supports(info.paymentMethods, paymentMethod);
    });
}

function refused(error: FlowError, message: string): Resolved {
  return { ok: false, error, message };
}
