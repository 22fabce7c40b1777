// The frame of a proof: small, and strict about what it takes.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CHAIN_UNITS_MAX, LINK_BYTES } from "../../../firmware/protocol/messages.ts";
import { decodeProof, encodeProof } from "../../../firmware/protocol/stream-proof.ts";

const LINK = new Uint8Array(LINK_BYTES).fill(7);

test.each([
  [1, 19],
  [23, 19],
  [24, 20],
  [255, 20],
  [256, 21],
  [CHAIN_UNITS_MAX, 21],
])("a proof of %i units is %i bytes", (units, bytes) => {
  const frame = encodeProof({ units, link: LINK });
  expect(frame).toHaveLength(bytes);
  expect(decodeProof(frame)).toEqual({ ok: true, value: { units, link: LINK } });
});

describe("I11: refused is", () => {
  test.each<[string, number[]]>([
    ["nothing", []],
    ["what is too long, unread", Array(64).fill(0x80)],
    ["a short link", [0x82, 1, 0x4f, ...Array(15).fill(0)]],
    ["a long link", [0x82, 1, 0x51, ...Array(17).fill(0)]],
    ["a length that is not the shortest", [0x82, 0x18, 1, 0x50, ...Array(16).fill(0)]],
    ["more units than a chain has", [0x82, 0x1a, 0, 1, 0, 0, 0x50, ...Array(16).fill(0)]],
    ["units below nothing", [0x82, 0x20, 0x50, ...Array(16).fill(0)]],
    ["a link alone", [0x81, 0x50, ...Array(16).fill(0)]],
    ["what has a third item", [0x83, 1, 0x50, ...Array(16).fill(0), 0]],
    ["a map", [0xa1, 1, 0x50, ...Array(16).fill(0)]],
    ["what goes on", [0x82, 1, 0x50, ...Array(16).fill(0), 0]],
  ])("%s", (_, bytes) => {
    expect(decodeProof(Uint8Array.from(bytes)).ok).toBe(false);
  });

  test("whatever is not what it would be written as", () => {
    fc.assert(
      fc.property(fc.nat(CHAIN_UNITS_MAX), fc.nat(20), fc.nat(255), (units, at, value) => {
        const frame = encodeProof({ units, link: LINK });
        if (at < frame.length) frame[at] = value;
        const read = decodeProof(frame);
        expect(read.ok ? encodeProof(read.value) : frame).toEqual(frame);
      }),
    );
  });
});
