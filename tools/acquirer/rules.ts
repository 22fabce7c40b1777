// What the acquirer simulator does with some messages instead of answering as its accounts would: it declines,
// approves in part, says nothing, answers late or twice. A repeat of a message is always answered well.

import { fail, ok, type Result } from "../../firmware/result.ts";
import { TEST_CARDS } from "../../hal/sim/sim-payment-host.ts";
import { isWhole, readList } from "./accounts.ts";

export const ACTIONS = ["authorise", "sale", "capture", "refund", "reverse", "close"] as const;
export type AcquirerAction = (typeof ACTIONS)[number];

const EFFECTS = [
  "decline", // with `code`
  "partial", // `percent` of what is asked
  "no-answer", // it is worked on, and nothing comes back
  "lost", // it never arrives
  "late", // it is worked on, and answered after `delayMs`
  "twice", // it is answered, and again after `delayMs`
  "busy", // it is not worked on, and told so: code 96
] as const;
export type Effect = (typeof EFFECTS)[number];

export interface Rule {
  /** Any, where there is none. */
  on?: AcquirerAction;
  /** A card number, or its last four digits. */
  card?: string;
  currency?: string;
  /** Both included. */
  fromMinor?: number;
  toMinor?: number;
  /** Only the so-manieth message that fits, counted from 1. */
  nth?: number;
  effect: Effect;
  /** Two characters. */
  code?: string;
  percent?: number;
  delayMs?: number;
}

const PERCENT = 50;
const DELAY_MS = 20_000;
const RULES_MAX = 1_000;

const onCard = (card: string, effect: Effect, more: Partial<Rule> = {}): Rule => ({
  ...{ on: "authorise", card, effect },
  ...more,
});

/** What the test cards are for. */
export const TEST_RULES: readonly Rule[] = [
  onCard(TEST_CARDS.decline, "decline", { code: "05" }),
  onCard(TEST_CARDS.insufficient, "decline", { code: "51" }),
  onCard(TEST_CARDS.partial, "partial"),
  onCard(TEST_CARDS["no-answer"], "no-answer"),
  onCard(TEST_CARDS["answer-late"], "late"),
  onCard(TEST_CARDS["answer-twice"], "twice", { delayMs: 1_000 }),
  onCard(TEST_CARDS["request-lost"], "lost"),
];

export interface Applied {
  effect: Effect;
  code: string;
  percent: number;
  delayMs: number;
}

export interface Judged {
  action: AcquirerAction;
  /** Empty where the message names no card. */
  number: string;
  currency: string;
  amountMinor: number;
}

/** Counts as it goes: asked once for each message that is not a repeat. The first rule that fits counts. */
export function ruleBook(rules: readonly Rule[]): (judged: Judged) => Applied | undefined {
  const seen = new Map<Rule, number>();
  return (judged) => {
    let applied: Applied | undefined;
    for (const rule of rules) {
      if (!fits(rule, judged)) continue;
      const count = (seen.get(rule) ?? 0) + 1;
      seen.set(rule, count);
      if (rule.nth !== undefined && rule.nth !== count) continue;
      const { effect, code = "05", percent = PERCENT, delayMs = DELAY_MS } = rule;
      applied ??= { effect, code, percent, delayMs };
    }
    return applied;
  };
}

function fits(rule: Rule, { action, number, currency, amountMinor }: Judged): boolean {
  const isCard = rule.card === undefined || number === rule.card || isEnd(rule.card, number);
  return (
    isCard &&
    (rule.on ?? action) === action &&
    (rule.currency ?? currency) === currency &&
    amountMinor >= (rule.fromMinor ?? 0) &&
    amountMinor <= (rule.toMinor ?? Number.MAX_SAFE_INTEGER)
  );
}

function isEnd(card: string, number: string): boolean {
  return card.length === 4 && number.endsWith(card);
}

type Check = readonly [fits: (value: unknown) => boolean, wanted: string];
const oneOf = (words: readonly string[]): Check => [
  (value) => words.includes(value as string),
  words.join(", "),
];
const matching = (pattern: RegExp, wanted: string): Check => [
  (value) => typeof value === "string" && pattern.test(value),
  wanted,
];
const whole = (min: number, max: number): Check => [
  (value) => isWhole(value, max) && value >= min,
  `a whole number from ${min} to ${max}`,
];
const AMOUNT_MAX = 1_000_000_000_000;

const CHECKS: Readonly<Record<keyof Rule, Check>> = {
  on: oneOf(ACTIONS),
  card: matching(/^(\d{4}|\d{12,19})$/, "a card number or its last four digits, in quotes"),
  currency: matching(/^[A-Z]{3}$/, "three capitals"),
  fromMinor: whole(0, AMOUNT_MAX),
  toMinor: whole(0, AMOUNT_MAX),
  nth: whole(1, 1_000_000),
  effect: oneOf(EFFECTS),
  code: matching(/^(?!00|08|10|11)[0-9A-Z]{2}$/, 'a code of two characters that declines ("51")'),
  percent: whole(1, 99),
  delayMs: whole(0, 600_000),
};

/** A file of YAML or JSON. Errors: `not-found`, `malformed` with the field's path; no value is quoted. */
export function readRules(path: string): Result<readonly Rule[]> {
  const listed = readList(path, "rules", RULES_MAX);
  if (!listed.ok) return listed;
  for (const [index, entry] of listed.value.entries.entries()) {
    for (const [field, value] of Object.entries(entry)) {
      const at = `rules.${index}.${field}`;
      if (!Object.hasOwn(CHECKS, field)) {
        return fail("malformed", `${path}: there is no such field`, at);
      }
      const [isRight, wanted] = CHECKS[field as keyof Rule];
      if (!isRight(value)) return fail("malformed", `${path}: wanted is ${wanted}`, at);
    }
    if (entry["effect"] === undefined) {
      const wanted = EFFECTS.join(", ");
      return fail("malformed", `${path}: wanted is ${wanted}`, `rules.${index}.effect`);
    }
  }
  return ok(listed.value.entries as unknown as readonly Rule[]);
}
