// What may be done to a bench, checked word by word: hostile words are refused by name, and what was done is kept so that it
// can be done again.

import { fromHex } from "../firmware/bytes.ts";
import { FLOW_FRAME_BYTES_MAX } from "../firmware/protocol/flow-frames.ts";
import { parseTopic } from "../firmware/protocol/topics.ts";
import type { BenchRefusal } from "../hal/sim/bench-commands.ts";
import type { BenchAction } from "./bench-action.ts";

type Words = Readonly<Record<string, unknown>>;
type Check = (value: unknown) => string | undefined;

const WORD = /^[\w.-]{1,64}$/;
const DAY_MS = 86_400_000;
const YEAR_MS = 366 * DAY_MS;

const word: Check = (value) =>
  typeof value === "string" && WORD.test(value) ? undefined : "must be a short word";

function whole(least: number, most: number): Check {
  return (value) =>
    typeof value === "number" && Number.isInteger(value) && value >= least && value <= most
      ? undefined
      : `must be a whole number from ${least} to ${most}`;
}

const payload: Check = (value) => {
  const isHex =
    typeof value === "string" && value.length <= 2 * FLOW_FRAME_BYTES_MAX && fromHex(value);
  return isHex ? undefined : `must be at most ${FLOW_FRAME_BYTES_MAX} bytes in hexadecimal digits`;
};

const topic: Check = (value) =>
  typeof value === "string" && parseTopic(value) !== undefined
    ? undefined
    : "must be a topic of ours: sluice decode --help names them";

/** What is asked of hands is checked for its meaning by hal/sim/bench-commands.ts. */
const hand = (...names: readonly string[]): Record<string, Check> =>
  Object.fromEntries(names.map((name) => [name, word]));

/** Questions change nothing and are not kept. */
const QUESTIONS = ["list", "display", "paper"] as const;

const HANDS: Readonly<Record<string, Record<string, Check>>> = {
  tap: hand("card", "reader"),
  insert: hand("card", "reader"),
  remove: hand("reader"),
  press: hand("button"),
  raise: hand("interlock", "outlet"),
  clear: hand("interlock", "outlet"),
  break: hand("fault", "target"),
  mend: hand("fault", "target"),
  unplug: hand("serial"),
  plug: hand("serial"),
  sensor: { sensor: word, value: whole(-1_000_000_000, 1_000_000_000) },
  ...Object.fromEntries(QUESTIONS.map((question) => [question, {}])),
};

/** All must be there but `forMs` of a power cut. */
const OF_WORLD: Readonly<Record<string, Record<string, Check>>> = {
  "power-off": { forMs: whole(1, DAY_MS) },
  "power-on": {},
  "kill-loop": {},
  "network-off": {},
  "network-on": {},
  "clock-jump": { byMs: whole(-YEAR_MS, YEAR_MS) },
  "broker-dies": { forMs: whole(1, DAY_MS) },
  frame: { from: word, topic, payload },
};

const OPTIONAL: ReadonlySet<string> = new Set(["power-off forMs"]);

export type ReadAction =
  | { ok: true; action: BenchAction; sort: "hand" | "question" | "world" }
  | BenchRefusal;

/** A clean copy of what was asked for. The board need not be named where there is one alone. */
export function readAction(given: unknown, boards: readonly string[]): ReadAction {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    return refuse("malformed", undefined, "an action is an object");
  }
  const words = given as Words;
  const { do: verb, board = boards.length === 1 ? boards[0] : undefined } = words;
  if (typeof board !== "string" || !boards.includes(board)) {
    return refuse("not-found", "board", `must be one of ${boards.join(", ")}`);
  }
  const isHand = typeof verb === "string" && Object.hasOwn(HANDS, verb);
  if (typeof verb !== "string" || (!isHand && !Object.hasOwn(OF_WORLD, verb))) {
    const known = [...Object.keys(HANDS), ...Object.keys(OF_WORLD)].join(", ");
    return refuse("malformed", "do", `must be one of ${known}`);
  }
  const checks = (isHand ? HANDS[verb] : OF_WORLD[verb]) ?? {};
  const action: Record<string, unknown> = { board, do: verb };
  for (const [name, value] of Object.entries(words)) {
    if (name === "board" || name === "do" || value === undefined) continue;
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (check === undefined)
      return refuse("malformed", name.slice(0, 32), `${verb} has no such word`);
    const wrong = check(value);
    if (wrong !== undefined) return refuse("malformed", name, wrong);
    action[name] = value;
  }
  const missing = isHand
    ? undefined
    : Object.keys(checks).find((name) => !(name in action) && !OPTIONAL.has(`${verb} ${name}`));
  if (missing !== undefined) return refuse("malformed", missing, `${verb} needs it`);
  const sort = !isHand ? "world" : isQuestion(verb) ? "question" : "hand";
  return { ok: true, action: action as BenchAction, sort };
}

function isQuestion(verb: string): boolean {
  return (QUESTIONS as readonly string[]).includes(verb);
}

export function refuse(
  kind: BenchRefusal["kind"],
  at: string | undefined,
  message: string,
): BenchRefusal {
  return { ok: false, kind, ...(at !== undefined && { at }), message };
}
