// Quantities that can be bought: range, step, what is available, and the nearest to what was asked for.

import fc from "fast-check";
import { expect, test } from "vitest";
import type { Price, Service } from "../../../firmware/producer/catalogue.ts";
import {
  isWithin,
  nearestTo,
  rangeOf,
  rangeText,
  totalOf,
} from "../../../firmware/producer/quantity.ts";
import { AMOUNT_MINOR_MAX } from "../../../firmware/protocol/messages.ts";

const PLAIN: Price = { id: 1, name: "p", amountMinor: 45, currency: "EUR" };
const SERVICE: Service = {
  id: 1,
  name: "s",
  outlet: "o",
  meter: "m",
  prices: [PLAIN],
  unitsMax: 100,
  undelivered: "refund",
  tokenLifeS: 1,
};

const optionalUnits = fc.option(fc.integer({ min: 1, max: 120 }), { nil: undefined });
const prices = fc
  .record({
    amountMinor: fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.constant(AMOUNT_MINOR_MAX / 40)),
    minUnits: optionalUnits,
    maxUnits: optionalUnits,
    stepUnits: fc.option(fc.integer({ min: 1, max: 30 }), { nil: undefined }),
    fee: fc.option(fc.integer({ min: 1, max: AMOUNT_MINOR_MAX }), { nil: undefined }),
    tier: fc.option(fc.integer({ min: 2, max: 60 }), { nil: undefined }),
  })
  .map(({ amountMinor, minUnits, maxUnits, stepUnits, fee, tier }): Price => {
    return {
      ...PLAIN,
      amountMinor,
      ...(minUnits && { minUnits }),
      ...(maxUnits && { maxUnits }),
      ...(stepUnits && { stepUnits }),
      ...(tier && { tiers: [{ fromUnits: tier, amountMinor: 7 }] }),
      ...(fee && { fees: [{ start: true, name: "f", amountMinor: fee }] }),
    };
  });

test("the range holds every quantity that is allowed, affordable and available, and no other", () => {
  fc.assert(
    fc.property(prices, fc.option(fc.nat(120), { nil: undefined }), (price, available) => {
      const { minUnits = 1, maxUnits = 100, stepUnits = 1 } = price;
      const range = rangeOf(SERVICE, price, available);
      for (let units = 0; units <= 130; units += 1) {
        const allowed =
          units >= minUnits &&
          units <= Math.min(maxUnits, 100, available ?? 100) &&
          units % stepUnits === 0 &&
          totalOf(units, price) <= AMOUNT_MINOR_MAX;
        expect([units, range !== undefined && isWithin(units, range)]).toEqual([units, allowed]);
      }
    }),
  );
});

test("the nearest can be bought, and nothing that can be is nearer", () => {
  fc.assert(
    fc.property(prices, fc.nat(300), (price, asked) => {
      const range = rangeOf(SERVICE, price);
      if (range === undefined) return;
      const nearest = nearestTo(asked, range);
      expect(isWithin(nearest, range)).toBe(true);
      for (let units = range.min; units <= range.max; units += range.step) {
        expect(Math.abs(units - asked)).toBeGreaterThanOrEqual(Math.abs(nearest - asked));
      }
      if (isWithin(asked, range)) expect(nearest).toBe(asked);
    }),
  );
});

test("I4: the total is the units and every fee", () => {
  const fees = [
    { start: true, name: "a", amountMinor: 50 },
    { start: false, name: "b", amountMinor: 7 },
  ];
  const tiers = [{ fromUnits: 3, amountMinor: 40 }];
  expect(totalOf(4, { ...PLAIN, tiers, fees })).toBe(2 * 45 + 2 * 40 + 57);
  expect(totalOf(4, PLAIN)).toBe(180);
});

test("of two quantities as near the smaller is offered", () => {
  expect(nearestTo(15, { min: 10, max: 40, step: 10 })).toBe(10);
  expect(nearestTo(16, { min: 10, max: 40, step: 10 })).toBe(20);
  expect(nearestTo(0, { min: 10, max: 40, step: 10 })).toBe(10);
  expect(nearestTo(1_000_000, { min: 10, max: 40, step: 10 })).toBe(40);
});

test("the largest amount that there is can be asked, and none above", () => {
  const most = { ...PLAIN, amountMinor: AMOUNT_MINOR_MAX / 40 };
  expect(rangeOf(SERVICE, most)).toMatchObject({ max: 40 });
  const fees = [{ start: true, name: "f", amountMinor: 1 }];
  expect(rangeOf(SERVICE, { ...most, fees })).toMatchObject({ max: 39 });
});

test("what can be bought is said in words", () => {
  const range = { min: 5, max: 40, step: 5 };
  expect(rangeText(range, "kWh")).toBe("from 5 to 40 kWh in steps of 5 can be bought");
  expect(rangeText({ ...range, min: 40, step: 1 }, "L")).toBe("40 L can be bought");
  expect(rangeText({ min: 1, max: 3, step: 1 }, "item")).toBe("from 1 to 3 items can be bought");
  expect(rangeText({ min: 1, max: 1, step: 1 }, "item")).toBe("1 item can be bought");
});
