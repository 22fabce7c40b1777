// Shapes: one definition gives bytes, records, refusals with their path, greatest size and CDDL.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type CborValue, encodeCbor } from "../../../firmware/protocol/cbor.ts";
import {
  bySort,
  bytes,
  field,
  flag,
  id,
  list,
  map,
  oneOf,
  optional,
  readCbor,
  readJson,
  type Type,
  text,
  tuple,
  uint,
} from "../../../firmware/protocol/schema.ts";
import { arbitraryOf, largestOf } from "../../support/shapes.ts";

const line = tuple({ kind: oneOf({ first: 1, second: 40 }), name: text(8) });
const thing = map({
  count: field(1, uint(70_000)),
  lines: field(2, list(line, 3)),
  key: optional(3, bytes(2, 30)),
  on: field(-1, flag),
  order: field(-70_000, id(8)),
});
const good = new Map<number, CborValue>([
  [1, 5],
  [2, [[40, "two"]]],
  [-1, true],
  [-70_000, new Uint8Array(8)],
]);

function refusal<T>(type: Type<T>, value: CborValue): string {
  const result = readCbor(type, value, "it");
  if (result.ok) throw new Error("taken");
  expect(result.fault.kind).toBe("malformed");
  return `${result.fault.at}: ${result.fault.message}`;
}

describe("a map", () => {
  test("is read by name", () => {
    expect(readCbor(thing, good, "it")).toEqual({
      ok: true,
      value: {
        count: 5,
        lines: [{ kind: "second", name: "two" }],
        on: true,
        order: "0000000000000000",
      },
    });
  });

  test("skips unknown keys from 0 up", () => {
    const later = new Map([...good, [0, "x"], [4, [1]], [1000, null]] as [number, CborValue][]);
    expect(readCbor(thing, later, "it")).toEqual(readCbor(thing, good, "it"));
  });

  test("refuses unknown keys below 0 and keys that are text", () => {
    expect(refusal(thing, new Map([...good, [-2, 1]]))).toContain("key -2");
    expect(refusal(thing, new Map<number | string, CborValue>([...good, ["a", 1]]))).toContain(
      "integer keys",
    );
  });

  test.each<[string, number, CborValue, RegExp]>([
    ["an integer above its bound", 1, 70_001, /^it\.count: .*from 0 to 70000/],
    ["an integer below 0", 1, -1, /^it\.count: .*from 0 to 70000/],
    ["an integer beyond 2^53", 1, 2n ** 60n, /^it\.count: .*integer/],
    ["text for an integer", 1, "5", /^it\.count: .*integer/],
    ["too long a list", 2, Array(4).fill([1, "a"]), /^it\.lines: .*at most 3/],
    ["a number that is in no closed list", 2, [[2, "a"]], /^it\.lines\.0\.kind: .*1, 40/],
    ["a name for its number", 2, [["first", "a"]], /^it\.lines\.0\.kind: /],
    ["too long a text in bytes", 2, [[1, "éééée"]], /^it\.lines\.0\.name: .*8 bytes/],
    ["a line break in a text", 2, [[1, "a\nb"]], /^it\.lines\.0\.name: .*control/],
    ["a C1 control in a text", 2, [[1, "a\u009bb"]], /^it\.lines\.0\.name: .*control/],
    ["a tuple too short", 2, [[1, "a"], [1]], /^it\.lines\.1\.name: .*missing/],
    ["a map for a tuple", 2, [new Map()], /^it\.lines\.0: .*array/],
    ["bytes too few", 3, new Uint8Array(1), /^it\.key: .*2 to 30 bytes, not 1/],
    ["bytes too many", 3, new Uint8Array(31), /^it\.key: .*2 to 30 bytes, not 31/],
    ["a number for a flag", -1, 1, /^it\.on: .*true or false/],
    ["an id of another length", -70_000, new Uint8Array(7), /^it\.order: .*8 bytes/],
    ["null", 1, null, /^it\.count: /],
  ])("refuses %s, naming the field", (_name, key, value, expected) => {
    expect(refusal(thing, new Map([...good, [key, value]]))).toMatch(expected);
  });

  test("refuses what lacks a required key, and takes what lacks an optional one", () => {
    for (const key of good.keys()) {
      const lacking = new Map([...good].filter(([other]) => other !== key));
      expect(refusal(thing, lacking)).toContain("is missing");
    }
    expect(readCbor(thing, good, "it")).toMatchObject({ ok: true });
  });

  test("refuses what is no map", () => {
    for (const value of [1, "x", null, [], new Uint8Array(2)]) {
      expect(refusal(thing, value)).toMatch(/^it: .*map/);
    }
  });

  test("that lacks a required field, or breaks a bound, is a bug when it is ours", () => {
    expect(() => thing.toCbor({} as never)).toThrow();
    const value = { count: 70_001, lines: [], on: true, order: "0000000000000000" };
    expect(() => thing.toCbor(value)).toThrow();
    expect(() => thing.toCbor({ ...value, count: 1, order: "xyz" })).toThrow();
  });
});

describe("a tuple", () => {
  test("skips what a later version appends", () => {
    const value = readCbor(line, [1, "a", 7, "later"], "it");
    expect(value).toEqual({ ok: true, value: { kind: "first", name: "a" } });
  });

  test("of one of several sorts is told by its first item", () => {
    const sorts = bySort([
      tuple({ sort: uint(1), a: uint(5) }) as Type<{ sort: number }>,
      tuple({ sort: uint(1), b: flag }) as Type<{ sort: number }>,
    ]);
    expect(readCbor(sorts, [1, true], "it")).toEqual({ ok: true, value: { sort: 1, b: true } });
    expect(refusal(sorts, [0, true])).toMatch(/^it\.a/);
    expect(refusal(sorts, [2, true])).toMatch(/^it\.sort/);
    expect(refusal(sorts, [])).toMatch(/^it\.sort/);
    expect(readJson(sorts, { sort: 1, b: true }, "it")).toMatchObject({ ok: true });
    expect(readJson(sorts, { sort: "1", b: true }, "it")).toMatchObject({ ok: false });
  });
});

describe("any shape", () => {
  test("gives back what it was given, as bytes and as a record", () => {
    fc.assert(
      fc.property(arbitraryOf(thing.cddl), (cbor) => {
        const read = readCbor(thing, cbor, "it");
        if (!read.ok) throw new Error(read.fault.message);
        expect(encodeCbor(thing.toCbor(read.value))).toEqual(encodeCbor(cbor));
        const json: unknown = JSON.parse(JSON.stringify(thing.toJson(read.value)));
        expect(readJson(thing, json, "it")).toEqual(read);
        expect(encodeCbor(cbor).length).toBeLessThanOrEqual(thing.bytesMax);
      }),
      { numRuns: 300 },
    );
  });

  test("says its greatest size exactly", () => {
    expect(encodeCbor(largestOf(thing.cddl))).toHaveLength(thing.bytesMax);
  });

  test("refuses a record of another kind, and never throws", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(readJson(thing, value, "it")).toMatchObject({ ok: false });
      }),
      { numRuns: 300 },
    );
    const record = { count: 1, lines: [], on: true, order: "00" };
    expect(readJson(thing, record, "it")).toMatchObject({ ok: false, fault: { at: "it.order" } });
  });
});
