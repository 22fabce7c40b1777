// Which services may have been asked to pay in a flow, beside the payment application.

import { PAYMENT_APPLICATION } from "../application/application-info.ts";
import { type FlowConfig, stagesOf } from "../config/flow-config.ts";
import type { Stage } from "../model/stages.ts";
import type { RegisteredService } from "../registry/registry.ts";

const PAYING: ReadonlySet<Stage> = new Set([
  "SPLIT",
  "PRE_TRANSACTION",
  "POST_CARD_READING",
  "TRANSACTION_PROCESSING",
]);

/** Whether one of these flows calls it where it may pay. */
export function isCalledIn(flows: readonly FlowConfig[], id: string): boolean {
  const stages = flows.flatMap((flow) => stagesOf(flow)).filter(({ name }) => PAYING.has(name));
  return stages.some(({ execution, apps }) => {
    return execution === "DYNAMIC_SELECT" || apps.some((app) => app.id === id);
  });
}

/** One that has not said yet what it is may be one that pays; one whose grant forbids it never is. */
export function servicesThatPay(services: readonly RegisteredService[]): readonly string[] {
  return services
    .filter(({ id }) => id !== PAYMENT_APPLICATION)
    .filter(({ info, rights }) => info?.canPayAmounts !== false && rights?.pay !== false)
    .map(({ id }) => id);
}
