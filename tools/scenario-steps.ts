// Steps of a scenario file, each word checked against what its verb takes.

import type { BuyerAction, Step, StepTime, StepWork } from "../bench/scenario.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import { TEST_CARDS, type TestBehaviour } from "../hal/sim/sim-payment-host.ts";
import { didYouMean } from "./did-you-mean.ts";
import { toExpectations } from "./scenario-expect.ts";
import { known, type ScenarioNames, toBoard } from "./scenario-names.ts";
import { toPattern } from "./scenario-pattern.ts";
import type { StepEntry } from "./scenario-schema.ts";

/** Words of each verb: those that it needs, then those that it takes. */
type Verbs = Readonly<Record<string, readonly [readonly string[], readonly string[]]>>;

const HAND: Verbs = {
  tap: [["card"], ["reader"]],
  insert: [["card"], ["reader"]],
  remove: [[], ["reader"]],
  press: [[], ["button"]],
  raise: [["interlock"], ["outlet"]],
  clear: [["interlock"], ["outlet"]],
  break: [["fault"], ["target"]],
  mend: [["fault"], ["target"]],
  unplug: [[], ["serial"]],
  plug: [[], ["serial"]],
  sensor: [["value"], ["sensor"]],
  "power-off": [[], ["for"]],
  "power-on": [[], []],
  "kill-loop": [[], []],
  "network-off": [[], []],
  "network-on": [[], []],
  "clock-jump": [["by"], []],
  "broker-dies": [["for"], []],
  frame: [["from", "topic", "payload"], []],
};

const BUYER: Verbs = {
  buy: [
    ["service", "units"],
    ["board", "price", "card", "stream", "endAfterPulses"],
  ],
  quote: [
    ["service", "units"],
    ["board", "price"],
  ],
  pay: [[], ["card", "stream"]],
  begin: [[], ["units"]],
  end: [[], []],
  vanish: [[], []],
  return: [[], []],
};

const TIMES = ["at", "after", "when", "within"];
const WITHIN_MS = 60_000;
const MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Milliseconds of a duration that the schema has accepted. */
export function durationMs(text: string): number {
  const [, number = "0", unit = "ms"] = /^(-?[\d.]+) ?(\w+)$/.exec(text) ?? [];
  return Number(number) * (MS[unit] ?? 1);
}

/** Errors: `malformed`, `not-found`, at the word that is wrong. */
export function toStep(entry: StepEntry, at: string, names: ScenarioNames): Result<Step> {
  const when = toTime(entry, at, names);
  if (!when.ok) return when;
  const what = toWork(entry, at, names);
  return what.ok ? ok({ when: when.value, what: what.value }) : what;
}

function toTime(entry: StepEntry, path: string, names: ScenarioNames): Result<StepTime> {
  const { at, after, when, within } = entry;
  if (at !== undefined && (after !== undefined || when !== undefined)) {
    return fail("malformed", "is of no use beside after and when", `${path}.at`);
  }
  if (within !== undefined && when === undefined) {
    return fail("malformed", "is of no use without when", `${path}.within`);
  }
  if (at !== undefined) return ok({ is: "at", atMs: durationMs(at) });
  const afterMs = after === undefined ? 0 : durationMs(after);
  if (when === undefined) {
    if (after !== undefined) return ok({ is: "after", afterMs });
    return fail("malformed", "say when: at, after or when", path);
  }
  const withinMs = within === undefined ? WITHIN_MS : durationMs(within);
  if (!("flowed" in when)) {
    const pattern = toPattern(when, `${path}.when`, names);
    return pattern.ok ? ok({ is: "event", event: pattern.value, withinMs, afterMs }) : pattern;
  }
  const { flowed, outlet, board: named, ...rest } = when;
  const [odd] = Object.keys(rest);
  if (odd !== undefined) return fail("malformed", "is no word here", `${path}.when.${odd}`);
  if (typeof outlet !== "string" || typeof flowed !== "number" || after !== undefined) {
    return fail(
      "malformed",
      "is written { outlet: ID, flowed: PULSES }, without after",
      `${path}.when`,
    );
  }
  const board = toBoard(named, `${path}.when.board`, names);
  if (!board.ok) return board;
  const there = known(outlet, names.outlets[board.value] ?? [], `${path}.when.outlet`, "outlet");
  if (!there.ok) return there;
  return ok({ is: "flowed", board: board.value, outlet, pulses: flowed, withinMs });
}

function toWork(entry: StepEntry, at: string, names: ScenarioNames): Result<StepWork> {
  const { expect, buyer, board: named, do: verb, ...rest } = entry;
  if (expect !== undefined) {
    const odd = Object.keys(entry).find((word) => word !== "expect" && !TIMES.includes(word));
    if (odd !== undefined) {
      return fail("malformed", "is of no use to a step that expects", `${at}.${odd}`);
    }
    const all = toExpectations(expect, `${at}.expect`, names);
    return all.ok ? ok({ is: "expect", expect: all.value }) : all;
  }
  const words = Object.keys(rest).filter((word) => !TIMES.includes(word));
  if (buyer !== undefined) return toBuyerWork(entry, words, at, names);
  const board = toBoard(named, `${at}.board`, names);
  if (!board.ok) return board;
  const checked = checkWords(verb, words, at, HAND);
  if (!checked.ok) return checked;
  const { for: lasting, by, ...others } = rest;
  const action: Record<string, unknown> = {};
  for (const word of words) if (word in others) action[word] = others[word];
  if (typeof lasting === "string") action["forMs"] = durationMs(lasting);
  if (typeof by === "string") action["byMs"] = durationMs(by);
  return ok({ is: "board", action: { board: board.value, do: checked.value, ...action } });
}

/** The verb, when it takes all words and has those that it needs. */
function checkWords(
  verb: string | undefined,
  words: readonly string[],
  at: string,
  verbs: Verbs,
): Result<string> {
  if (verb === undefined)
    return fail("malformed", "say what is done, or what to expect", `${at}.do`);
  const entry = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
  if (entry === undefined) {
    const all = Object.keys(verbs);
    return fail(
      "malformed",
      `must be one of ${all.join(", ")}${didYouMean(verb, all)}`,
      `${at}.do`,
    );
  }
  const [needed, taken] = entry;
  const odd = words.find((word) => !needed.includes(word) && !taken.includes(word));
  if (odd !== undefined) return fail("malformed", `is of no use to ${verb}`, `${at}.${odd}`);
  const missing = needed.find((word) => !words.includes(word));
  if (missing !== undefined)
    return fail("malformed", `is missing: ${verb} needs it`, `${at}.${missing}`);
  return ok(verb);
}

function toBuyerWork(
  entry: StepEntry,
  words: readonly string[],
  at: string,
  names: ScenarioNames,
): Result<StepWork> {
  const buyer = known(entry.buyer, names.buyers, `${at}.buyer`, "buyer");
  if (!buyer.ok) return buyer;
  const all = entry.board === undefined ? words : [...words, "board"];
  const verb = checkWords(entry.do, all, at, BUYER);
  if (!verb.ok) return verb;
  const { card } = entry;
  if (card !== undefined) {
    const good = known(card, Object.keys(TEST_CARDS), `${at}.card`, "card of a buyer");
    if (!good.ok) return good;
  }
  const takesBoard = BUYER[verb.value]?.[1].includes("board") === true;
  const board = takesBoard ? toBoard(entry.board, `${at}.board`, names) : ok("");
  if (!board.ok) return board;
  const does = toBuyerAction(verb.value, entry, board.value);
  return ok({ is: "buyer", buyer: buyer.value, does });
}

function toBuyerAction(verb: string, entry: StepEntry, board: string): BuyerAction {
  const { card, stream, service, price = 1, units, endAfterPulses } = entry;
  const wanted = { board, service: service ?? 0, price, units: units ?? 0 };
  const paid = { ...(card && { card: card as TestBehaviour }), ...(stream && { stream }) };
  if (verb === "buy") {
    return {
      do: verb,
      ...wanted,
      ...paid,
      ...(endAfterPulses !== undefined && { endAfterPulses }),
    };
  }
  if (verb === "quote") return { do: verb, ...wanted };
  if (verb === "pay") return { do: verb, ...paid };
  if (verb === "begin") return { do: verb, ...(units !== undefined && { units }) };
  return { do: verb as "end" | "vanish" | "return" };
}
