// Expectations of a scenario file, each field checked against what its subject has.

import type { Expectation, Subject, Want } from "../bench/scenario.ts";
import { ORDER_STATES } from "../firmware/protocol/messages.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import { didYouMean } from "./did-you-mean.ts";
import { known, type ScenarioNames, toBoard } from "./scenario-names.ts";
import { toPattern } from "./scenario-pattern.ts";
import type { ExpectEntry } from "./scenario-schema.ts";

/** What each subject is called in a file, and the fields that it has. */
const SUBJECTS = {
  order: [
    ...["state", "reason", "why", "service", "units", "totalMinor", "pulses", "sessions"],
    ...["chargedMinor", "heldMinor", "capturedMinor", "refundedMinor", "owedMinor"],
    ...["unpaidPulses", "receipts"],
  ],
  orders: ["count"],
  money: ["heldMinor", "capturedMinor", "refundedMinor"],
  outlet: ["coil", "contact", "flowed"],
  device: ["powered", "ready", "why"],
  display: ["text"],
  paper: ["sheets", "text"],
  event: ["count"],
  buyer: ["state", "fault", "receipts", "sales"],
  frames: [],
} as const;
type SubjectName = keyof typeof SUBJECTS;

export function toExpectations(
  entries: readonly ExpectEntry[],
  at: string,
  names: ScenarioNames,
): Result<readonly Expectation[]> {
  const all: Expectation[] = [];
  for (const [index, entry] of entries.entries()) {
    const one = toExpectation(entry, `${at}.${index}`, names);
    if (!one.ok) return one;
    all.push(one.value);
  }
  return ok(all);
}

function toExpectation(entry: ExpectEntry, at: string, names: ScenarioNames): Result<Expectation> {
  const named = (Object.keys(SUBJECTS) as SubjectName[]).filter((name) => name in entry);
  const [subject, other] = named;
  if (subject === undefined) {
    return fail("malformed", `say of what: ${Object.keys(SUBJECTS).join(", ")}`, at);
  }
  if (other !== undefined)
    return fail("malformed", `is of no use beside ${subject}`, `${at}.${other}`);
  const of = toSubject(subject, entry, at, names);
  if (!of.ok) return of;
  const { board: _, [subject]: value, ...fields } = entry;
  if (subject === "frames") return ok({ of: of.value, wants: { digest: value as string } });
  const known: readonly string[] = SUBJECTS[subject];
  const wants: Record<string, Want> = {};
  for (const [name, want] of Object.entries(fields)) {
    if (!known.includes(name)) {
      const there = `it has ${known.join(", ")}${didYouMean(name, known)}`;
      return fail("malformed", `${subject} has no such field; ${there}`, `${at}.${name}`);
    }
    if (!isWant(want)) {
      const forms = "a value, { least, most } with numbers, or { has } with a text";
      return fail("malformed", `must be ${forms}`, `${at}.${name}`);
    }
    wants[name] = want;
  }
  if (Object.keys(wants).length > 0) return ok({ of: of.value, wants });
  if (subject === "event") return ok({ of: of.value, wants: { count: { least: 1 } } });
  return fail("malformed", `say what to expect: ${known.join(", ")}`, at);
}

function toSubject(
  subject: SubjectName,
  entry: ExpectEntry,
  at: string,
  names: ScenarioNames,
): Result<Subject> {
  const { [subject]: value } = entry;
  const hasBoard = ["order", "orders", "money", "outlet"].includes(subject);
  if (!hasBoard && "board" in entry) {
    return fail("malformed", `is of no use beside ${subject}`, `${at}.board`);
  }
  if (subject === "frames") return ok({ is: subject });
  if (subject === "event") {
    const pattern = toPattern(value as object, `${at}.event`, names);
    return pattern.ok ? ok({ is: subject, event: pattern.value }) : pattern;
  }
  if (subject === "buyer") {
    const buyer = known(value, names.buyers, `${at}.buyer`, "buyer");
    return buyer.ok ? ok({ is: subject, buyer: buyer.value }) : buyer;
  }
  const board = hasBoard
    ? toBoard(entry["board"], `${at}.board`, names)
    : known(value, names.boards, `${at}.${subject}`, "board");
  if (!board.ok) return board;
  if (subject === "order") return ok({ is: subject, board: board.value, order: Number(value) });
  if (subject === "orders") {
    const state = known(value, Object.keys(ORDER_STATES), `${at}.orders`, "state of an order");
    return state.ok ? ok({ is: subject, board: board.value, state: state.value }) : state;
  }
  if (subject === "money") {
    const there = names.currencies[board.value] ?? [];
    const currency = known(value, there, `${at}.money`, "currency among its prices");
    return currency.ok
      ? ok({ is: subject, board: board.value, currency: currency.value })
      : currency;
  }
  if (subject === "outlet") {
    const outlet = known(value, names.outlets[board.value] ?? [], `${at}.outlet`, "outlet");
    return outlet.ok ? ok({ is: subject, board: board.value, outlet: outlet.value }) : outlet;
  }
  return ok({ is: subject, board: board.value });
}

function isWant(want: unknown): want is Want {
  if (["string", "number", "boolean"].includes(typeof want)) return true;
  if (typeof want !== "object" || want === null || Array.isArray(want)) return false;
  const entries = Object.entries(want);
  if (entries.length === 0) return false;
  // Every text has the empty one.
  if ("has" in want) return entries.length === 1 && typeof want.has === "string" && want.has !== "";
  return entries.every(
    ([name, one]) => ["least", "most"].includes(name) && typeof one === "number",
  );
}
