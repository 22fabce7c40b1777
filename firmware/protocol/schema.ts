// Field combinators: one definition of a shape gives its TypeScript type, its bytes (CBOR with integer keys),
// its record form (JSON for the store), its greatest size in bytes, and its CDDL. Decoding refuses with the
// path of the offending field. Unknown keys >= 0 are skipped, unknown negative keys are refused.

import { assert } from "../assert.ts";
import { fromHex, toHex, utf8 } from "../bytes.ts";
import { fail, ok, type Result } from "../result.ts";
import type { CborValue } from "./cbor.ts";

export type Json =
  | number
  | string
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json };

export interface Type<T> {
  toCbor(value: T): CborValue;
  /** Throws Refusal. */
  fromCbor(value: CborValue, at: string): T;
  toJson(value: T): Json;
  /** Throws Refusal. */
  fromJson(value: unknown, at: string): T;
  /** Greatest encoded length. */
  bytesMax: number;
  cddl: Cddl;
}

/** The shape of a type for people and other programs: what its CDDL (RFC 8610) and its documents are made from. */
export type Cddl =
  /** CDDL as it stands: a range, a string with its size. */
  | { is: "plain"; text: string }
  /** A closed list of names by number. */
  | { is: "numbers"; numbers: readonly (readonly [string, number])[] }
  | { is: "list"; item: Cddl; countMax: number }
  | { is: "names"; of: Cddl; countMax: number; nameBytesMax: number }
  | { is: "map" | "tuple"; entries: readonly CddlEntry[] }
  /** Tuples told apart by their first item: its number is the place in the list. */
  | { is: "sorts"; tuples: readonly Cddl[] }
  /** A rule of its own. */
  | { is: "named"; name: string; of: Cddl };

export interface CddlEntry {
  name: string;
  /** In a tuple, the place. */
  key: number;
  required: boolean;
  of: Cddl;
}

export function plain(text: string): Cddl {
  return { is: "plain", text };
}

/** The same type under a name of its own in the CDDL. */
export function named<T>(name: string, type: Type<T>): Type<T> {
  return { ...type, cddl: { is: "named", name, of: type.cddl } };
}

/** Thrown inside a decode and turned into a Fault at its edge; never seen by callers. */
class Refusal extends Error {
  readonly at: string;
  constructor(at: string, message: string) {
    super(message);
    this.at = at;
  }
}

/** For a Type made elsewhere: ends the decode with a fault that names the field. */
export function refuse(at: string, message: string): never {
  throw new Refusal(at, message);
}

export function headBytes(value: number): number {
  if (value < 24) return 1;
  if (value < 0x100) return 2;
  if (value < 0x10000) return 3;
  return value < 0x100000000 ? 5 : 9;
}

/** Integer from 0 to `max`, both included. */
export function uint(max: number): Type<number> {
  return int(0, max);
}

/** Integer from `min` to `max`, both included; `min` may be negative. */
export function int(min: number, max: number): Type<number> {
  assert(Number.isSafeInteger(min) && Number.isSafeInteger(max) && min <= max, "bounds of an int");
  const check = (value: unknown, at: string): number => {
    if (typeof value !== "number" || !Number.isSafeInteger(value)) refuse(at, "must be an integer");
    if (value < min || value > max) refuse(at, `must be from ${min} to ${max}`);
    return value;
  };
  return {
    toCbor: (value) => check(value, "value"),
    fromCbor: check,
    toJson: (value) => value,
    fromJson: check,
    bytesMax: Math.max(headBytes(Math.abs(min)), headBytes(Math.abs(max))),
    cddl: plain(`${min}..${max}`),
  };
}

export const flag: Type<boolean> = {
  toCbor: (value) => value,
  fromCbor: (value, at) =>
    typeof value === "boolean" ? value : refuse(at, "must be true or false"),
  toJson: (value) => value,
  fromJson: (value, at) =>
    typeof value === "boolean" ? value : refuse(at, "must be true or false"),
  bytesMax: 1,
  cddl: plain("bool"),
};

/** Text of at most `bytesMax` bytes of UTF-8, without control characters. */
export function text(bytesMax: number): Type<string> {
  const check = (value: unknown, at: string): string => {
    if (typeof value !== "string") refuse(at, "must be text");
    if (utf8(value).length > bytesMax) refuse(at, `must be at most ${bytesMax} bytes of UTF-8`);
    // C0, DEL and C1 would let a peer's text steer somebody's terminal.
    if (/\p{Cc}/u.test(value)) refuse(at, "must not hold control characters");
    return value;
  };
  return {
    toCbor: (value) => check(value, "value"),
    fromCbor: check,
    toJson: (value) => value,
    fromJson: check,
    bytesMax: headBytes(bytesMax) + bytesMax,
    cddl: plain(`tstr .size (0..${bytesMax})`),
  };
}

/** Bytes, from `bytesMin` to `bytesMax` of them. */
export function bytes(bytesMin: number, bytesMax: number = bytesMin): Type<Uint8Array> {
  const check = (value: unknown, at: string): Uint8Array => {
    if (!(value instanceof Uint8Array)) refuse(at, "must be bytes");
    if (value.length < bytesMin || value.length > bytesMax) {
      const want = bytesMin === bytesMax ? `${bytesMin}` : `${bytesMin} to ${bytesMax}`;
      refuse(at, `must be ${want} bytes, not ${value.length}`);
    }
    return value;
  };
  return {
    toCbor: (value) => check(value, "value"),
    fromCbor: check,
    toJson: toHex,
    fromJson: (value, at) => check(typeof value === "string" ? fromHex(value) : value, at),
    bytesMax: headBytes(bytesMax) + bytesMax,
    cddl: plain(
      bytesMin === bytesMax ? `bstr .size ${bytesMax}` : `bstr .size (${bytesMin}..${bytesMax})`,
    ),
  };
}

/** An identifier of `length` bytes on the wire, lower-case hexadecimal text in memory. */
export function id(length: number): Type<string> {
  const check = (value: unknown, at: string): string => {
    if (typeof value === "string" && value.length === 2 * length && /^[0-9a-f]*$/.test(value)) {
      return value;
    }
    return refuse(at, `must be ${2 * length} hexadecimal digits`);
  };
  return {
    toCbor: (value) => fromHex(check(value, "value")) ?? refuse("value", "must be hexadecimal"),
    fromCbor: (value, at) => toHex(bytes(length).fromCbor(value, at)),
    toJson: (value) => value,
    fromJson: check,
    bytesMax: headBytes(length) + length,
    cddl: plain(`bstr .size ${length}`),
  };
}

/** One of a closed list of names, by number on the wire. */
export function oneOf<const N extends Readonly<Record<string, number>>>(
  numbers: N,
): Type<keyof N & string> {
  const byName = new Map(Object.entries(numbers));
  const byNumber = new Map([...byName].map(([name, number]) => [number, name]));
  const checkName = (value: unknown, at: string): keyof N & string => {
    if (typeof value === "string" && byName.has(value)) return value;
    return refuse(at, `must be one of ${[...byName.keys()].join(", ")}`);
  };
  return {
    toCbor: (value) => byName.get(checkName(value, "value")) ?? 0,
    fromCbor: (value, at) => {
      const name = typeof value === "number" ? byNumber.get(value) : undefined;
      return name ?? refuse(at, `must be one of the numbers ${[...byNumber.keys()].join(", ")}`);
    },
    toJson: (value) => value,
    fromJson: checkName,
    bytesMax: Math.max(...[...byNumber.keys()].map(headBytes)),
    cddl: { is: "numbers", numbers: [...byName] },
  };
}

export function list<T>(type: Type<T>, countMax: number): Type<readonly T[]> {
  const each = <R>(value: unknown, at: string, one: (item: never, at: string) => R): R[] => {
    if (!Array.isArray(value)) refuse(at, "must be a list");
    if (value.length > countMax) refuse(at, `must hold at most ${countMax} items`);
    return value.map((item, index) => one(item as never, `${at}.${index}`));
  };
  return {
    toCbor: (value) => each(value, "value", type.toCbor),
    fromCbor: (value, at) => each(value, at, type.fromCbor),
    toJson: (value) => each(value, "value", type.toJson),
    fromJson: (value, at) => each(value, at, type.fromJson),
    bytesMax: headBytes(countMax) + countMax * type.bytesMax,
    cddl: { is: "list", item: type.cddl, countMax },
  };
}

export interface Field<T, Required extends boolean> {
  key: number;
  type: Type<T>;
  required: Required;
}

export function field<T>(key: number, type: Type<T>): Field<T, true> {
  return { key, type, required: true };
}

export function optional<T>(key: number, type: Type<T>): Field<T, false> {
  return { key, type, required: false };
}

type AnyField = Field<unknown, boolean>;
export type Fields = Readonly<Record<string, AnyField>>;
type ValueOf<F> = F extends Field<infer T, boolean> ? T : never;
type RequiredNames<F extends Fields> = {
  [K in keyof F]: F[K] extends Field<unknown, true> ? K : never;
}[keyof F];
export type Shape<F extends Fields> = { [K in RequiredNames<F>]: ValueOf<F[K]> } & {
  [K in Exclude<keyof F, RequiredNames<F>>]?: ValueOf<F[K]>;
};
/** The TypeScript type that a Type describes. */
export type Of<Y> = Y extends Type<infer T> ? T : never;

type Entry = readonly [string, Field<unknown, boolean>];
function entriesOf(fields: Fields): readonly Entry[] {
  return Object.entries(fields) as unknown as readonly Entry[];
}

function readObject(
  entries: readonly Entry[],
  value: unknown,
  at: string,
): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    refuse(at, "must be an object");
  const source = value as Record<string, unknown>;
  const out: Record<string, unknown> = {};
  for (const [name, { type, required }] of entries) {
    const item = source[name];
    if (item !== undefined) out[name] = type.fromJson(item, `${at}.${name}`);
    else if (required) refuse(`${at}.${name}`, "is missing");
  }
  return out;
}

function writeObject(entries: readonly Entry[], value: Record<string, unknown>): Json {
  const out: Record<string, Json> = {};
  for (const [name, { type }] of entries) {
    if (value[name] !== undefined) out[name] = type.toJson(value[name]);
  }
  return out;
}

function cddlEntries(entries: readonly Entry[]): readonly CddlEntry[] {
  return entries.map(([name, { key, type, required }]) => ({
    name,
    key,
    required,
    of: type.cddl,
  }));
}

/** A CBOR map with integer keys; an object by name in memory and in a store. */
export function map<F extends Fields>(fields: F): Type<Shape<F>> {
  const entries = entriesOf(fields);
  const keys = new Set(entries.map(([, { key }]) => key));
  assert(keys.size === entries.length, "keys of a map differ");
  const fromCbor = (value: CborValue, at: string): Shape<F> => {
    if (!(value instanceof Map)) return refuse(at, "must be a map");
    const source = value as ReadonlyMap<number | string, CborValue>;
    for (const key of source.keys()) {
      if (typeof key !== "number") refuse(at, "must have integer keys");
      if (key < 0 && !keys.has(key)) refuse(at, `holds key ${key}, which must be understood`);
    }
    const out: Record<string, unknown> = {};
    for (const [name, { key, type, required }] of entries) {
      const item = source.get(key);
      if (item !== undefined) out[name] = type.fromCbor(item, `${at}.${name}`);
      else if (required) refuse(`${at}.${name}`, "is missing");
    }
    return out as Shape<F>;
  };
  return {
    toCbor: (value) => {
      const source = value as Record<string, unknown>;
      const present = entries.filter(([name]) => source[name] !== undefined);
      assert(
        entries.every(([name, { required }]) => !required || source[name] !== undefined),
        "every required field of a map is given",
      );
      return new Map(present.map(([name, { key, type }]) => [key, type.toCbor(source[name])]));
    },
    fromCbor,
    toJson: (value) => writeObject(entries, value as Record<string, unknown>),
    fromJson: (value, at) => readObject(entries, value, at) as Shape<F>,
    bytesMax:
      headBytes(entries.length) +
      entries.reduce(
        (sum, [, { key, type }]) => sum + headBytes(key < 0 ? -1 - key : key) + type.bytesMax,
        0,
      ),
    cddl: { is: "map", entries: cddlEntries(entries) },
  };
}

type TupleShape<F extends Readonly<Record<string, Type<unknown>>>> = {
  [K in keyof F]: F[K] extends Type<infer T> ? T : never;
};

/** A CBOR array by position: shorter than a map. Items that a later version appends are skipped. */
export function tuple<F extends Readonly<Record<string, Type<unknown>>>>(
  types: F,
): Type<TupleShape<F>> {
  const entries = Object.entries(types).map(([name, type], index): Entry => {
    return [name, { key: index, type: type as unknown as Type<unknown>, required: true }];
  });
  return {
    toCbor: (value) => {
      const source = value as Record<string, unknown>;
      return entries.map(([name, { type }]) => type.toCbor(source[name]));
    },
    fromCbor: (value, at) => {
      if (!Array.isArray(value)) return refuse(at, "must be an array");
      const out: Record<string, unknown> = {};
      for (const [name, { key, type }] of entries) {
        const item = value[key] as CborValue | undefined;
        if (item === undefined) refuse(`${at}.${name}`, "is missing");
        out[name] = type.fromCbor(item, `${at}.${name}`);
      }
      return out as TupleShape<F>;
    },
    toJson: (value) => writeObject(entries, value as Record<string, unknown>),
    fromJson: (value, at) => readObject(entries, value, at) as TupleShape<F>,
    bytesMax:
      headBytes(entries.length) + entries.reduce((sum, [, { type }]) => sum + type.bytesMax, 0),
    cddl: { is: "tuple", entries: cddlEntries(entries) },
  };
}

/** One of several tuples, told apart by their first item, a field `sort`: its number is the place in the list. */
export function bySort<T extends { sort: number }>(types: readonly Type<T>[]): Type<T> {
  const pick = (sort: unknown, at: string): Type<T> => {
    const type = typeof sort === "number" ? types[sort] : undefined;
    return type ?? refuse(`${at}.sort`, `must be from 0 to ${types.length - 1}`);
  };
  return {
    toCbor: (value) => pick(value.sort, "value").toCbor(value),
    fromCbor: (value, at) =>
      pick(Array.isArray(value) ? value[0] : undefined, at).fromCbor(value, at),
    toJson: (value) => pick(value.sort, "value").toJson(value),
    fromJson: (value, at) => {
      const sort =
        typeof value === "object" && value !== null && "sort" in value ? value.sort : undefined;
      return pick(sort, at).fromJson(value, at);
    },
    bytesMax: Math.max(...types.map(({ bytesMax }) => bytesMax)),
    cddl: { is: "sorts", tuples: types.map(({ cddl }) => cddl) },
  };
}

function guarded<T>(read: () => T): Result<T> {
  try {
    return ok(read());
  } catch (error) {
    if (error instanceof Refusal)
      return fail("malformed", `${error.at} ${error.message}`, error.at);
    throw error;
  }
}

/** Checks decoded CBOR against a type; `name` begins the path in a refusal. */
export function readCbor<T>(type: Type<T>, value: CborValue, name: string): Result<T> {
  return guarded(() => type.fromCbor(value, name));
}

/** Checks parsed JSON against a type. */
export function readJson<T>(type: Type<T>, value: unknown, name: string): Result<T> {
  return guarded(() => type.fromJson(value, name));
}
