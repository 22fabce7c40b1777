// Answers to reset: those of real cards, those that break a rule, and anything at all.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromHex, toHex } from "../../../firmware/bytes.ts";
import {
  blockWaitMs,
  isSpeedPossible,
  ppsRequest,
  readAtr,
} from "../../../hal/drivers/iso7816-atr.ts";

const bytesOf = (hex: string): Uint8Array => fromHex(hex.replaceAll(" ", "")) ?? new Uint8Array();

const T0 = "3b 65 00 00 20 63 cb 68 00";
const T1 = "3b e0 00 00 81 31 20 43 33";

describe("an answer to reset", () => {
  test("of a card that speaks T=0", () => {
    expect(readAtr(bytesOf(T0))).toEqual({
      ...{ firstProtocol: 0, protocol: 0, fiDi: 0x11, isSpecific: false, guardTime: 0 },
      ...{ waiting: 10, ifsc: 32, bwiCwi: 0x4d, crc: false, historical: bytesOf("2063cb6800") },
    });
  });

  test("of a card that speaks T=1", () => {
    expect(readAtr(bytesOf(T1))).toMatchObject({
      ...{ firstProtocol: 1, protocol: 1, ifsc: 0x20, bwiCwi: 0x43, crc: false },
    });
  });

  test.each([
    [
      "a speed of its own",
      "3b f0 13 00 00 81 31 20 43 30",
      { protocol: 1, fiDi: 0x13, isSpecific: false },
    ],
    ["the same over T=0", "3b 75 13 00 00 20 63 cb 68 00", { protocol: 0, fiDi: 0x13 }],
    ["a speed that is not to be negotiated", "3b 90 95 10 00", { isSpecific: true, fiDi: 0x95 }],
    ["one that is not said", "3b 90 95 10 10", { isSpecific: true, fiDi: 0x11 }],
    ["T=1 first and T=0 too", "3b 80 81 01 00", { firstProtocol: 1, protocol: 1 }],
    ["T=14 first and T=1 too", "3b 80 8e 01 0f", { firstProtocol: 14, protocol: 1 }],
    ["a block checksum of two bytes", "3b 80 81 41 01 41", { protocol: 1, crc: true }],
    ["a waiting time", "3b 80 40 0f", { protocol: 0, waiting: 15 }],
    ["turned-over bits", "3f 00", { protocol: 0 }],
  ])("says %s", (_, hex, expected) => {
    expect(readAtr(bytesOf(hex))).toMatchObject(expected);
  });

  test.each([
    ["nothing", ""],
    ["one byte", "3b"],
    ["a first byte that is none", "3c 65 00 00 20 63 cb 68 00"],
    ["a wrong checksum", "3b e0 00 00 81 31 20 43 34"],
    ["a byte too many", `${T0} 00`],
    ["a block size of 0", "3b e0 00 00 81 31 00 43 13"],
    ["a block size of 255", "3b e0 00 00 81 31 ff 43 ec"],
    ["a waiting time beyond all", "3b e0 00 00 81 31 20 a3 d3"],
    ["neither T=0 nor T=1", "3b 80 0e 8e"],
    ["a protocol of its own that is neither", "3b 90 11 1e 0e 91"],
    ["more than 33 bytes", `3b 8f ${"81".repeat(40)}`],
  ])("that is %s is refused", (_, hex) => {
    expect(readAtr(bytesOf(hex))).toBeUndefined();
  });

  test("that is cut, or has one bit wrong where a checksum guards it, is refused", () => {
    for (const whole of [T0, T1].map(bytesOf)) {
      for (let end = 0; end < whole.length; end++) {
        expect(readAtr(whole.slice(0, end)), `${end} bytes`).toBeUndefined();
      }
    }
    const guarded = bytesOf(T1);
    for (let bit = 8; bit < guarded.length * 8; bit++) {
      const flipped = guarded.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(readAtr(flipped), toHex(flipped)).toBeUndefined();
    }
  });

  test("of any bytes is read or refused, and says only what can be", () => {
    const likely = fc
      .uint8Array({ maxLength: 34 })
      .map((bytes) => (bytes.length > 0 ? Uint8Array.of(0x3b, ...bytes.subarray(1)) : bytes));
    fc.assert(
      fc.property(likely, (bytes) => {
        const atr = readAtr(bytes);
        if (atr === undefined) return;
        expect([0, 1]).toContain(atr.protocol);
        if (atr.protocol === 1) expect(atr.ifsc).toBeGreaterThan(0);
        expect(atr.historical.length).toBeLessThanOrEqual(15);
      }),
      { numRuns: 2_000 },
    );
  });
});

test("a speed beyond the reader is not asked for", () => {
  expect([0x11, 0x13, 0x18, 0x95, 0x96].map(isSpeedPossible)).not.toContain(false);
  // Beyond 344086 baud, and values that mean nothing.
  expect([0x97, 0x10, 0x1f, 0x71, 0xf1].map(isSpeedPossible)).not.toContain(true);
});

test("the request for a speed is the one that others send", () => {
  expect(toHex(ppsRequest(1, 0x13))).toBe("ff1113fd");
  expect(toHex(ppsRequest(0, 0x13))).toBe("ff1013fc");
});

test("a block is waited for as long as the card said", () => {
  // 960 times 372 clocks at 4 MHz, doubled with each step.
  expect(blockWaitMs(0x03)).toBeCloseTo(89.28, 2);
  expect(blockWaitMs(0x43)).toBeCloseTo(1428.48, 2);
});
