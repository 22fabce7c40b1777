// What the operator is told of flows and services: plain data for people and programs, without anything of a card.

import type { FlowOverlay } from "./config/flow-changes.ts";
import type { FlowConfig, FlowStage } from "./config/flow-config.ts";
import { withoutCards } from "./engine/card-guard.ts";
import type { ActiveFlow } from "./engine/engine.ts";
import type { Amounts } from "./model/amounts.ts";
import type { AuditEntry } from "./model/audit-entry.ts";
import type { PaymentResponse } from "./model/payment.ts";
import { paymentResponse } from "./model/payment.ts";
import { type Response, response } from "./model/request.ts";
import type { TransactionResponse } from "./model/transaction.ts";
import type { Row } from "./record/history.ts";
import type { ListedService } from "./registry/registry.ts";
import type { ListedRemote } from "./remote/remote-services.ts";
import {
  FLAGS,
  FLOW_ERRORS,
  REJECTIONS,
  SERVICE_ERRORS,
  type ServiceError,
} from "./rules/rejection.ts";

export type Told = Readonly<Record<string, unknown>>;

export type ServicePlace = "in the device" | "elsewhere";

export interface FlowsFacts {
  flows: readonly FlowConfig[];
  services: readonly ListedService[];
  remotes: readonly ListedRemote[];
  overlay: FlowOverlay;
  /** Services that the device file lists, and where they run. */
  inFile: ReadonlyMap<string, ServicePlace>;
  /** The device file lists flows. */
  hasOwnFlows: boolean;
}

export function flowsTold(facts: FlowsFacts): Told {
  const { flows, services, remotes, overlay, inFile, hasOwnFlows } = facts;
  const own = hasOwnFlows ? "file" : "device";
  return {
    flows: flows.map((flow) => flowTold(flow, overlay, own)),
    services: services.map((service) => serviceTold(service, remotes, overlay, inFile)),
  };
}

function flowTold(
  { name, type, version, stages, ...rest }: FlowConfig,
  o: FlowOverlay,
  own: string,
): Told {
  const made = rest.generatedFromCustomType === true ? "custom type" : own;
  return {
    name,
    type,
    version,
    origin: o.flows.has(name) ? "changed" : made,
    ...(rest.restrictedToApp !== undefined && { restrictedToApp: rest.restrictedToApp }),
    stages: stages.map(stageTold),
  };
}

function stageTold({ name, execution, apps, inner }: FlowStage): Told {
  return {
    name,
    execution,
    apps: apps.map(({ id, mandatory, conditionalOn }) =>
      mandatory === true || conditionalOn !== undefined
        ? { id, ...(mandatory && { mandatory }), ...(conditionalOn && { conditionalOn }) }
        : id,
    ),
    ...(inner !== undefined && { inner: inner.map(stageTold) }),
  };
}

function serviceTold(
  { id, state, info, refusal, isRemote }: ListedService,
  remotes: readonly ListedRemote[],
  { attached }: FlowOverlay,
  inFile: FlowsFacts["inFile"],
): Told {
  const remote = remotes.find(({ grant }) => grant.id === id);
  const own = inFile.has(id) ? "file" : "device";
  return {
    id,
    state,
    origin: attached.has(id) ? "attached" : own,
    where: isRemote || remote !== undefined ? "elsewhere" : (inFile.get(id) ?? "in the device"),
    ...(info && {
      name: info.displayName,
      vendor: info.vendor,
      version: info.serviceVersion,
      pays: info.canPayAmounts,
      adjusts: info.canAdjustAmounts,
      methods: info.paymentMethods,
      types: [...info.flowTypes, ...info.customRequestTypes],
      stages: info.stages,
      takesPart: info.flowStages ?? [],
    }),
    ...(refusal && {
      refusal: refusal.error,
      code: SERVICE_ERRORS[refusal.error as ServiceError],
      reason: refusal.message,
      ...(refusal.handled !== undefined && { handled: refusal.handled }),
    }),
    ...(remote && {
      connected: remote.isConnected,
      dropped: remote.dropped,
      grantExpiresS: remote.grant.expiresS,
      ...(remote.forbidden && { forbidden: remote.forbidden.message }),
    }),
  };
}

export function activeTold(flows: readonly ActiveFlow[]): Told {
  return { flows: flows.map((flow) => ({ ...flow })) };
}

/** One line of the history. */
export function rowTold(row: Row, ended: PaymentResponse | Response | undefined): Told {
  const { id, owner, kind, flow, type, endedMs } = row;
  return { id, initiator: owner, kind, flow, type, endedMs, ...(ended && outcomeTold(ended)) };
}

function outcomeTold(ended: PaymentResponse | Response): Told {
  if ("success" in ended) {
    const { success, outcomeMessage, service } = ended;
    const outcome = success ? "success" : "failed";
    return { outcome, message: outcomeMessage, ...(service && { service }) };
  }
  const { outcome, failureReason, failureMessage, requested, processed } = ended;
  return {
    outcome,
    ...(failureReason !== "none" && { reason: failureReason }),
    ...(failureMessage !== undefined && { message: failureMessage }),
    currency: requested.currency,
    requestedMinor: sumOf(requested),
    processedMinor: sumOf(processed),
  };
}

function sumOf({ base, additional }: Amounts): number {
  return Object.values(additional).reduce((sum, minor) => sum + minor, base);
}

/** All of an ended flow. What stands for a card is left out: whoever paid is nobody's business here. */
export function endedTold(ended: PaymentResponse | Response): Told {
  if ("success" in ended) {
    return { ...outcomeTold(ended), response: response.toJson(withoutCards(ended)) };
  }
  const responses = ended.transactions.flatMap((transaction) =>
    transaction.responses.map((one) => transactionTold(transaction.id, one)),
  );
  return {
    ...outcomeTold(ended),
    transactions: responses,
    response: paymentResponse.toJson(withoutCards(ended)),
  };
}

function transactionTold(transaction: string, one: TransactionResponse): Told {
  const { outcome, paymentMethod, service, amounts, outcomeMessage, responseCode } = one;
  return {
    transaction,
    outcome,
    ...(service !== undefined && { service }),
    method: paymentMethod,
    ...(amounts && { amountMinor: sumOf(amounts), currency: amounts.currency }),
    ...(outcomeMessage !== undefined && { message: outcomeMessage }),
    ...(responseCode !== undefined && { responseCode }),
  };
}

const CODES: ReadonlyMap<number, string> = new Map(
  Object.entries({ ...REJECTIONS, ...FLAGS, ...SERVICE_ERRORS, ...FLOW_ERRORS }).map(
    ([name, number]) => [number, name],
  ),
);

export function auditTold(flow: string, entries: readonly AuditEntry[]): Told {
  return {
    flow,
    entries: entries.map((entry) => {
      const name = entry.code === undefined ? undefined : CODES.get(entry.code);
      return { ...entry, ...(name !== undefined && { codeName: name }) };
    }),
  };
}
