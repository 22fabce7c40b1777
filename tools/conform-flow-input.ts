// `sluice conform`, the operation `flow.run`: its request read. What a script may leave out is filled in here; what it
// says is left as it is, because the engine is what judges it.

import type { FlowConfig } from "../firmware/payment/config/flow-config.ts";
import { readFlows } from "../firmware/payment/config/flow-config-check.ts";
import { type FlowSettings, readSettings } from "../firmware/payment/config/settings.ts";
import { FLOW_EVENTS } from "../firmware/payment/engine/flow-events.ts";
import { type FlowEvent, flowEvent } from "../firmware/payment/model/flow-event.ts";
import { type Payment, payment as paymentShape } from "../firmware/payment/model/payment.ts";
import { type Request, request as requestShape } from "../firmware/payment/model/request.ts";
import { readJson, type Type } from "../firmware/protocol/schema.ts";
import { BadField } from "./conform-answer.ts";

/** As parsed: nothing of it has been checked. */
export type Loose = Readonly<Record<string, unknown>>;

/** As long as any flow may take. */
const WITHIN_MS = 4 * 3_600_000;

export function looseAt(value: unknown, at: string): Loose {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new BadField(at);
  return value as Loose;
}

export function listAt(value: unknown, at: string, countMax: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length > countMax) throw new BadField(at);
  return value;
}

export function textAt(value: unknown, at: string): string {
  if (typeof value !== "string") throw new BadField(at);
  return value;
}

/** Milliseconds, whole, from 0 to four hours. */
export function millisecondsAt(value: unknown, at: string): number {
  const isTime = typeof value === "number" && Number.isSafeInteger(value);
  if (!isTime || value < 0 || value > WITHIN_MS) throw new BadField(at);
  return value;
}

/** Amounts without `additional` have none. */
export function filledAmounts(value: unknown): unknown {
  return isLoose(value) ? { additional: {}, ...value } : value;
}

/** Plain texts, integers, flags and lists of texts in the place of typed values. */
export function filledData(value: unknown): unknown {
  if (value === undefined) return {};
  if (!isLoose(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, typed(item)]));
}

export function filledCard(value: unknown): unknown {
  if (value === undefined) return { data: {} };
  return isLoose(value) ? { ...value, data: filledData(value["data"]) } : value;
}

/** A basket that has an id, and items with `amountMinor`; the rest may be left out. */
export function filledBasket(value: unknown): unknown {
  if (!isLoose(value)) return value;
  const items = Array.isArray(value["items"]) ? value["items"].map(filledItem) : value["items"];
  const usual = { name: "basket", primary: false, rounding: "nearest" };
  return { ...usual, ...value, items, data: filledData(value["data"]) };
}

function filledItem(value: unknown): unknown {
  if (!isLoose(value)) return value;
  const amount = value["amountMinor"];
  const base = typeof amount === "number" ? 1_000_000 * amount : amount;
  return { label: value["id"], baseMillionths: base, quantity: 1, ...value };
}

function typed(item: unknown): unknown {
  if (typeof item === "string") return { is: "text", value: item };
  if (typeof item === "number") return { is: "integer", value: item };
  if (typeof item === "boolean") return { is: "flag", value: item };
  return Array.isArray(item) ? { is: "texts", value: item } : item;
}

function isLoose(value: unknown): value is Loose {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `{ type, data }`, or `{ type, payload }` for the events that the engine knows. */
export function eventAt(value: unknown, at: string): FlowEvent {
  const { payload, ...event } = looseAt(value, at);
  const type = textAt(event["type"], `${at}.type`);
  const shape = Object.hasOwn(FLOW_EVENTS, type) ? FLOW_EVENTS[type] : undefined;
  if (payload !== undefined && shape === undefined) throw new BadField(`${at}.payload`);
  const carried = payload === undefined ? {} : { [type]: { is: shape?.payload, value: payload } };
  const data = { ...carried, ...looseAt(filledData(event["data"]), `${at}.data`) };
  return readAt(flowEvent, { ...event, data }, at);
}

export function paymentAt(value: unknown, config: FlowConfig): Payment {
  const given = looseAt(value, "payment");
  const filled = {
    id: "payment-1",
    flowType: config.type,
    splitEnabled: false,
    source: "conform",
    ...given,
    amounts: filledAmounts(given["amounts"]),
    basket: filledBasket(given["basket"]),
    data: filledData(given["data"]),
  };
  return readAt(paymentShape, filled, "payment");
}

export function requestAt(value: unknown, config: FlowConfig): Request {
  const given = looseAt(value, "request");
  const filled = {
    id: "request-1",
    type: config.type,
    background: false,
    source: "conform",
    ...given,
    data: filledData(given["data"]),
  };
  return readAt(requestShape, filled, "request");
}

export function settingsAt(value: unknown): FlowSettings {
  const read = readSettings(value, "settings");
  if (!read.ok) throw new BadField(read.fault.at ?? "settings");
  return read.value;
}

/** One flow, by our names or by those of AppFlow. */
export function configAt(value: unknown, settings: FlowSettings): FlowConfig {
  const read = readFlows([ownNames(looseAt(value, "config"))], "config", settings);
  if (!read.ok) throw new BadField(pathOf(read.errors[0]?.at));
  const [config] = read.flows;
  if (config === undefined) throw new BadField("config");
  return config;
}

function pathOf(at: string | undefined): string {
  return (at ?? "config").replace(/^config\.0(?=\.|$)/, "config");
}

/** The version of AppFlow's interface says nothing here. */
function ownNames(flow: Loose): Loose {
  const { apiMajorVersion: _, ...rest } = flow;
  return { ...rest, stages: ownStages(flow["stages"], 0) };
}

function ownStages(stages: unknown, depth: number): unknown {
  // Deeper is refused by the nesting anyway.
  if (!Array.isArray(stages) || depth > 2) return stages;
  return stages.map((stage: unknown) => {
    if (!isLoose(stage)) return stage;
    const { appExecutionType, flowApps, innerFlow, ...rest } = stage;
    const held = isLoose(innerFlow) ? innerFlow["stages"] : innerFlow;
    const inner = ownStages(rest["inner"] ?? held, depth + 1);
    return {
      ...rest,
      ...(typeof rest["name"] === "string" && { name: rest["name"].toUpperCase() }),
      ...(appExecutionType !== undefined && { execution: appExecutionType }),
      ...(flowApps !== undefined && { apps: flowApps }),
      ...(inner !== undefined && { inner }),
    };
  });
}

function readAt<T>(type: Type<T>, value: unknown, at: string): T {
  const read = readJson(type, value, at);
  if (!read.ok) throw new BadField(read.fault.at ?? at);
  return read.value;
}
