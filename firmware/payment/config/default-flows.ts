// The flows of a device that has none configured: one for each type that it can serve, with its payment application,
// and with every other service where it implements a stage.

import type { ServiceInfo } from "../model/service-info.ts";
import type { Stage } from "../model/stages.ts";
import { supports } from "../registry/service-sets.ts";
import { FLOW_API_MAJOR } from "./api-version.ts";
import type { ExecutionType, FlowApp, FlowConfig, FlowStage } from "./flow-config.ts";
import { FLOW_TYPES, type KnownFlowType } from "./flow-types.ts";

const DEFAULT_TYPES = [
  "sale",
  "refund",
  "motoSale",
  "motoRefund",
  "preAuthorisation",
  "preAuthCompletion",
  "deposit",
  "reversal",
  "tokenisation",
  "batchClosure",
  "receiptDelivery",
  "basketStatusUpdate",
  "customerStatusUpdate",
] as const satisfies readonly KnownFlowType[];

/** They finish what another flow began: what was added or paid there must not be added or paid again unasked. */
const FINISHING: readonly string[] = ["refund", "motoRefund", "preAuthCompletion"];
const AFTERWARDS: readonly Stage[] = ["POST_TRANSACTION", "POST_FLOW"];

/** Of stages that call several services; the others choose one. */
const CALLING_ALL: readonly Stage[] = [
  "PRE_FLOW",
  "PRE_TRANSACTION",
  "POST_CARD_READING",
  "POST_TRANSACTION",
  "POST_FLOW",
  "POST_GENERIC",
  "STATUS_UPDATE",
];

/**
 * A flow list that is configured stands alone: nothing is merged into it, so there is one place to look at. Without
 * one, the flows follow the services: those that list flow types take part in flows of these types, those that list
 * none in all, but in flows that finish another one only after the outcome. The payment application comes first
 * (for receipts last), the others go by id.
 */
export function flowsOfDevice(
  configured: readonly FlowConfig[] | undefined,
  application: string,
  services: readonly ServiceInfo[],
): readonly FlowConfig[] {
  return configured ?? defaultFlows(application, services);
}

/** What was paid must find its way back, and what is held its end: a device that lacks such flows has the usual ones. */
const NEEDED = [
  "refund",
  "reversal",
  "preAuthCompletion",
] as const satisfies readonly KnownFlowType[];

export function withNeededFlows(
  flows: readonly FlowConfig[],
  application: string,
): readonly FlowConfig[] {
  const lacking = NEEDED.filter((type) => {
    return !flows.some((flow) => flow.type === type || flow.name === type);
  });
  return lacking.length === 0
    ? flows
    : [...flows, ...lacking.map((type) => defaultFlow(type, application, []))];
}

export function defaultFlows(
  application: string,
  services: readonly ServiceInfo[] = [],
): readonly FlowConfig[] {
  const others = services
    .filter(({ id }) => id !== application)
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  return DEFAULT_TYPES.map((type) => defaultFlow(type, application, others));
}

function defaultFlow(
  type: KnownFlowType,
  application: string,
  others: readonly ServiceInfo[],
): FlowConfig {
  const stage = (name: Stage): FlowStage => {
    const apps = appsOf(type, name, application, others);
    return { name, execution: executionOf(name, apps), apps };
  };
  const stages = FLOW_TYPES[type].stages;
  return {
    name: type,
    type,
    version: 1,
    apiMajor: FLOW_API_MAJOR,
    ...(type === "reversal" ? { processInBackground: true } : {}),
    stages: stages.some((name) => name === "SPLIT") ? wholePayment(stage) : stages.map(stage),
  };
}

function wholePayment(stage: (name: Stage) => FlowStage): readonly FlowStage[] {
  const check = { ...stage("FULFILLED_CHECK"), inner: [stage("TRANSACTION_PROCESSING")] };
  const transaction = [
    stage("PRE_TRANSACTION"),
    stage("PAYMENT_CARD_READING"),
    stage("POST_CARD_READING"),
    check,
    stage("POST_TRANSACTION"),
  ];
  return [stage("PRE_FLOW"), { ...stage("SPLIT"), inner: transaction }, stage("POST_FLOW")];
}

const OF_APPLICATION: readonly Stage[] = [
  "PAYMENT_CARD_READING",
  "TRANSACTION_PROCESSING",
  "GENERIC",
];

function appsOf(
  type: KnownFlowType,
  stage: Stage,
  application: string,
  others: readonly ServiceInfo[],
): readonly FlowApp[] {
  if (stage === "FULFILLED_CHECK") return [];
  const taking = others.filter(
    (info) => info.stages.includes(stage) && takesPart(info, type, stage),
  );
  const ids = taking.map(({ id }) => id);
  const own = OF_APPLICATION.includes(stage) ? [application] : [];
  // Receipts are first of all the matter of a service that is there for them.
  const listed = type === "receiptDelivery" ? [...ids, ...own] : [...own, ...ids];
  return listed.map((id) => ({ id }));
}

function takesPart(info: ServiceInfo, type: KnownFlowType, stage: Stage): boolean {
  if (info.flowTypes.length > 0) return supports(info.flowTypes, type);
  // A service of custom types answers these, and no request of others.
  if (stage === "GENERIC") return info.customRequestTypes.length === 0;
  return !FINISHING.includes(type) || AFTERWARDS.includes(stage);
}

function executionOf(stage: Stage, apps: readonly FlowApp[]): ExecutionType {
  if (apps.length === 0) return "NONE";
  if (CALLING_ALL.includes(stage)) return "MULTIPLE";
  return apps.length === 1 ? "SINGLE" : "SINGLE_SELECT";
}
