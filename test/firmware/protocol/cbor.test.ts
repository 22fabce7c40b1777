// The codec of our messages: deterministic out, strict in, and nothing in between that throws.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromHex, toHex } from "../../../firmware/bytes.ts";
import { type CborValue, decodeCbor, encodeCbor } from "../../../firmware/protocol/cbor.ts";
import { checkCbor } from "../../../firmware/protocol/cbor-check.ts";

const BYTES_MAX = 4096;

function decodeHex(hex: string): CborValue {
  const result = decodeCbor(fromHex(hex) ?? new Uint8Array(), BYTES_MAX);
  if (!result.ok) throw new Error(result.fault.message);
  return result.value;
}

const integers = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
  fc.bigInt({ min: -(2n ** 64n) + 1n, max: -(2n ** 53n) }),
);
const leaves: fc.Arbitrary<CborValue> = fc.oneof(
  integers,
  fc.boolean(),
  fc.constant(null),
  fc.string({ unit: "grapheme", maxLength: 80 }),
  fc.uint8Array({ maxLength: 300 }),
);
const keys = fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -30, max: 30 }), fc.string());
const values = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 7, withCrossShrink: true },
    leaves,
    fc.array(tie("value"), { maxLength: 30 }),
    fc.array(fc.tuple(keys, tie("value")), { maxLength: 30 }).map((pairs) => new Map(pairs)),
  ),
})).value;

describe("encoding", () => {
  test.each<[string, CborValue, string]>([
    ["zero", 0, "00"],
    ["minus zero as zero", -0, "00"],
    ["23", 23, "17"],
    ["24", 24, "1818"],
    ["255", 255, "18ff"],
    ["256", 256, "190100"],
    ["2^16 - 1", 0xffff, "19ffff"],
    ["2^16", 0x10000, "1a00010000"],
    ["2^32 - 1", 0xffffffff, "1affffffff"],
    ["2^32, where cbor-x alone writes a float", 0x100000000, "1b0000000100000000"],
    ["a time in milliseconds", 1763766000123, "1b0000019aa8a559fb"],
    ["2^53 - 1", Number.MAX_SAFE_INTEGER, "1b001fffffffffffff"],
    ["2^64 - 1", 2n ** 64n - 1n, "1bffffffffffffffff"],
    ["a small bigint as the integer it is", 5n, "05"],
    ["-1", -1, "20"],
    ["-24", -24, "37"],
    ["-25", -25, "3818"],
    ["-2^31", -0x80000000, "3a7fffffff"],
    ["-2^31 - 1", -0x80000001, "3a80000000"],
    ["-2^32", -0x100000000, "3affffffff"],
    ["-2^32 - 1", -0x100000001, "3b0000000100000000"],
    ["-2^64 + 1", -(2n ** 64n) + 1n, "3bfffffffffffffffe"],
    ["bytes without a tag", new Uint8Array([1, 2]), "420102"],
    ["a Buffer as bytes", Buffer.from([1, 2]), "420102"],
    ["text", "Wasser 水", "6a57617373657220e6b0b4"],
    ["false, true, null", [false, true, null], "83f4f5f6"],
    ["an empty map", new Map(), "a0"],
  ])("%s", (_name, value, hex) => {
    expect(toHex(encodeCbor(value))).toBe(hex);
  });

  test("map keys come out in the order of their encodings, whatever order they went in", () => {
    const keysIn = ["aa", "b", -1, 100, 10, -100, "ü", 1000, 0];
    const bytes = encodeCbor(new Map(keysIn.map((key) => [key, 0])));
    expect(toHex(bytes)).toBe("a900000a001864001903e80020003863006162006261610062c3bc00");
  });

  test("a text of 2^16 bytes gets the shortest head", () => {
    for (const length of [23, 24, 31, 32, 63, 64, 255, 256, 65535, 65536]) {
      const bytes = encodeCbor("ä".repeat(length));
      expect(checkCbor(bytes, { profile: "sluice", bytesMax: 2 ** 20 })).toBeUndefined();
    }
  });

  test.each<[string, unknown]>([
    ["a float", 1.5],
    ["NaN", Number.NaN],
    ["a number beyond the safe integers", 2 ** 53],
    ["an integer of 2^64", 2n ** 64n],
    ["an integer of -2^64", -(2n ** 64n)],
    ["undefined", undefined],
    ["undefined in an array", [undefined]],
    ["a plain object", { a: 1 }],
    ["a Date", new Date(0)],
    ["a lone surrogate", "\ud800"],
    ["a byte string as a map key", new Map([[new Uint8Array(1), 1]])],
    ["nine arrays within each other", [[[[[[[[[1]]]]]]]]]],
  ])("%s is a bug of ours and asserted about", (_name, value) => {
    expect(() => encodeCbor(value as CborValue)).toThrow("assertion failed");
  });
});

describe("decoding", () => {
  test("integers are numbers up to 2^53 - 1 and bigints beyond", () => {
    expect(decodeHex("1b001fffffffffffff")).toBe(Number.MAX_SAFE_INTEGER);
    expect(decodeHex("1b0020000000000000")).toBe(2n ** 53n);
    expect(decodeHex("3b001ffffffffffffe")).toBe(Number.MIN_SAFE_INTEGER);
    expect(decodeHex("3bfffffffffffffffe")).toBe(-(2n ** 64n) + 1n);
    expect(decodeHex("3affffffff")).toBe(-0x100000000);
  });

  test("byte strings are plain copies of the input", () => {
    const input = fromHex("8242010241ff") ?? new Uint8Array();
    const result = decodeCbor(input, BYTES_MAX);
    input.fill(0, 2);
    expect(result).toEqual({ ok: true, value: [new Uint8Array([1, 2]), new Uint8Array([0xff])] });
    const first = result.ok && Array.isArray(result.value) ? result.value[0] : undefined;
    expect(Object.getPrototypeOf(first)).toBe(Uint8Array.prototype);
  });

  test("a view into a larger buffer decodes as itself and is left as it was", () => {
    const view = (fromHex("ffff820102ffff") ?? new Uint8Array()).subarray(2, 5);
    expect(decodeCbor(view, BYTES_MAX)).toEqual({ ok: true, value: [1, 2] });
    expect(Object.keys(view)).toEqual(["0", "1", "2"]);
  });

  test("a map with the key __proto__ is a map with that key", () => {
    const value = decodeHex("a1695f5f70726f746f5f5f01");
    expect(value).toEqual(new Map([["__proto__", 1]]));
  });

  test.each([
    ["a2010001ff", "malformed", "CBOR duplicate-key"],
    ["fb3ff199999999999a", "malformed", "CBOR float"],
    ["d9dfff00", "malformed", "CBOR tag"],
    ["", "malformed", "CBOR truncated"],
    ["a11b002000000000000000", "malformed", "CBOR refused by the decoder: key beyond 2^53"],
    ["3bffffffffffffffff", "malformed", "CBOR refused by the decoder: integer -2^64"],
  ])("%s is refused as %s: %s", (hex, kind, message) => {
    const result = decodeCbor(fromHex(hex) ?? new Uint8Array(), BYTES_MAX);
    expect(result).toEqual({ ok: false, fault: { kind, message } });
  });

  test("more bytes than allowed are too-large, whatever they are", () => {
    const result = decodeCbor(new Uint8Array(9), 8);
    expect(result).toMatchObject({ ok: false, fault: { kind: "too-large" } });
  });

  test("I11: random bytes never throw, and what decodes encodes to the same bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const result = decodeCbor(bytes, BYTES_MAX);
        if (result.ok) expect(toHex(encodeCbor(result.value))).toBe(toHex(bytes));
        else expect(result.fault.message).toMatch(/^CBOR /);
      }),
      { numRuns: 3000 },
    );
  });

  test("I11: valid bytes with a few bytes changed never throw", () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), {
      maxLength: 3,
    });
    fc.assert(
      fc.property(values, changes, (value, edits) => {
        const bytes = encodeCbor(value);
        for (const [at, byte] of edits) bytes[at % bytes.length] = byte;
        const result = decodeCbor(bytes, 1 << 20);
        if (result.ok) expect(toHex(encodeCbor(result.value))).toBe(toHex(bytes));
      }),
      { numRuns: 500 },
    );
  });

  test("what was encoded passes the strict check and decodes to the same value", () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = encodeCbor(value);
        expect(checkCbor(bytes, { profile: "sluice", bytesMax: 1 << 20 })).toBeUndefined();
        expect(decodeCbor(bytes, 1 << 20)).toEqual({ ok: true, value });
      }),
      { numRuns: 500 },
    );
  });
});
