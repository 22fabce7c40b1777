// `sluice conform`, the operation `amounts`: sums, fractions and divisions of money as the payment flow makes them.

import type { Amounts } from "../firmware/payment/model/amounts.ts";
import {
  amountsLess,
  amountsPlus,
  convertAt,
  newAmounts,
  totalExcluding,
  totalOf,
  withAdditionalFraction,
} from "../firmware/payment/model/amounts-arithmetic.ts";
import { partialAuthorisation } from "../firmware/payment/model/apportion.ts";
import { type Decimal, parseDecimal } from "../firmware/payment/model/decimal.ts";
import { ok, type Result } from "../firmware/result.ts";
import { type Answer, BadField } from "./conform-answer.ts";

type Args = readonly unknown[];
type Call = (args: Args) => Result<Amounts | number>;

const CALLS = new Map<unknown, Call>([
  ["add", (args) => amountsPlus(amountsAt(args, 0), amountsAt(args, 1))],
  ["subtract", (args) => amountsLess(amountsAt(args, 0), amountsAt(args, 1), keepZeroOf(args))],
  [
    "fraction",
    (args) => withAdditionalFraction(amountsAt(args, 0), textAt(args, 1), decimalAt(args, 2)),
  ],
  ["total", (args) => ok(totalOf(amountsAt(args, 0)))],
  ["totalExcluding", (args) => ok(totalExcluding(amountsAt(args, 0), ...namesAfter(args)))],
  ["convert", (args) => convertAt(amountsAt(args, 0), textAt(args, 1), decimalAt(args, 2))],
  ["partialAuthorisation", (args) => partialAuthorisation(amountsAt(args, 0), numberAt(args, 1))],
]);

/** Amounts that an argument states are refused with the path of what is wrong with them. */
class Refused extends Error {
  readonly answer: Answer;

  constructor(answer: Answer) {
    super("refused");
    this.answer = answer;
  }
}

/** Throws BadField for what is no request; what the arithmetic refuses is an answer. */
export function amountsOperation(request: { call?: unknown; args?: unknown }): Answer {
  const call = CALLS.get(request.call);
  if (call === undefined) throw new BadField("call");
  if (!Array.isArray(request.args)) throw new BadField("args");
  try {
    return answered(call(request.args));
  } catch (error) {
    if (error instanceof Refused) return error.answer;
    throw error;
  }
}

function answered(made: Result<Amounts | number>): Answer {
  if (!made.ok) return refusal(made.fault.kind, made.fault.at);
  if (typeof made.value === "number") return { ok: true, result: made.value };
  const { base, currency, additional } = made.value;
  return { ok: true, result: { base, currency, additional } };
}

function refusal(kind: string, field: string | undefined): Answer {
  return { ok: false, kind, ...(field !== undefined && { field }) };
}

function amountsAt(args: Args, index: number): Amounts {
  const at = `args.${index}`;
  const { base, currency, additional = {} } = objectAt(args[index], at);
  if (typeof base !== "number") throw new BadField(`${at}.base`);
  if (typeof currency !== "string") throw new BadField(`${at}.currency`);
  const entries = Object.entries(objectAt(additional, `${at}.additional`));
  const named = entries.map(([name, value]) => {
    if (typeof value !== "number") throw new BadField(`${at}.additional.${name}`);
    return [name, value] as const;
  });
  const made = newAmounts(currency, base, Object.fromEntries(named));
  if (!made.ok) throw new Refused(refusal(made.fault.kind, `${at}.${made.fault.at}`));
  return made.value;
}

function objectAt(value: unknown, at: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new BadField(at);
  return value as Readonly<Record<string, unknown>>;
}

function textAt(args: Args, index: number): string {
  const value = args[index];
  if (typeof value !== "string") throw new BadField(`args.${index}`);
  return value;
}

function numberAt(args: Args, index: number): number {
  const value = args[index];
  if (typeof value !== "number") throw new BadField(`args.${index}`);
  return value;
}

function keepZeroOf([, , keepZero = false]: Args): boolean {
  if (typeof keepZero !== "boolean") throw new BadField("args.2");
  return keepZero;
}

/** Each an argument of its own, or all of them in one list. */
function namesAfter([, ...rest]: Args): readonly string[] {
  const names = Array.isArray(rest[0]) && rest.length === 1 ? (rest[0] as unknown[]) : rest;
  return names.map((name) => {
    if (typeof name !== "string") throw new BadField("args.1");
    return name;
  });
}

/** Exact, as text; a number by the shortest text that means it. */
function decimalAt(args: Args, index: number): Decimal {
  const value = args[index];
  const isNumber = typeof value === "string" || typeof value === "number";
  const decimal = isNumber ? parseDecimal(String(value)) : undefined;
  if (decimal === undefined) throw new BadField(`args.${index}`);
  return decimal;
}
