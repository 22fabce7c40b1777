// Questions of an operator to the flow engine of a running device: long answers are fetched part by part, and flows
// are named by id, by the beginning of one, or as the last.

import { formatMinor } from "../firmware/money.ts";
import type { Action } from "../firmware/producer/command.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import type { Answer, Operator } from "./operator.ts";

/** An answer that changes while it is fetched is fetched anew, so often. */
const ATTEMPTS = 5;
const PARTS_MAX = 1_000;

/** Errors: the device's own; `malformed` for a device that does not come to an end. */
export async function askWhole(
  operator: Operator,
  question: (from: number) => Action,
): Promise<Result<Answer>> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const text = await fetchParts(operator, question);
    if (!text.ok) return text;
    if (text.value === undefined) continue;
    const value = parse(text.value);
    if (value !== undefined) return ok(value);
  }
  return fail("malformed", "the device's answer is never whole: try again");
}

/** Undefined when the answer was another one in between. */
async function fetchParts(
  operator: Operator,
  question: (from: number) => Action,
): Promise<Result<string | undefined>> {
  let text = "";
  let whole: unknown;
  for (let part = 0; part < PARTS_MAX; part++) {
    const answer = await operator.do(question(text.length));
    if (!answer.ok) return answer;
    const { length, part: more, next } = answer.value;
    whole ??= length;
    if (typeof more !== "string" || length !== whole) return ok(undefined);
    text += more;
    if (next === undefined) return ok(text.length === length ? text : undefined);
    if (next !== text.length || more === "") return ok(undefined);
  }
  return fail("malformed", "the device's answer has no end");
}

function parse(text: string): Answer | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Answer) : undefined;
  } catch {
    return undefined;
  }
}

/** A line of the history. */
export interface HistoryLine {
  id: string;
  initiator: string;
  kind: string;
  flow: string;
  type: string;
  endedMs: number;
  outcome?: string;
  reason?: string;
  message?: string;
  service?: string;
  currency?: string;
  requestedMinor?: number;
  processedMinor?: number;
}

export interface HistoryWanted {
  type?: string;
  sinceS?: number;
  untilS?: number;
  most: number;
}

/** What a device approved while its payment host was out of reach. */
export interface DeferredLine {
  currency: string;
  open: number;
  openMinor: number;
  lost: number;
  lostMinor: number;
  owedMinor: number;
}

export interface HistoryAnswer {
  flows: readonly HistoryLine[];
  /** Where the device file allows it. */
  deferred?: DeferredLine;
}

export async function askHistory(
  operator: Operator,
  { type = "", sinceS = 0, untilS = 0, most }: HistoryWanted,
): Promise<Result<HistoryAnswer>> {
  const rest = { flow: "", type, sinceS, untilS, most };
  const answer = await askWhole(operator, (from) => ({ do: "history", ...rest, from }));
  if (!answer.ok) return answer;
  const { flows = [], deferred } = answer.value;
  return ok({
    flows: flows as HistoryLine[],
    ...(deferred !== undefined && { deferred: deferred as DeferredLine }),
  });
}

/** What the seller risks, and has lost, by approving payments himself. */
export function deferredText(deferred: DeferredLine): string {
  const { currency, open, openMinor, lost, lostMinor, owedMinor } = deferred;
  const owed = owedMinor > 0 ? [`${formatMinor(owedMinor, currency)} owed to payers`] : [];
  const parts = [
    `${open} open, ${formatMinor(openMinor, currency)} at risk`,
    `${lost} declined later, ${formatMinor(lostMinor, currency)} lost`,
  ];
  return `approved without the payment host: ${[...parts, ...owed].join("; ")}`;
}

export async function askFlow(operator: Operator, flow: string): Promise<Result<Answer>> {
  const rest = { flow, type: "", sinceS: 0, untilS: 0, most: 1 };
  return askWhole(operator, (from) => ({ do: "history", ...rest, from }));
}

export interface ActiveLine {
  id: string;
  name: string;
  type: string;
  initiator: string;
  stage?: string;
  service?: string;
  startedMs: number;
  background: boolean;
}

export async function askActive(operator: Operator): Promise<Result<readonly ActiveLine[]>> {
  const answer = await askWhole(operator, (from) => ({ do: "flow-list", from }));
  return answer.ok ? ok((answer.value["flows"] ?? []) as ActiveLine[]) : answer;
}

const LOOKED_BACK = 100;
const ORDER_ID = /^[0-9a-f]{16}$/;

/**
 * The id of a flow that runs or has ended: as given, by the beginning of an order's id, or `last`, which is the last
 * order. Errors: `usage`, `not-found`.
 */
export async function resolveFlow(
  operator: Operator,
  reference: string | undefined,
): Promise<Result<string>> {
  if (reference === undefined || reference === "") {
    return fail("usage", "which one? give its id, the beginning of an order's, or last");
  }
  const isShort = reference === "last" || /^[0-9a-f]{1,15}$/.test(reference);
  if (!isShort) return ok(reference);
  const active = await askActive(operator);
  if (!active.ok) return active;
  const ended = await askHistory(operator, { most: LOOKED_BACK });
  if (!ended.ok) return ended;
  const byAge = [...active.value].sort((a, b) => b.startedMs - a.startedMs);
  const orders = [...byAge, ...ended.value.flows]
    .map(({ id }) => id)
    .filter((id) => ORDER_ID.test(id));
  const fitting =
    reference === "last" ? orders.slice(0, 1) : orders.filter((id) => id.startsWith(reference));
  const [only, ...more] = new Set(fitting);
  if (more.length > 0)
    return fail(
      "usage",
      `several orders begin with ${reference}: ${[...new Set(fitting)].slice(0, 5).join(", ")}`,
    );
  if (only !== undefined) return ok(only);
  const message =
    reference === "last" ? "no order was paid here yet" : `no order begins with ${reference}`;
  return fail("not-found", `${message}: see sluice history`);
}

export function timeText(atMs: number): string {
  return `${new Date(Math.min(atMs, 8.64e15)).toISOString().slice(0, 19)}Z`;
}
