// What an author says of a service, and the whole info that the engine is told: what is left out has a default.

import { FLOW_API_VERSION } from "../config/api-version.ts";
import type { ServiceInfo } from "../model/service-info.ts";
import type { Stage } from "../model/stages.ts";
import { dataFrom, type PlainData } from "./plain-data.ts";

export interface InfoParts {
  /** Unique at a device, at most 32 bytes. */
  readonly id: string;
  readonly vendor: string;
  readonly displayName: string;
  /** The id where it is left out. */
  readonly packageName?: string;
  /** 1.0.0 where it is left out. */
  readonly serviceVersion?: string;
  readonly accessible?: boolean;
  /** None: it is called in flows of any type. */
  readonly flowTypes?: readonly string[];
  /** Each becomes a flow of its own, in which GENERIC is called. */
  readonly customRequestTypes?: readonly string[];
  /** Keys of additional data that it knows. */
  readonly dataKeys?: readonly string[];
  /** Needed to add amounts or baskets, and to share out amounts. */
  readonly canAdjustAmounts?: boolean;
  /** Needed to pay and to give discounts; then `paymentMethods` says how. */
  readonly canPayAmounts?: boolean;
  readonly paymentMethods?: readonly string[];
  /** The first of `currencies` where it is left out. */
  readonly defaultCurrency?: string;
  /** None: any. */
  readonly currencies?: readonly string[];
  readonly additionalInfo?: PlainData;
}

/** The two fields that the engine fills are the stages it finds and the flows it has. */
export function wholeInfo(parts: InfoParts, stages: readonly Stage[]): ServiceInfo {
  const { currencies = [], defaultCurrency = currencies[0] } = parts;
  return {
    id: parts.id,
    packageName: parts.packageName ?? parts.id,
    vendor: parts.vendor,
    displayName: parts.displayName,
    serviceVersion: parts.serviceVersion ?? "1.0.0",
    apiVersion: FLOW_API_VERSION,
    accessible: parts.accessible ?? false,
    // Copies, which may be frozen.
    flowTypes: [...(parts.flowTypes ?? [])],
    customRequestTypes: [...(parts.customRequestTypes ?? [])],
    dataKeys: [...(parts.dataKeys ?? [])],
    canAdjustAmounts: parts.canAdjustAmounts ?? false,
    canPayAmounts: parts.canPayAmounts ?? false,
    paymentMethods: [...(parts.paymentMethods ?? [])],
    ...(defaultCurrency !== undefined && { defaultCurrency }),
    currencies: [...currencies],
    additionalInfo: dataFrom(parts.additionalInfo ?? {}),
    stages,
  };
}
