// What a service says of itself is believed only after this: shape, size, the fields that must say something, the
// stages that it really implements, and what its grant allows.

import { utf8 } from "../../bytes.ts";
import { readJson } from "../../protocol/schema.ts";
import { majorOf } from "../config/api-version.ts";
import { isCustomTypeName } from "../config/flow-types.ts";
import type { FlowService } from "../engine/service.ts";
import { deepFreeze } from "../model/freeze.ts";
import { type ServiceInfo, serviceInfo } from "../model/service-info.ts";
import { STAGES, type Stage } from "../model/stages.ts";
import { type Plain, plainCopy } from "../rules/plain-copy.ts";
import { SERVICE_ERRORS, type ServiceError } from "../rules/rejection.ts";
import { isServiceId, SERVICE_ID_RULE } from "./service-id.ts";

/** A service that knows why it takes no part says so in place of its info, such as one whose grant has expired. */
export interface InfoRefusal {
  readonly refused: ServiceError;
  readonly message: string;
}

export type CheckedInfo =
  | { readonly ok: true; readonly info: ServiceInfo }
  | { readonly ok: false; readonly error: ServiceError; readonly message: string };

/** Answers and grants name a payment method in so many. */
const METHOD_BYTES_MAX = 24;
/** Longer words of a service are cut. */
const MESSAGE_CHARACTERS_MAX = 160;

/** Never throws, whatever the service gave. The info is a frozen copy of ours. */
export function checkInfo(service: FlowService, reported: unknown): CheckedInfo {
  const stages = checkStages(service);
  if (typeof stages === "string") return refusal("invalidStageDefinitions", stages);
  const copied = plainCopy(reported, "info");
  if (!copied.ok) return refusal("invalidServiceInfo", copied.message);
  const own = refusalOf(copied.value);
  if (own !== undefined) return refusal(own.refused, own.message);
  // The engine's own fields are not read: a service may leave them out, or fill them as it likes.
  const filled = isObject(copied.value)
    ? { ...copied.value, stages, flowStages: undefined }
    : copied.value;
  const read = readJson(serviceInfo, filled, "info");
  if (!read.ok) return refusal("invalidServiceInfo", read.fault.message);
  const info: ServiceInfo = deepFreeze(read.value);
  const misstated = misstatement(service, info);
  if (misstated !== undefined) return refusal("invalidServiceInfo", misstated);
  if (info.customRequestTypes.length > 0 && !stages.includes("GENERIC")) {
    return refusal("invalidStageDefinitions", "info.customRequestTypes need the stage GENERIC");
  }
  const over = overreach(service, info);
  return over === undefined ? { ok: true, info } : refusal("overReaching", over);
}

/** The stages that a service implements, in their order, or what is wrong with them. */
function checkStages(service: FlowService): readonly Stage[] | string {
  const copied = plainCopy(service.stages, "stages");
  if (!copied.ok) return copied.message;
  const listed: readonly Plain[] = Array.isArray(copied.value) ? copied.value : [];
  if (listed.length === 0) return "stages: it implements none";
  for (const stage of listed) {
    if (typeof stage !== "string" || !Object.hasOwn(STAGES, stage)) {
      return `stages: ${cut(String(stage))} is none; there are ${Object.keys(STAGES).join(", ")}`;
    }
    if (stage === "FULFILLED_CHECK") return "stages: FULFILLED_CHECK is the engine's own";
  }
  if (new Set(listed).size !== listed.length) return "stages: one is listed twice";
  return (Object.keys(STAGES) as Stage[]).filter((stage) => listed.includes(stage));
}

function misstatement(service: FlowService, info: ServiceInfo): string | undefined {
  if (info.id !== service.id) return `info.id is ${cut(info.id)}, and the service is ${service.id}`;
  if (!isServiceId(info.id)) return `info.id ${SERVICE_ID_RULE}`;
  for (const name of ["vendor", "displayName", "serviceVersion"] as const) {
    if (info[name].trim() === "") return `info.${name} must not be empty`;
  }
  if (majorOf(info.apiVersion) === undefined)
    return "info.apiVersion must be a version, such as 1.0.0";
  if (info.canPayAmounts && info.paymentMethods.length === 0) {
    return "info.paymentMethods must not be empty where canPayAmounts is set";
  }
  if (info.stages.includes("TRANSACTION_PROCESSING") && !info.canPayAmounts) {
    return "info.canPayAmounts must be set by a service that processes transactions";
  }
  const long = info.paymentMethods.findIndex((name) => utf8(name).length > METHOD_BYTES_MAX);
  if (long >= 0) return `info.paymentMethods.${long} must be at most ${METHOD_BYTES_MAX} bytes`;
  const custom = info.customRequestTypes.findIndex((type) => !isCustomTypeName(type));
  if (custom >= 0) {
    return `info.customRequestTypes.${custom} must be a camelCase name of its own: not "payment", and no flow type of every device`;
  }
  return misstatedCurrency(info);
}

function misstatedCurrency(info: ServiceInfo): string | undefined {
  const isCode = (code: string): boolean => /^[A-Z]{3}$/.test(code);
  const wrong = info.currencies.findIndex((code) => !isCode(code));
  if (wrong >= 0) return `info.currencies.${wrong} must be three capital letters`;
  const main = info.defaultCurrency;
  if (main === undefined) return undefined;
  if (!isCode(main)) return "info.defaultCurrency must be three capital letters";
  return info.currencies.length > 0 && !info.currencies.includes(main)
    ? "info.defaultCurrency must be one of info.currencies"
    : undefined;
}

function overreach({ rights }: FlowService, info: ServiceInfo): string | undefined {
  if (rights === undefined) return undefined;
  const stage = info.stages.find((name) => !rights.stages.includes(name));
  if (stage !== undefined) return `its grant does not cover the stage ${stage}`;
  if (info.canAdjustAmounts && !rights.adjust) return "its grant does not let it adjust amounts";
  if (info.canPayAmounts && !rights.pay) return "its grant does not let it pay amounts";
  return undefined;
}

function refusalOf(reported: Plain | undefined): InfoRefusal | undefined {
  if (!isObject(reported)) return undefined;
  const { refused, message } = reported as { refused?: unknown; message?: unknown };
  if (typeof refused !== "string" || !Object.hasOwn(SERVICE_ERRORS, refused)) return undefined;
  return { refused: refused as ServiceError, message: typeof message === "string" ? message : "" };
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function refusal(error: ServiceError, message: string): CheckedInfo {
  return { ok: false, error, message: cut(message) };
}

/** Whatever was thrown, as one short line. Never throws. */
export function wordsOf(error: unknown): string {
  try {
    return cut(error instanceof Error ? error.message : String(error));
  } catch {
    return "it threw something that has no words";
  }
}

function cut(text: string): string {
  const line = text.slice(0, MESSAGE_CHARACTERS_MAX + 1).replace(/[\p{Cc}\p{Cs}]/gu, " ");
  return line.length <= MESSAGE_CHARACTERS_MAX
    ? line
    : `${line.slice(0, MESSAGE_CHARACTERS_MAX)}...`;
}
