// The flows of custom request types: one for each type that a service lists, there as long as a service lists it.

import type { Candidate } from "../registry/selection.ts";
import { FLOW_API_MAJOR } from "./api-version.ts";
import { FLOWS_MAX, type FlowConfig } from "./flow-config.ts";

/**
 * Types that the configured flows know already, by name or type, are left to them; beyond so many flows in all, later
 * types have none. Several services of one type are told apart by the target of the request.
 */
export function customFlows(
  candidates: readonly Candidate[],
  configured: readonly FlowConfig[],
): readonly FlowConfig[] {
  const taken = new Set(configured.flatMap(({ name, type }) => [name, type]));
  const services = new Map<string, string[]>();
  for (const { id, info } of candidates) {
    for (const type of info?.customRequestTypes ?? []) {
      if (taken.has(type)) continue;
      const ids = services.get(type) ?? [];
      if (!ids.includes(id)) services.set(type, [...ids, id]);
    }
  }
  return [...services]
    .slice(0, Math.max(0, FLOWS_MAX - configured.length))
    .map(([type, ids]) => customFlow(type, ids));
}

function customFlow(type: string, ids: readonly string[]): FlowConfig {
  return {
    name: type,
    type,
    version: 1,
    description: "custom type of a service",
    generatedFromCustomType: true,
    apiMajor: FLOW_API_MAJOR,
    stages: [{ name: "GENERIC", execution: "SINGLE_SELECT", apps: ids.map((id) => ({ id })) }],
  };
}
