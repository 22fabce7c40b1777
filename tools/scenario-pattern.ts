// The fields of an event that a step waits for or an expectation counts, each held against what such an event has: one that no
// event could ever have would wait in vain, or count nothing and seem met.

import type { BenchEvent } from "../bench/bench-state.ts";
import type { EventPattern } from "../bench/scenario.ts";
import { LOG_LEVELS } from "../firmware/log.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import { STOP_REASONS } from "../hal/loop-host.ts";
import { didYouMean } from "./did-you-mean.ts";
import { known, type ScenarioNames } from "./scenario-names.ts";

/** What a field may be: of that type, or one of these words. */
type Form = "string" | "number" | "boolean" | readonly string[];
type Fields<K> = Readonly<Partial<Record<keyof Extract<BenchEvent, { is: K }>, Form>>>;

const OF_ALL = { is: "string", atMs: "number", seq: "number", board: "string" } as const;
/** Those that are one value each. */
const EVENTS: { readonly [K in BenchEvent["is"]]: Fields<K> } = {
  power: { on: "boolean" },
  hand: {},
  metal: { outlet: "string", coil: "boolean", contact: "boolean" },
  session: {
    ...{ outlet: "string", order: "string", what: ["begin", "end"], pulses: "number" },
    reason: STOP_REASONS,
  },
  "first-pulse": { outlet: "string", order: "string", pulses: "number" },
  stage: { flow: "string", stage: "string", service: "string", outcome: "string" },
  order: {},
  receipt: { order: "string", signed: "string" },
  display: {},
  paper: {},
  log: { level: LOG_LEVELS, event: "string" },
  frame: {
    ...{ from: "string", topic: "string", retain: "boolean", payload: "string" },
    ...{ kind: "string", opened: "string", diagnostic: "string" },
  },
};

const TYPES = { string: "a text", number: "a number", boolean: "true or false" } as const;

/** Errors, at the field: `malformed`, `not-found`. */
export function toPattern(fields: object, at: string, names: ScenarioNames): Result<EventPattern> {
  const { is, board, outlet } = fields as Readonly<Record<string, unknown>>;
  const kinds = Object.keys(EVENTS);
  if (typeof is !== "string" || !kinds.includes(is)) {
    const words = `say which event it is: ${kinds.join(", ")}${didYouMean(is, kinds)}`;
    return fail("malformed", words, `${at}.is`);
  }
  const forms: Readonly<Record<string, Form>> = { ...OF_ALL, ...EVENTS[is as BenchEvent["is"]] };
  for (const [name, value] of Object.entries(fields)) {
    const form = Object.hasOwn(forms, name) ? forms[name] : undefined;
    if (form === undefined) {
      const there = Object.keys(forms);
      const words = `${is} has no such field of one value; it has ${there.join(", ")}`;
      return fail("malformed", `${words}${didYouMean(name, there)}`, `${at}.${name}`);
    }
    const wrong = misfit(value, form);
    if (wrong !== undefined) return fail("malformed", wrong, `${at}.${name}`);
  }
  const there = board === undefined ? ok("") : known(board, names.boards, `${at}.board`, "board");
  if (!there.ok) return there;
  const outlets = names.boards.flatMap((id) =>
    board === undefined || board === id ? (names.outlets[id] ?? []) : [],
  );
  const fits = outlet === undefined ? ok("") : known(outlet, outlets, `${at}.outlet`, "outlet");
  return fits.ok ? ok(fields as EventPattern) : fits;
}

/** In words; undefined where it fits. */
function misfit(value: unknown, form: Form): string | undefined {
  if (typeof form === "string") return typeof value === form ? undefined : `must be ${TYPES[form]}`;
  if (typeof value === "string" && form.includes(value)) return undefined;
  return `must be one of ${form.join(", ")}${didYouMean(value, form)}`;
}
