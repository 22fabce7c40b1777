// Units and pulses: exact, rounded once, in the payer's favour.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AMOUNT_MINOR_MAX, PULSES_MAX, UNITS_MAX } from "../../firmware/protocol/messages.ts";
import { grantPulses, milliUnits, valueOfPulses } from "../../firmware/units.ts";

const ratio = fc.record({
  numerator: fc.integer({ min: 1, max: 100_000 }),
  denominator: fc.integer({ min: 1, max: 1000 }),
});
const units = fc.integer({ min: 1, max: 10_000 });
const price = fc.integer({ min: 1, max: 100_000 });

describe("grantPulses", () => {
  test.each([
    [10, { numerator: 1000, denominator: 1 }, 10_000],
    [3, { numerator: 450, denominator: 1 }, 1350],
    [1, { numerator: 10, denominator: 3 }, 4],
    [3, { numerator: 10, denominator: 3 }, 10],
    [1, { numerator: 1, denominator: 1000 }, 1],
    [0, { numerator: 1000, denominator: 1 }, 0],
    [UNITS_MAX, { numerator: PULSES_MAX, denominator: UNITS_MAX }, PULSES_MAX],
  ])("%i units at %j are %i pulses", (count, per, expected) => {
    expect(grantPulses(count, per)).toBe(expected);
  });

  test("is the least whole number of pulses that holds the units", () => {
    fc.assert(
      fc.property(units, ratio, (count, per) => {
        const grant = BigInt(grantPulses(count, per)) * BigInt(per.denominator);
        const exact = BigInt(count) * BigInt(per.numerator);
        expect(grant >= exact && grant - BigInt(per.denominator) < exact).toBe(true);
      }),
    );
  });

  test("refuses a ratio that is none as a bug of ours", () => {
    expect(() => grantPulses(1, { numerator: 0, denominator: 1 })).toThrow();
    expect(() => grantPulses(1, { numerator: 1, denominator: 0 })).toThrow();
  });
});

describe("valueOfPulses", () => {
  test("I4: a full grant has the full price, and no pulse beyond it adds anything", () => {
    fc.assert(
      fc.property(units, price, ratio, fc.nat(1_000_000), (count, each, per, beyond) => {
        const grant = grantPulses(count, per);
        expect(valueOfPulses(grant, each, count, per)).toBe(each * count);
        expect(valueOfPulses(grant + beyond, each, count, per)).toBe(each * count);
        expect(valueOfPulses(0, each, count, per)).toBe(0);
      }),
    );
  });

  test("I4: never falls as pulses rise, and is never above their exact value", () => {
    fc.assert(
      fc.property(units, price, ratio, fc.nat(), fc.nat(), (count, each, per, a, b) => {
        const grant = grantPulses(count, per);
        const [less, more] = [Math.min(a, b) % (grant + 1), Math.max(a, b) % (grant + 1)].sort(
          (x, y) => x - y,
        ) as [number, number];
        const value = valueOfPulses(less, each, count, per);
        expect(value).toBeLessThanOrEqual(valueOfPulses(more, each, count, per));
        const exact = BigInt(less) * BigInt(each) * BigInt(per.denominator);
        expect(BigInt(value) * BigInt(per.numerator) <= exact).toBe(true);
      }),
    );
  });

  test("I4: what several sessions are charged is the value of all they delivered", () => {
    fc.assert(
      fc.property(
        units,
        price,
        ratio,
        fc.array(fc.nat(50_000), { maxLength: 8 }),
        (count, each, per, parts) => {
          const value = (pulses: number) => valueOfPulses(pulses, each, count, per);
          let delivered = 0;
          let charged = 0;
          for (const part of parts) {
            charged += value(delivered + part) - value(delivered);
            delivered += part;
          }
          expect(charged).toBe(value(delivered));
          expect(charged).toBeLessThanOrEqual(each * count);
        },
      ),
    );
  });

  test("I4: loses nothing at the greatest counts and amounts", () => {
    const per = { numerator: PULSES_MAX, denominator: 1 };
    const all = AMOUNT_MINOR_MAX;
    expect(valueOfPulses(PULSES_MAX, all, 1, per)).toBe(all);
    expect(valueOfPulses(PULSES_MAX - 1, all, 1, per)).toBe(all - 1);
    expect(valueOfPulses(PULSES_MAX - 5, all, 1, per)).toBe(all - 2);
    expect(valueOfPulses(5, all, 1, per)).toBe(1);
    expect(valueOfPulses(3, all, 1, per)).toBe(0);
    fc.assert(
      fc.property(fc.nat(PULSES_MAX), fc.integer({ min: 1, max: all }), (pulses, each) => {
        const exact = (BigInt(pulses) * BigInt(each)) / BigInt(PULSES_MAX);
        expect(BigInt(valueOfPulses(pulses, each, 1, per))).toBe(exact);
      }),
    );
  });
});

describe("milliUnits", () => {
  test("are thousandths, rounded down", () => {
    expect(milliUnits(6250, { numerator: 1000, denominator: 1 })).toBe(6250);
    expect(milliUnits(449, { numerator: 450, denominator: 1 })).toBe(997);
    expect(milliUnits(1, { numerator: 10, denominator: 3 })).toBe(300);
    expect(milliUnits(PULSES_MAX, { numerator: 1, denominator: 1000 })).toBe(4e15);
  });

  test("of a grant are the units, less than one pulse away", () => {
    fc.assert(
      fc.property(units, ratio, (count, per) => {
        const pulses = grantPulses(count, per);
        expect(milliUnits(pulses, per)).toBeGreaterThanOrEqual(1000 * count);
        expect(milliUnits(pulses - 1, per)).toBeLessThan(1000 * count);
      }),
    );
  });
});
