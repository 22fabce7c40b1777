// Values of a shape as CBOR, any and the largest, made from the shape itself; and a sequence of chance for
// touching bytes, the same for the same seed.

import fc from "fast-check";
import { utf8 } from "../../firmware/bytes.ts";
import type { CborValue } from "../../firmware/protocol/cbor.ts";
import type { Cddl, CddlEntry } from "../../firmware/protocol/schema.ts";
import { withSort } from "../../tools/protocol-cddl.ts";

/** Any value that a shape takes. */
export function arbitraryOf(shape: Cddl): fc.Arbitrary<CborValue> {
  switch (shape.is) {
    case "plain":
      return arbitraryPlain(shape.text);
    case "numbers":
      return fc.constantFrom(...shape.numbers.map(([, number]) => number));
    case "list":
      return fc.array(arbitraryOf(shape.item), { maxLength: shape.countMax });
    case "names":
      return fc
        .dictionary(fc.stringMatching(/^[a-z]{1,8}$/), arbitraryOf(shape.of), {
          maxKeys: shape.countMax,
        })
        .map((names) => new Map(Object.entries(names)));
    case "tuple":
      return fc.tuple(...shape.entries.map(({ of }) => arbitraryOf(of)));
    case "map":
      return fc
        .tuple(...shape.entries.map(arbitraryEntry))
        .map((pairs) => new Map(pairs.flatMap((pair) => (pair === null ? [] : [pair]))));
    case "sorts":
      return fc.oneof(...shape.tuples.map((tuple, sort) => arbitraryOf(withSort(tuple, sort))));
    case "named":
      return arbitraryOf(shape.of);
  }
}

function arbitraryEntry({
  key,
  required,
  of,
}: CddlEntry): fc.Arbitrary<readonly [number, CborValue] | null> {
  const pair = arbitraryOf(of).map((value) => [key, value] as const);
  return required ? pair : fc.option(pair);
}

interface Plain {
  kind: "integer" | "bool" | "text" | "bytes";
  min: number;
  max: number;
}

function readPlain(text: string): Plain {
  if (text === "bool") return { kind: "bool", min: 0, max: 1 };
  const numbers = [...text.matchAll(/-?\d+/g)].map(([digits]) => Number(digits));
  const [min = 0, max = min] = numbers;
  if (text.startsWith("tstr")) return { kind: "text", min, max };
  return { kind: text.startsWith("bstr") ? "bytes" : "integer", min, max };
}

function arbitraryPlain(text: string): fc.Arbitrary<CborValue> {
  const { kind, min, max } = readPlain(text);
  switch (kind) {
    case "bool":
      return fc.boolean();
    case "integer":
      return fc.oneof(fc.integer({ min, max }), fc.constantFrom(min, max));
    case "text":
      return fc
        .string({ unit: "grapheme", maxLength: max })
        .filter((value) => utf8(value).length <= max && !/\p{Cc}/u.test(value));
    case "bytes":
      return fc.uint8Array({ minLength: min, maxLength: max });
  }
}

/** The value of a shape that takes the most bytes. */
export function largestOf(shape: Cddl): CborValue {
  switch (shape.is) {
    case "plain": {
      const { kind, max } = readPlain(shape.text);
      if (kind === "bool") return true;
      if (kind === "text") return "x".repeat(max);
      return kind === "bytes" ? new Uint8Array(max).fill(255) : max;
    }
    case "numbers":
      return Math.max(...shape.numbers.map(([, number]) => number));
    case "list":
      return Array.from({ length: shape.countMax }, () => largestOf(shape.item));
    case "names": {
      const name = (index: number): string => String(index).padStart(shape.nameBytesMax, "n");
      const names = Array.from({ length: shape.countMax }, (_, index) => name(index));
      return new Map(names.map((one) => [one, largestOf(shape.of)]));
    }
    case "tuple":
      return shape.entries.map(({ of }) => largestOf(of));
    case "map":
      return new Map(shape.entries.map(({ key, of }) => [key, largestOf(of)]));
    case "sorts": {
      const last = shape.tuples.length - 1;
      return largestOf(withSort(shape.tuples[last] as Cddl, last));
    }
    case "named":
      return largestOf(shape.of);
  }
}

/** Copies of the bytes with one to three of them changed, one cut short and one grown now and then. */
export function* touched(bytes: Uint8Array, count: number): Generator<Uint8Array> {
  // Park and Miller's generator: enough to pick places.
  let state = 48_271;
  const upTo = (end: number): number => {
    state = (state * 48_271) % 0x7fffffff;
    return state % end;
  };
  for (let i = 0; i < count; i++) {
    const copy = Uint8Array.from(bytes);
    for (let changes = 1 + upTo(3); changes > 0; changes--) {
      copy[upTo(copy.length)] = upTo(256);
    }
    if (i % 10 === 8) yield copy.subarray(0, upTo(copy.length));
    else if (i % 10 === 9) yield Uint8Array.of(...copy, upTo(256));
    else yield copy;
  }
}
