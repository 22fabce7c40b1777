// The strict check: every example of RFC 8949 in both profiles, every kind of refusal, and no way to make
// it throw, run away or allocate.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromHex } from "../../../firmware/bytes.ts";
import { type CborProfile, checkCbor } from "../../../firmware/protocol/cbor-check.ts";
import { readCborTree } from "../../../firmware/protocol/cbor-tree.ts";
import kinds from "../../vectors/cbor-kinds.json" with { type: "json" };
import appendixA from "../../vectors/rfc8949-appendix-a.json" with { type: "json" };

const BYTES_MAX = 2048;

interface Vector {
  hex: string;
  rfc8949?: string;
  sluice?: string;
}

function check(hex: string, profile: CborProfile): string | undefined {
  return checkCbor(fromHex(hex) ?? new Uint8Array(), { profile, bytesMax: BYTES_MAX });
}

describe.each<CborProfile>(["rfc8949", "sluice"])("profile %s", (profile) => {
  test("all 81 examples of RFC 8949 appendix A are there", () => {
    expect(new Set(appendixA.vectors.map((vector) => vector.hex)).size).toBe(81);
  });

  test.each<Vector>(appendixA.vectors)("appendix A: $hex", (vector) => {
    expect(check(vector.hex, profile)).toBe(vector[profile]);
  });

  test.each<Vector & { why: string }>(kinds.vectors)("$hex: $why", (vector) => {
    expect(check(vector.hex, profile)).toBe(vector[profile]);
  });

  test("one byte more than allowed is size, unread", () => {
    const limits = { profile, bytesMax: 10 };
    expect(checkCbor(Uint8Array.from([0x49, ...new Uint8Array(9)]), limits)).toBeUndefined();
    expect(checkCbor(new Uint8Array(11).fill(0xff), limits)).toBe("size");
  });

  test("the depth can be bounded lower", () => {
    const bytes = Uint8Array.of(0x81, 0x81, 0x00);
    expect(checkCbor(bytes, { profile, bytesMax: 10, depthMax: 2 })).toBeUndefined();
    expect(checkCbor(bytes, { profile, bytesMax: 10, depthMax: 1 })).toBe("depth");
  });

  test("a beginning of a good item is truncated", () => {
    const good = fromHex("a30183010203026161036441424344") ?? new Uint8Array();
    expect(checkCbor(good, { profile, bytesMax: BYTES_MAX })).toBeUndefined();
    for (let length = 0; length < good.length; length++) {
      expect(checkCbor(good.subarray(0, length), { profile, bytesMax: BYTES_MAX })).toBe(
        "truncated",
      );
    }
  });

  test("I11: random bytes never throw, and what passes is well-formed", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const kind = checkCbor(bytes, { profile, bytesMax: BYTES_MAX });
        if (kind === undefined) expect(readCborTree(bytes)).toBeDefined();
        else expect(kind).toMatch(/^[a-z0-9-]+$/);
      }),
      { numRuns: 3000 },
    );
  });
});

test("every half-precision number is non-minimal in single precision, its neighbours are not", () => {
  const half = Uint8Array.of(0xf9, 0, 0);
  const single = Uint8Array.of(0xfa, 0, 0, 0, 0);
  const [halfView, singleView] = [new DataView(half.buffer), new DataView(single.buffer)];
  const wrong: string[] = [];
  const expectKind = (bits: number, kind: string | undefined): void => {
    singleView.setUint32(1, bits);
    const found = checkCbor(single, { profile: "rfc8949", bytesMax: BYTES_MAX });
    if (found !== kind) wrong.push(`${bits.toString(16)}: ${found}`);
  };
  for (let bits = 0; bits < 0x7c00; bits++) {
    halfView.setUint16(1, bits);
    const node = readCborTree(half);
    singleView.setFloat32(1, node?.is === "float" ? node.value : Number.NaN);
    const singleBits = singleView.getUint32(1);
    expectKind(singleBits, "non-minimal");
    expectKind((singleBits | 0x80000000) >>> 0, "non-minimal");
    expectKind(singleBits + 1, undefined);
    if (bits > 0) expectKind(singleBits - 1, undefined);
  }
  expect(wrong).toEqual([]);
});

test("what the sluice profile takes, rfc8949 takes too", () => {
  const bytes = fc.array(fc.constantFrom(0x00, 0x01, 0x18, 0x41, 0x61, 0x82, 0xa1, 0xa2, 0xf6), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(bytes, (list) => {
      const input = Uint8Array.from(list);
      if (checkCbor(input, { profile: "sluice", bytesMax: BYTES_MAX }) !== undefined) return;
      expect(checkCbor(input, { profile: "rfc8949", bytesMax: BYTES_MAX })).toBeUndefined();
    }),
    { numRuns: 3000 },
  );
});

test("every kind is among the vectors, but size", () => {
  const seen = new Set(
    kinds.vectors.flatMap((vector: Vector) => [vector.rfc8949, vector.sluice]).filter(Boolean),
  );
  expect([...seen].sort()).toEqual(
    [
      "bad-utf8",
      "depth",
      "duplicate-key",
      "float",
      "indefinite",
      "non-minimal",
      "simple",
      "tag",
      "trailing",
      "truncated",
      "unsorted",
    ].sort(),
  );
});
