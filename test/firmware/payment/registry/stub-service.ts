// Flow services as data for tests of the registry and of selection: they say what they are, and are never called.

import type { FlowService } from "../../../../firmware/payment/engine/service.ts";
import type { ServiceInfo } from "../../../../firmware/payment/model/service-info.ts";
import type { Stage } from "../../../../firmware/payment/model/stages.ts";
import type { Candidate } from "../../../../firmware/payment/registry/selection.ts";
import type { ServiceError } from "../../../../firmware/payment/rules/rejection.ts";

/** What a service of that name says of itself, when nothing is wrong with it. */
export function infoOf(id: string, more: Partial<ServiceInfo> = {}): ServiceInfo {
  return {
    id,
    packageName: `org.example.${id}`,
    vendor: "Example",
    displayName: `Service ${id}`,
    serviceVersion: "1.2.3",
    apiVersion: "1.0.0",
    accessible: false,
    flowTypes: [],
    customRequestTypes: [],
    dataKeys: [],
    canAdjustAmounts: false,
    canPayAmounts: false,
    paymentMethods: [],
    currencies: [],
    additionalInfo: {},
    stages: [],
    ...more,
  };
}

export function candidate(
  id: string,
  stages: readonly Stage[],
  more: Partial<ServiceInfo> = {},
): Candidate {
  return { id, info: infoOf(id, { stages, ...more }) };
}

export interface StubService extends FlowService {
  /** What it was told, in order. */
  readonly refusals: [ServiceError, string][];
  /** How often it was asked. */
  asked(): number;
  /** Says that it has changed. */
  notify(): void;
  /** What it says when it is asked next. */
  says(info: () => unknown): void;
}

export function stubService(
  id: string,
  stages: readonly Stage[],
  more: Partial<FlowService> & { says?: () => unknown } = {},
): StubService {
  let notice: () => void = () => {};
  let asked = 0;
  let { says = () => infoOf(id, { stages }) } = more;
  const refusals: [ServiceError, string][] = [];
  return {
    id,
    stages,
    info: () => {
      asked++;
      return says() as Promise<unknown>;
    },
    refused: (error, message) => {
      refusals.push([error, message]);
      return true;
    },
    onInfoChanged: (listener) => {
      notice = listener;
    },
    call: () => ({ tell: () => {} }),
    ...Object.fromEntries(Object.entries(more).filter(([name]) => name !== "says")),
    refusals,
    asked: () => asked,
    notify: () => notice(),
    says: (info) => {
      says = info;
    },
  };
}

export const NEVER = () => new Promise(() => {});
/** Resolves when the test says so. */
export function later(): { says: () => Promise<unknown>; resolve: (info: unknown) => void } {
  let resolve: (info: unknown) => void = () => {};
  const promise = new Promise((done) => {
    resolve = done;
  });
  return { says: () => promise, resolve };
}
export function points(more: Parameters<typeof stubService>[2] = {}): StubService {
  return stubService("points", ["PRE_TRANSACTION", "GENERIC"], more);
}
