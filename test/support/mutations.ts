// Real bytes spoilt by chance, the same for the same seed: as a failing line, a careless peer and an attacker
// spoil them. Some touch the bytes, some take the CBOR apart and put something strange into it.

import { type CborValue, decodeCbor, encodeCbor } from "../../firmware/protocol/cbor.ts";
import type { Random } from "../../hal/sim/random.ts";

export interface Mutated {
  /** What was done, for the report of a failure. */
  how: string;
  bytes: Uint8Array;
}

type Spoil = (bytes: Uint8Array, random: Random, others: readonly Uint8Array[]) => Uint8Array;

/** Heads and whole items that decoders have tripped over. */
const NASTY: readonly (readonly number[])[] = [
  [],
  [0x00],
  [0x40],
  [0x60],
  [0x80],
  [0xa0],
  [0xff],
  [0xf6],
  [0xf7],
  [0xf8, 0x18],
  [0xf9, 0x7e, 0x00],
  [0xfb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0],
  [0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0x3b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0x1b, 0x00, 0x20, 0, 0, 0, 0, 0, 0],
  [0x1a, 0xff, 0xff, 0xff, 0xff],
  [0x18, 0x01],
  [0x19, 0x00, 0x01],
  [0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0x9b, 0x00, 0x00, 0x00, 0x01, 0, 0, 0, 0],
  [0xba, 0xff, 0xff, 0xff, 0xff],
  [0x5f, 0x41, 0x00, 0xff],
  [0x9f, 0xff],
  [0xbf, 0xff],
  [0xa2, 0x00, 0x01, 0x00, 0x02],
  [0xa2, 0x01, 0x01, 0x00, 0x02],
  [0xa1, 0x20, 0x01],
  [0xa1, 0x69, 0x5f, 0x5f, 0x70, 0x72, 0x6f, 0x74, 0x6f, 0x5f, 0x5f, 0xa0],
  [0x62, 0xc3, 0x28],
  [0x63, 0xed, 0xa0, 0x80],
  [0xc2, 0x49, 1, 0, 0, 0, 0, 0, 0, 0, 0],
  [0xd2, 0x84],
  [0xd9, 0xd9, 0xf7],
  [0xd8, 0x40, 0x40],
  [0x1c],
];

/** One of a list that is not empty. */
function pick<T>(random: Random, list: readonly T[]): T {
  return list[random.below(list.length)] as T;
}

function joined(...parts: readonly (ArrayLike<number> | Uint8Array)[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => Array.from(part)));
}

function chance(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(256));
}

/** A stretch of the bytes: where it begins, and its length, at least 1 where there is anything. */
function stretch(bytes: Uint8Array, random: Random): [number, number] {
  const from = random.below(bytes.length + 1);
  return [from, Math.min(bytes.length - from, 1 + random.below(16))];
}

function touched(bytes: Uint8Array, random: Random, change: (byte: number) => number): Uint8Array {
  const copy = bytes.slice();
  if (copy.length === 0) return copy;
  const at = random.below(copy.length);
  copy[at] = change(copy[at] ?? 0) & 255;
  return copy;
}

const SPOILERS: Readonly<Record<string, Spoil>> = {
  flip: (bytes, random) => touched(bytes, random, (byte) => byte ^ (1 << random.below(8))),
  "flip many": (bytes, random) => {
    let spoilt = bytes;
    for (let i = 0; i <= random.below(8); i++) {
      spoilt = touched(spoilt, random, () => random.below(256));
    }
    return spoilt;
  },
  truncate: (bytes, random) => bytes.slice(0, random.below(bytes.length + 1)),
  behead: (bytes, random) => bytes.slice(random.below(bytes.length + 1)),
  extend: (bytes, random) => joined(bytes, chance(random, 1 + random.below(32))),
  oversize: (bytes, random) => joined(bytes, new Uint8Array(1_900 + random.below(4_000))),
  nest: (bytes, random) => {
    const head = pick(random, [0x81, 0xa1, 0xc1, 0x9f]);
    const levels = 1 + random.below(64);
    return joined(new Uint8Array(levels).fill(head), bytes);
  },
  tag: (bytes, random) => joined(pick(random, [[0xc0], [0xd2], [0xd8, 0x3d], [0xd9, 1, 0]]), bytes),
  "type swap": (bytes, random) =>
    touched(bytes, random, (byte) => (byte & 0x1f) | (random.below(8) << 5)),
  "long form": (bytes, random) => {
    const [at] = stretch(bytes, random);
    const byte = bytes[at] ?? 0;
    return joined(bytes.slice(0, at), [(byte & 0xe0) | 24, byte & 0x1f], bytes.slice(at + 1));
  },
  "nasty within": (bytes, random) => {
    const [at, length] = stretch(bytes, random);
    return joined(bytes.slice(0, at), pick(random, NASTY), bytes.slice(at + length));
  },
  "nasty instead": (_, random) => Uint8Array.from(pick(random, NASTY)),
  cut: (bytes, random) => {
    const [at, length] = stretch(bytes, random);
    return joined(bytes.slice(0, at), bytes.slice(at + length));
  },
  repeat: (bytes, random) => {
    const [at, length] = stretch(bytes, random);
    return joined(bytes.slice(0, at + length), bytes.slice(at));
  },
  reorder: (bytes, random) => {
    const at = random.below(bytes.length + 1);
    return joined(bytes.slice(at), bytes.slice(0, at));
  },
  splice: (bytes, random, others) => {
    const other = pick(random, others);
    const at = random.below(bytes.length + 1);
    return joined(bytes.slice(0, at), other.slice(Math.min(at, other.length)));
  },
  another: (_, random, others) => pick(random, others).slice(),
  same: (bytes) => bytes.slice(),
  nothing: () => new Uint8Array(),
  noise: (_, random) => chance(random, random.below(300)),
  tree: (bytes, random) => spoiltTree(bytes, random),
  "tree twice": (bytes, random) => spoiltTree(spoiltTree(bytes, random), random),
  "tree thrice": (bytes, random) =>
    spoiltTree(spoiltTree(spoiltTree(bytes, random), random), random),
};
const NAMES = Object.keys(SPOILERS);

/** One of the real ones, spoilt. */
export function mutated(reals: readonly Uint8Array[], random: Random): Mutated {
  const which = random.below(reals.length);
  const how = pick(random, NAMES);
  const bytes = SPOILERS[how]?.(reals[which] ?? new Uint8Array(), random, reals);
  return { how: `${how} of number ${which}`, bytes: bytes ?? new Uint8Array() };
}

const STRANGE: readonly CborValue[] = [
  0,
  1,
  -1,
  23,
  24,
  255,
  256,
  65_535,
  65_536,
  1_000_001,
  4_000_000_001,
  2 ** 32 - 1,
  2 ** 32,
  Number.MAX_SAFE_INTEGER,
  -(2 ** 31),
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
  -(2n ** 63n),
  "",
  "\u0000",
  "__proto__",
  "\u001b[2J",
  "€".repeat(60),
  "x".repeat(300),
  true,
  false,
  null,
  new Uint8Array(),
  new Uint8Array(8),
  new Uint8Array(32),
  new Uint8Array(64).fill(255),
  new Uint8Array(500),
  [],
  [[]],
  new Map(),
  new Map([[0, 0]]),
  new Map([["constructor", 0]]),
];

/** Well-formed CBOR that says something else; bytes that are no CBOR stay as they are. */
function spoiltTree(bytes: Uint8Array, random: Random): Uint8Array {
  const read = decodeCbor(bytes, 1 << 16);
  if (!read.ok) return bytes.slice();
  return encodeCbor(spoiltValue(read.value, random, 0));
}

function spoiltValue(value: CborValue, random: Random, depth: number): CborValue {
  const goIn = depth < 6 && random.below(8) > 0;
  if (goIn && value instanceof Map && value.size > 0) return spoiltMap(value, random, depth);
  if (goIn && Array.isArray(value) && value.length > 0) {
    const list = [...(value as readonly CborValue[])];
    const at = random.below(list.length);
    if (random.below(6) === 0) list.splice(at, random.below(2), pick(random, STRANGE));
    else list[at] = spoiltValue(list[at] ?? 0, random, depth + 1);
    return list;
  }
  // What is signed or sealed is bytes that hold CBOR again.
  if (goIn && value instanceof Uint8Array && value.length > 16) return spoiltTree(value, random);
  if (Number.isSafeInteger(value) && random.below(2) === 0) {
    const near = Number(value) + random.below(5) - 2;
    if (Number.isSafeInteger(near)) return near;
  }
  return pick(random, STRANGE);
}

function spoiltMap(
  map: ReadonlyMap<number | string, CborValue>,
  random: Random,
  depth: number,
): CborValue {
  const next = new Map(map);
  const key = pick(random, [...map.keys()]);
  switch (random.below(5)) {
    case 0:
      next.delete(key);
      break;
    case 1:
      next.set(pick(random, [-1, 0, 1, 2, 3, 4, 5, 99, 70_000, "1", ""]), pick(random, STRANGE));
      break;
    default:
      next.set(key, spoiltValue(map.get(key) ?? 0, random, depth + 1));
  }
  return next;
}

/** Text of a record spoilt: characters of the JSON, or values in it. */
export function mutatedJson(text: string, random: Random): string {
  if (random.below(2) === 0) {
    const at = random.below(text.length + 1);
    const length = random.below(6);
    const put = pick(random, ["", '"', "{", "]", ",", "1e999", "\\ud800", "null", "-", "\u0000"]);
    return text.slice(0, at) + put + text.slice(at + length);
  }
  return JSON.stringify(spoiltJson(JSON.parse(text), random));
}

const STRANGE_JSON: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 53,
  1e300,
  "",
  "zz",
  "00".repeat(2_000),
  "__proto__",
  [],
  {},
  [[[[[[[[[[]]]]]]]]]],
];

function spoiltJson(value: unknown, random: Random): unknown {
  if (typeof value !== "object" || value === null || random.below(5) === 0) {
    return pick(random, STRANGE_JSON);
  }
  const keys = Object.keys(value);
  const key = keys.length === 0 ? "x" : pick(random, keys);
  const before = (value as Record<string, unknown>)[key];
  const copy: Record<string, unknown> = { ...(value as Record<string, unknown>) };
  if (random.below(4) === 0) delete copy[key];
  else copy[key] = spoiltJson(before, random);
  return Array.isArray(value) ? Object.values(copy) : copy;
}
