// Diagnostic notation of anything well-formed, and no throw on anything else.

import fc from "fast-check";
import { expect, test } from "vitest";
import { fromHex } from "../../../firmware/bytes.ts";
import { diagnostic } from "../../../firmware/protocol/diagnostic.ts";
import appendixA from "../../vectors/rfc8949-appendix-a.json" with { type: "json" };

function show(hex: string): string {
  return diagnostic(fromHex(hex) ?? new Uint8Array());
}

test.each(appendixA.vectors)("RFC 8949 appendix A: $hex is $diagnostic", (vector) => {
  expect(show(vector.hex)).toBe(vector.diagnostic);
});

test.each([
  ["5fff", "''_"],
  ["7fff", '""_'],
  ["d28443a10126a0f640", "18([h'a10126', {}, null, h''])"],
  ["bf01bf02ffff", "/ not well-formed CBOR / h'bf01bf02ffff'"],
  ["9bffffffffffffffff", "/ not well-formed CBOR / h'9bffffffffffffffff'"],
  ["5f6161ff", "/ not well-formed CBOR / h'5f6161ff'"],
  ["f814", "/ not well-formed CBOR / h'f814'"],
  ["ff", "/ not well-formed CBOR / h'ff'"],
  ["", "/ not well-formed CBOR / h''"],
])("%s is %s", (hex, text) => {
  expect(show(hex)).toBe(text);
});

test("what is long is broken into indented lines", () => {
  const key = "58".padEnd(4, "2") + "ab".repeat(34);
  expect(show(`a20183${key}${key}f50202`)).toBe(
    [
      "{",
      "  1: [",
      `    h'${"ab".repeat(34)}',`,
      `    h'${"ab".repeat(34)}',`,
      "    true",
      "  ],",
      "  2: 2",
      "}",
    ].join("\n"),
  );
});

test("a hundred thousand nested arrays are shown as bytes, not as a stack overflow", () => {
  expect(diagnostic(new Uint8Array(60_000).fill(0x81))).toMatch(/^\/ not well-formed/);
  expect(diagnostic(new Uint8Array(100_000).fill(0x9f))).toMatch(/^\/ not well-formed/);
});

test("I11: random bytes never throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      expect(typeof diagnostic(bytes)).toBe("string");
    }),
    { numRuns: 2000 },
  );
});
