// What the operator commanded: one record for each command that changes something or is refused, made in the commit
// of what it changed; the last 1,000 are kept. Questions leave none (operation.ts).

import type { Clock, WallQuality } from "../../hal/clock.ts";
import type { Store, StoreWrite } from "../../hal/store.ts";
import { utf8 } from "../bytes.ts";
import type { FaultKind } from "../fault.ts";
import { pulses } from "../protocol/messages.ts";
import { readRecord, writeRecord } from "../protocol/record.ts";
import { field, map, oneOf, text, uint } from "../protocol/schema.ts";
import type { Action } from "./command.ts";

const KEPT_MAX = 1_000;
const KIND = "audit";
const ABOUT_BYTES_MAX = 48;
const CLOCKS: Readonly<Record<WallQuality, number>> = { unset: 0, set: 1, synchronised: 2 };

const auditRecord = map({
  number: field(1, pulses),
  atS: field(2, uint(0xffff_ffff)),
  clock: field(3, oneOf(CLOCKS)),
  action: field(4, text(32)),
  /** What it was about, such as `service 3`; empty where that is the device. */
  about: field(5, text(ABOUT_BYTES_MAX)),
  /** "ok", or the kind of the fault. */
  outcome: field(6, text(32)),
});

function key(number: number): string {
  return String(number).padStart(10, "0");
}

function aboutOf(action: Action): string {
  switch (action.do) {
    case "service-add":
      return `service ${action.service.id}`;
    case "service-remove":
      return `service ${action.service}, ${action.policy}`;
    case "price-set":
      return `service ${action.service}, price ${action.price.id}`;
    case "price-remove":
      return `service ${action.service}, price ${action.price}`;
    case "outlet-open":
      return `outlet ${action.outlet}`;
    case "broadcast-start":
      return action.durationMs === 0 ? "" : `${action.durationMs} ms`;
    case "flow-set":
      return about(flowName(action.config));
    case "flow-remove":
      return about(`flow ${action.flow}`);
    case "flow-service-attach":
      return about(action.flow === "" ? "" : `${action.stage} of ${action.flow}`);
    case "flow-service-detach":
      return about(`service ${action.attached}`);
    case "flow-steer":
      return about(`${action.how} ${action.flow}`);
    case "payment-refund":
      return `order ${action.order}, ${action.amountMinor || "all"}`;
    case "payment-reverse":
      return `order ${action.order}`;
    case "flow-request":
      return about(`${action.type} ${action.target}`.trim());
    default:
      return "";
  }
}

function flowName(config: string): string {
  const [, name = ""] = /"name":"([^"]*)"/.exec(config) ?? [];
  return name === "" ? "flow" : `flow ${name}`;
}

/** As much as a record holds, whole characters. */
function about(words: string): string {
  let kept = words;
  while (utf8(kept).length > ABOUT_BYTES_MAX) kept = [...kept].slice(0, -1).join("");
  return kept;
}

/** The record of a command, and the end of the one that is now too old. */
export function auditWrites(
  clock: Clock,
  number: number,
  action: Action,
  outcome: FaultKind | "ok",
): StoreWrite[] {
  const record = {
    number,
    atS: Math.floor(clock.wallMs() / 1000),
    clock: clock.wallQuality(),
    action: action.do,
    about: aboutOf(action),
    outcome,
  };
  const kept = writeRecord(auditRecord, KIND, key(number), record);
  const old = number - KEPT_MAX;
  return old > 0 ? [kept, { kind: KIND, id: key(old), body: null }] : [kept];
}

/** Commands from number `from` down, so many as fit; `next` is where the following page begins. */
export async function auditPage(
  store: Store,
  from: number,
  bytesMax: number,
): Promise<{ commands: readonly object[]; next?: number }> {
  const commands: object[] = [];
  let left = bytesMax;
  for (let number = from; number > 0; number--) {
    const body = await store.get(KIND, key(number));
    if (body === undefined) break;
    const record = readRecord(auditRecord, KIND, key(number), body);
    left -= utf8(JSON.stringify(record)).length + 1;
    if (left < 0) return { commands, next: number };
    commands.push(record);
  }
  return { commands };
}
