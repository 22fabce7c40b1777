// Units and pulses: exact, rounded once, in the payer's favour.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AMOUNT_MINOR_MAX, PULSES_MAX, UNITS_MAX } from "../../firmware/protocol/messages.ts";
import {
  coveredPulses,
  coveringUnits,
  grantPulses,
  milliUnits,
  priceOfUnits,
  runsOf,
  type Tier,
  valueOfPulses,
} from "../../firmware/units.ts";

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

/** Tiers in rising order from unit 2 on. */
const tiers = fc
  .uniqueArray(fc.integer({ min: 2, max: 10_000 }), { maxLength: 4 })
  .chain((starts) =>
    fc.tuple(
      ...starts
        .sort((a, b) => a - b)
        .map((fromUnits) =>
          fc.record({ fromUnits: fc.constant(fromUnits), amountMinor: fc.nat(100_000) }),
        ),
    ),
  ) as fc.Arbitrary<Tier[]>;
const unitPrice = fc.record({ priceMinor: price, tiers: fc.option(tiers, { nil: undefined }) });

describe("priceOfUnits", () => {
  test("I4: is what every unit costs on its own, one by one", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), unitPrice, (count, each) => {
        let sum = 0;
        for (let unit = 1; unit <= count; unit += 1) {
          const tier = (each.tiers ?? []).findLast(({ fromUnits }) => fromUnits <= unit);
          sum += tier?.amountMinor ?? each.priceMinor;
        }
        expect(priceOfUnits(count, each)).toBe(sum);
      }),
    );
  });

  test("tells units by runs of one price", () => {
    const price = { priceMinor: 40, tiers: [{ fromUnits: 11, amountMinor: 30 }] };
    expect(runsOf(10, price)).toEqual([{ units: 10, priceMinor: 40 }]);
    expect(runsOf(12, price)).toEqual([
      { units: 10, priceMinor: 40 },
      { units: 2, priceMinor: 30 },
    ]);
    expect(runsOf(0, price)).toEqual([]);
    expect(priceOfUnits(12, price)).toBe(460);
  });
});

describe("valueOfPulses", () => {
  test("I4: a full grant has the full price, and no pulse beyond it adds anything", () => {
    fc.assert(
      fc.property(units, unitPrice, ratio, fc.nat(1_000_000), (count, each, per, beyond) => {
        const grant = grantPulses(count, per);
        expect(valueOfPulses(grant, count, each, per)).toBe(priceOfUnits(count, each));
        expect(valueOfPulses(grant + beyond, count, each, per)).toBe(priceOfUnits(count, each));
        expect(valueOfPulses(0, count, each, per)).toBe(0);
      }),
    );
  });

  test("I4: never falls as pulses rise, and is the exact value rounded down", () => {
    fc.assert(
      fc.property(units, unitPrice, ratio, fc.nat(), fc.nat(), (count, each, per, a, b) => {
        const grant = grantPulses(count, per);
        const [less, more] = [Math.min(a, b) % grant, Math.max(a, b) % (grant + 1)].sort(
          (x, y) => x - y,
        ) as [number, number];
        const value = valueOfPulses(less, count, each, per);
        expect(value).toBeLessThanOrEqual(valueOfPulses(more, count, each, per));
        // In units x numerator: every tier's part of it at that tier's price.
        const done = BigInt(less) * BigInt(per.denominator);
        const starts = [{ fromUnits: 1, amountMinor: each.priceMinor }, ...(each.tiers ?? [])];
        let exact = 0n;
        for (const [i, { fromUnits, amountMinor }] of starts.entries()) {
          const from = BigInt(fromUnits - 1) * BigInt(per.numerator);
          const next = starts[i + 1]?.fromUnits;
          const to = next === undefined ? done : BigInt(next - 1) * BigInt(per.numerator);
          const until = done < to ? done : to;
          if (until > from) exact += (until - from) * BigInt(amountMinor);
        }
        if (less < grant) expect(BigInt(value)).toBe(exact / BigInt(per.numerator));
      }),
    );
  });

  test("I4: what several sessions are charged is the value of all they delivered", () => {
    fc.assert(
      fc.property(
        units,
        unitPrice,
        ratio,
        fc.array(fc.nat(50_000), { maxLength: 8 }),
        (count, each, per, parts) => {
          const value = (pulses: number) => valueOfPulses(pulses, count, each, per);
          let delivered = 0;
          let charged = 0;
          for (const part of parts) {
            charged += value(delivered + part) - value(delivered);
            delivered += part;
          }
          expect(charged).toBe(value(delivered));
          expect(charged).toBeLessThanOrEqual(priceOfUnits(count, each));
        },
      ),
    );
  });

  test("I4: a part of a larger order costs no other than of a smaller one", () => {
    fc.assert(
      fc.property(units, units, unitPrice, ratio, fc.nat(), (a, b, each, per, some) => {
        const [fewer, more] = a < b ? [a, b] : [b, a];
        const pulses = some % grantPulses(fewer, per);
        const value = valueOfPulses(pulses, fewer, each, per);
        expect(valueOfPulses(pulses, more, each, per)).toBe(value);
      }),
    );
  });

  test("I4: loses nothing at the greatest counts and amounts", () => {
    const per = { numerator: PULSES_MAX, denominator: 1 };
    const all = { priceMinor: AMOUNT_MINOR_MAX };
    expect(valueOfPulses(PULSES_MAX, 1, all, per)).toBe(AMOUNT_MINOR_MAX);
    expect(valueOfPulses(PULSES_MAX - 1, 1, all, per)).toBe(AMOUNT_MINOR_MAX - 1);
    expect(valueOfPulses(PULSES_MAX - 5, 1, all, per)).toBe(AMOUNT_MINOR_MAX - 2);
    expect(valueOfPulses(5, 1, all, per)).toBe(1);
    expect(valueOfPulses(3, 1, all, per)).toBe(0);
    const amount = fc.integer({ min: 1, max: AMOUNT_MINOR_MAX });
    fc.assert(
      fc.property(fc.nat(PULSES_MAX), amount, (pulses, each) => {
        const exact = (BigInt(pulses) * BigInt(each)) / BigInt(PULSES_MAX);
        expect(BigInt(valueOfPulses(pulses, 1, { priceMinor: each }, per))).toBe(exact);
      }),
    );
  });
});

describe("units that are paid one by one", () => {
  const per = { numerator: 10, denominator: 3 };

  test("cover whole pulses, and at the end all of them", () => {
    expect([0, 1, 2, 3, 4].map((paid) => coveredPulses(paid, 4, per))).toEqual([0, 3, 6, 10, 14]);
    expect([0, 1, 3, 4, 6, 7, 10, 11].map((count) => coveringUnits(count, per))).toEqual([
      0, 1, 1, 2, 2, 3, 3, 4,
    ]);
  });

  test("I4: are never worth less than the pulses that they cover, and cover those that they are asked for", () => {
    fc.assert(
      fc.property(
        units,
        ratio,
        price,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (all, rate, each, share) => {
          const pulses = Math.floor(share * grantPulses(all, rate));
          const paid = Math.min(coveringUnits(pulses, rate), all);
          const covered = coveredPulses(paid, all, rate);
          expect(covered).toBeGreaterThanOrEqual(pulses);
          expect(valueOfPulses(covered, all, { priceMinor: each }, rate)).toBeLessThanOrEqual(
            paid * each,
          );
        },
      ),
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
