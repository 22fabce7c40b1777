// A copy of what a stranger gave, made of nothing but plain objects, lists, text, integers, flags and bytes. Each
// property is read once and never again, so what is checked afterwards is what is used.

import { type Refused, refused } from "./rules-verdict.ts";

/** Objects and lists within each other. */
const DEPTH_MAX = 40;
/** About the characters of the same value as JSON; the encoded size is bounded by whoever asks. */
const COST_MAX = 65_536;

export type Plain =
  | string
  | number
  | boolean
  | null
  | Uint8Array
  | readonly Plain[]
  | { readonly [key: string]: Plain };

export type Copied = { ok: true; value: Plain | undefined } | Refused;

interface Budget {
  left: number;
}

/** Thrown and caught in this file alone. */
class Unfit extends Error {
  readonly refused: Refused;
  constructor(rejection: "malformed" | "too-large", message: string) {
    super(message);
    this.refused = refused(rejection, message);
  }
}

/** Refuses `malformed` or `too-large`; `name` begins the path in the message. Never throws. */
export function plainCopy(value: unknown, name: string): Copied {
  try {
    if (value === undefined) return { ok: true, value: undefined };
    return { ok: true, value: copy(value, name, DEPTH_MAX, { left: COST_MAX }) };
  } catch (error) {
    // A getter, a trap of a proxy, or a class of the stranger's own may throw anything, an `Unfit` too.
    if (error instanceof Unfit) return error.refused;
    return { ok: false, rejection: "malformed", message: `${name} cannot be read` };
  }
}

function copy(value: unknown, at: string, levels: number, budget: Budget): Plain {
  spend(budget, 1, at);
  switch (typeof value) {
    case "string":
      spend(budget, value.length, at);
      if (/\p{Surrogate}/u.test(value)) throw new Unfit("malformed", `${at} is no Unicode text`);
      return value;
    case "number":
      if (!Number.isSafeInteger(value)) throw new Unfit("malformed", `${at} must be an integer`);
      return value + 0;
    case "boolean":
      return value;
    case "object":
      return value === null ? null : copyObject(value, at, levels, budget);
    default:
      throw new Unfit("malformed", `${at} must not be a ${typeof value}`);
  }
}

function copyObject(value: object, at: string, levels: number, budget: Budget): Plain {
  if (levels === 0) throw new Unfit("too-large", `${at} is nested too deeply`);
  if (value instanceof Uint8Array) return copyBytes(value, at, budget);
  if (Array.isArray(value)) {
    const length: unknown = value.length;
    // A proxy may say anything, and something else when it is asked again.
    if (typeof length !== "number") throw new Unfit("malformed", `${at} must be a list`);
    spend(budget, length, at);
    // Neither `map` nor an iterator: both may be the stranger's own.
    return Array.from({ length }, (_, i) => copy(value[i], `${at}.${i}`, levels - 1, budget));
  }
  if (Object.prototype.toString.call(value) !== "[object Object]") {
    throw new Unfit("malformed", `${at} must be a plain object`);
  }
  const entries: [string, Plain][] = [];
  for (const key of Object.keys(value)) {
    spend(budget, key.length, at);
    const item: unknown = (value as Record<string, unknown>)[key];
    if (item === undefined) continue;
    if (/\p{Surrogate}/u.test(key)) throw new Unfit("malformed", `${at} is no Unicode text`);
    entries.push([key, copy(item, `${at}.${key}`, levels - 1, budget)]);
  }
  return Object.fromEntries(entries);
}

/** The length that bytes have, whatever they say: throws for what only looks like bytes. */
const trueLength = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  "length",
)?.get as (this: Uint8Array) => number;

function copyBytes(value: Uint8Array, at: string, budget: Budget): Uint8Array {
  spend(budget, trueLength.call(value), at);
  return new Uint8Array(value);
}

function spend(budget: Budget, cost: number, at: string): void {
  budget.left -= cost;
  // Not "below zero": a cost that is no number must not pass.
  if (!(budget.left >= 0)) throw new Unfit("too-large", `${at} is too large`);
}
