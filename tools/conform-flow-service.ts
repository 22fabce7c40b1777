// `sluice conform`, the operation `flow.run`: a flow service that does what its script says, one entry for each call.

import { FLOW_API_VERSION } from "../firmware/payment/config/api-version.ts";
import type {
  CalledStage,
  CallListener,
  FlowService,
  StageCall,
} from "../firmware/payment/engine/service.ts";
import { SEVERITIES, type Severity } from "../firmware/payment/model/audit-entry.ts";
import type { FlowEvent } from "../firmware/payment/model/flow-event.ts";
import { STAGE_INPUTS } from "../firmware/payment/rules/stage-shapes.ts";
import { after, type Clock } from "../hal/clock.ts";
import { BadField } from "./conform-answer.ts";
import { type Answering, answerAt, answeringAt } from "./conform-flow-answer.ts";
import {
  eventAt,
  filledData,
  type Loose,
  listAt,
  looseAt,
  millisecondsAt,
  textAt,
} from "./conform-flow-input.ts";

const ENTRIES_MAX = 64;
const LINES_MAX = 64;

/** What a service does in one call. */
interface Entry {
  readonly audit: readonly { severity: Severity; text: string }[];
  readonly events: readonly FlowEvent[];
  readonly afterMs: number;
  readonly answering: Answering;
}

type Script = ReadonlyMap<CalledStage, readonly Entry[]>;

/** The reversals that the engine asks for are answered by services that script no GENERIC themselves, too. */
const GIVING_BACK: readonly Entry[] = [
  { audit: [], events: [], afterMs: 0, answering: { kind: "give-back" } },
];

export function scriptedService(value: unknown, at: string, clock: Clock): FlowService {
  const given = looseAt(value, at);
  const id = textAt(given["id"], `${at}.id`);
  const info = infoAt(given["info"], `${at}.info`, id);
  const script = scriptAt(given["stages"], `${at}.stages`, methodOf(info));
  const calls = new Map<CalledStage, number>();
  return {
    id,
    stages: [...new Set([...script.keys(), "GENERIC" as const])],
    info: () => Promise.resolve(info),
    refused: () => false,
    onInfoChanged: () => {},
    call: (call, listener) => {
      const entries = script.get(call.stage) ?? GIVING_BACK;
      const index = calls.get(call.stage) ?? 0;
      calls.set(call.stage, index + 1);
      const entry = entries[Math.min(index, entries.length - 1)];
      if (entry !== undefined) play(entry, call, listener, clock);
      return { tell: () => {} };
    },
  };
}

function play(entry: Entry, call: StageCall, listener: CallListener, clock: Clock): void {
  listener.acknowledged();
  for (const { severity, text } of entry.audit) listener.audit(severity, text);
  for (const event of entry.events) listener.event(event);
  const { answering, afterMs } = entry;
  if (answering.kind === "throw") throw new Error(answering.message);
  if (answering.kind === "never") return;
  const respond = (): void => listener.respond(call.id, answerAt(answering, call));
  if (afterMs === 0) respond();
  else after(clock, afterMs, respond);
}

/** By our names or by those of AppFlow; checked by the engine, like that of any service. */
function infoAt(value: unknown, at: string, id: string): Loose {
  const given = value === undefined ? {} : looseAt(value, at);
  const { supportedFlowTypes, supportedCurrencies, supportedDataKeys, ...rest } = given;
  return {
    id,
    packageName: id,
    vendor: "conform",
    displayName: id,
    serviceVersion: "1.0.0",
    apiVersion: FLOW_API_VERSION,
    accessible: given["hasAccessibilityMode"] ?? false,
    flowTypes: supportedFlowTypes ?? [],
    customRequestTypes: [],
    dataKeys: supportedDataKeys ?? [],
    canAdjustAmounts: false,
    canPayAmounts: false,
    paymentMethods: [],
    currencies: supportedCurrencies ?? [],
    ...rest,
    additionalInfo: filledData(given["additionalInfo"]),
  };
}

function methodOf({ paymentMethods: methods }: Loose): string {
  const first: unknown = Array.isArray(methods) ? methods[0] : undefined;
  return typeof first === "string" ? first : "card";
}

function scriptAt(value: unknown, at: string, method: string): Script {
  const script = new Map<CalledStage, readonly Entry[]>();
  for (const [name, given] of Object.entries(looseAt(value, at))) {
    const place = `${at}.${name}`;
    if (!Object.hasOwn(STAGE_INPUTS, name)) throw new BadField(place);
    const stage = name as CalledStage;
    const entries = listAt(given, place, ENTRIES_MAX);
    if (entries.length === 0) throw new BadField(place);
    script.set(
      stage,
      entries.map((entry, index) => entryAt(entry, `${place}.${index}`, stage, method)),
    );
  }
  return script;
}

function entryAt(value: unknown, at: string, stage: CalledStage, method: string): Entry {
  const given = looseAt(value, at);
  const { audit = [], events = [], afterMs = 0 } = given;
  return {
    audit: listAt(audit, `${at}.audit`, LINES_MAX).map((line, i) =>
      lineAt(line, `${at}.audit.${i}`),
    ),
    events: listAt(events, `${at}.events`, LINES_MAX).map((event, i) =>
      eventAt(event, `${at}.events.${i}`),
    ),
    afterMs: millisecondsAt(afterMs, `${at}.afterMs`),
    answering: answeringAt(given, at, stage, method),
  };
}

function lineAt(value: unknown, at: string): { severity: Severity; text: string } {
  if (typeof value === "string") return { severity: "info", text: value };
  const { severity = "info", text } = looseAt(value, at);
  if (typeof severity !== "string" || !Object.hasOwn(SEVERITIES, severity)) {
    throw new BadField(`${at}.severity`);
  }
  return { severity: severity as Severity, text: textAt(text, `${at}.text`) };
}
