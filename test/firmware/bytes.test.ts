// Small words about bytes.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatBytes, equalBytes, fromHex, fromUtf8, toHex, utf8 } from "../../firmware/bytes.ts";

const bytes = fc.uint8Array({ maxLength: 60 });

describe("hexadecimal", () => {
  test("comes back as the bytes it was made of, in either case", () => {
    fc.assert(
      fc.property(bytes, (some) => {
        expect(toHex(some)).toBe(Buffer.from(some).toString("hex"));
        expect(fromHex(toHex(some))).toEqual(some);
        expect(fromHex(toHex(some).toUpperCase())).toEqual(some);
      }),
    );
  });

  test.each(["0", "0g", "0x00", " 00", "00\n", "é0", "--"])("%j is none", (text) => {
    expect(fromHex(text)).toBeUndefined();
  });
});

describe("bytes", () => {
  test("are equal when all of them are", () => {
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(equalBytes(a, b)).toBe(Buffer.compare(a, b) === 0);
        expect(equalBytes(a, Uint8Array.from(a))).toBe(true);
        expect(equalBytes(a, Uint8Array.of(...a, 0))).toBe(false);
      }),
    );
  });

  test("are joined in order, into new ones", () => {
    const first = Uint8Array.of(1, 2);
    const joined = concatBytes(first, new Uint8Array(0), Uint8Array.of(3));
    expect(joined).toEqual(Uint8Array.of(1, 2, 3));
    joined[0] = 9;
    expect(first[0]).toBe(1);
    expect(concatBytes()).toHaveLength(0);
  });
});

describe("UTF-8", () => {
  test("comes back as the text it was made of, a byte order mark included", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(fromUtf8(utf8(text))).toBe(text);
      }),
    );
    expect(fromUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x41))).toBe("\ufeffA");
  });

  test.each(["80", "c0af", "eda080", "f5808080", "e282", "61ff"])("%s is none", (hex) => {
    expect(fromUtf8(fromHex(hex) ?? new Uint8Array())).toBeUndefined();
  });
});
