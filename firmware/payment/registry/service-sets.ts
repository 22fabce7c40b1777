// Questions about services and what they list. Lists are compared without regard to case; an empty list supports
// nothing by itself: "empty means any" is said by whoever asks.

import { type FlowConfig, stagesOf } from "../config/flow-config.ts";
import type { FlowSettings } from "../config/settings.ts";
import type { ServiceInfo } from "../model/service-info.ts";

export function supports(listed: readonly string[], value: string): boolean {
  const wanted = value.toLowerCase();
  return listed.some((item) => item.toLowerCase() === wanted);
}

export function supportsOrAny(listed: readonly string[], value: string): boolean {
  return listed.length === 0 || supports(listed, value);
}

export interface ServiceSets {
  readonly paymentMethods: readonly string[];
  readonly currencies: readonly string[];
  readonly customRequestTypes: readonly string[];
  readonly dataKeys: readonly string[];
}

/** What the services list together, each value once, in the order of its first mention. */
export function unionsOf(infos: readonly ServiceInfo[]): ServiceSets {
  const union = (of: (info: ServiceInfo) => readonly string[]): string[] => [
    ...new Set(infos.flatMap(of)),
  ];
  return {
    paymentMethods: union((info) => info.paymentMethods),
    currencies: union((info) => info.currencies),
    customRequestTypes: union((info) => info.customRequestTypes),
    dataKeys: union((info) => info.dataKeys),
  };
}

/**
 * The services that stages of the flow name, without stages that call nobody; all services for a flow that is not
 * known, and for one that names none.
 */
export function servicesForFlow(
  flow: FlowConfig | undefined,
  infos: readonly ServiceInfo[],
): readonly ServiceInfo[] {
  const stages = flow === undefined ? [] : stagesOf(flow);
  const ids = new Set(
    stages
      .filter(({ execution }) => execution !== "NONE")
      .flatMap(({ apps }) => apps.map(({ id }) => id)),
  );
  const listed = infos.filter(({ id }) => ids.has(id));
  return listed.length === 0 ? infos : listed;
}

/** All that whoever starts flows may want to know beforehand. */
export interface PaymentSettings extends ServiceSets {
  readonly flows: readonly FlowConfig[];
  readonly services: readonly ServiceInfo[];
  readonly settings: FlowSettings;
}

export function paymentSettings(
  flows: readonly FlowConfig[],
  services: readonly ServiceInfo[],
  settings: FlowSettings,
): PaymentSettings {
  return { flows, services, settings, ...unionsOf(services) };
}

/** What it prices in: its default currency, else the first that it lists; undefined where it takes any. */
export function currencyOf(info: ServiceInfo): string | undefined {
  return info.defaultCurrency ?? info.currencies[0];
}
