// What the payer of a streamed order lets go, and when: never more ahead of delivery than he chose, and always enough for
// the seller to go on.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type PayerStream, unitsAhead, unitsDue } from "../../../firmware/consumer/stream-payer.ts";
import {
  judgeProof,
  limitPulses,
  type SellerStream,
} from "../../../firmware/producer/stream-seller.ts";
import { grantPulses } from "../../../firmware/units.ts";
import { openNodeCrypto } from "../../../hal/linux/node-crypto.ts";

const crypto = openNodeCrypto();
const ORDER = "00112233445566aa";
const LINK = new Uint8Array(16);

const payer = (more: Partial<PayerStream>): PayerStream => ({
  ...{ units: 20, ratio: { numerator: 10, denominator: 1 }, step: 1, window: 1, released: 0 },
  ...more,
});

const sizes = fc.record({
  units: fc.integer({ min: 1, max: 60 }),
  step: fc.integer({ min: 1, max: 12 }),
  window: fc.nat(12),
  released: fc.nat(60),
  ratio: fc.record({
    numerator: fc.integer({ min: 1, max: 40 }),
    denominator: fc.integer({ min: 1, max: 40 }),
  }),
});

const share = fc.double({ min: 0, max: 1, noNaN: true });

/** Some count within the order. */
function pulsesAt({ units, ratio }: PayerStream, part: number): number {
  return Math.floor(part * grantPulses(units, ratio));
}

describe("what is let go", () => {
  test("with a window of a step or more: each step once it is delivered, none ahead", () => {
    const stream = payer({ step: 2, window: 3 });
    const due = [0, 19, 20, 39, 40, 41].map((pulses) => unitsDue(stream, pulses, false));
    expect(due).toEqual([0, 0, 2, 2, 4, 4]);
  });

  test("without a window: a whole step ahead", () => {
    const stream = payer({ step: 3, window: 0 });
    const due = [0, 9, 29, 30, 59].map((pulses) => unitsDue(stream, pulses, false));
    expect(due).toEqual([3, 3, 3, 6, 6]);
  });

  test("with a window below a step: as much ahead as the window lacks", () => {
    expect(unitsAhead({ step: 3, window: 1 })).toBe(2);
    const stream = payer({ step: 3, window: 1 });
    const due = [0, 9, 10, 39, 40].map((pulses) => unitsDue(stream, pulses, false));
    expect(due).toEqual([0, 0, 3, 3, 6]);
  });

  test("at the end of a session the unit that was begun, and no step ahead", () => {
    const stream = payer({ step: 5, window: 0, released: 0 });
    const due = [0, 1, 10, 11, 19].map((pulses) => unitsDue(stream, pulses, true));
    expect(due).toEqual([0, 1, 1, 2, 2]);
  });

  test("the last units, though they make up no whole step", () => {
    const stream = payer({ units: 7, step: 3, window: 3 });
    expect(unitsDue(stream, 69, false)).toBe(6);
    expect(unitsDue(stream, 70, false)).toBe(7);
    expect(unitsDue(stream, 7000, false)).toBe(7);
  });

  test("is never taken back", () => {
    fc.assert(
      fc.property(sizes, share, fc.boolean(), (size, part, isEnded) => {
        const stream = { ...size, released: Math.min(size.released, size.units) };
        const due = unitsDue(stream, pulsesAt(stream, part), isEnded);
        expect(due).toBeGreaterThanOrEqual(stream.released);
        expect(due).toBeLessThanOrEqual(stream.units);
      }),
    );
  });

  test("I4: is never further ahead of delivery than step less window, at the end than the unit begun", () => {
    fc.assert(
      fc.property(sizes, share, fc.boolean(), (size, part, isEnded) => {
        const stream = { ...size, released: 0 };
        const pulses = pulsesAt(stream, part);
        const due = unitsDue(stream, pulses, isEnded);
        const ahead = grantPulses(due, stream.ratio) - pulses;
        // Where a pulse is no whole part of a unit, the one that completes it is of the next unit too.
        const begun = grantPulses(1, stream.ratio) - (stream.ratio.denominator === 1 ? 1 : 0);
        const most = isEnded ? begun : grantPulses(unitsAhead(stream), stream.ratio);
        expect(ahead).toBeLessThanOrEqual(Math.max(0, most));
      }),
    );
  });

  test("is enough for the seller to go on wherever it holds, whatever was proved with other steps before", () => {
    fc.assert(
      fc.property(sizes, fc.nat(60), (size, before) => {
        const proved = Math.min(before, size.units - 1);
        const seller: SellerStream = { ...size, proved, order: ORDER, link: LINK };
        const due = unitsDue({ ...size, released: 0 }, limitPulses(seller), false);
        expect(due).toBeGreaterThan(proved);
        expect(judgeProof(crypto, seller, due, LINK)).not.toBe("too-far");
      }),
    );
  });
});
