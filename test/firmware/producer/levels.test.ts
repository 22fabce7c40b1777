// How much may be sold by a level: from its last reading, its age, its reserve, and what is sold already.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { LevelLimit, Service } from "../../../firmware/producer/catalogue.ts";
import { openLevels } from "../../../firmware/producer/levels.ts";
import type { Order } from "../../../firmware/producer/order.ts";
import type { SensorReport } from "../../../hal/loop-host.ts";
import { simWorld } from "../../../hal/sim/world.ts";

const LEVEL: LevelLimit = {
  sensor: "tank",
  readingsPerUnit: { numerator: 10, denominator: 1 },
  reserve: 100,
};
const TANK: SensorReport = {
  sensor: "tank",
  unit: "dL",
  value: 150,
  ageMs: 0,
  staleAfterMs: 10_000,
  quality: "good",
};

function service(id: number, level?: LevelLimit): Service {
  return {
    ...{ id, name: "Water", outlet: "nozzle", meter: "flow", prices: [], unitsMax: 100 },
    ...{ undelivered: "refund", tokenLifeS: 3600 },
    ...(level && { level }),
  };
}

/** Of 450 pulses a unit. */
function order(id: string, sold: number, change: object = {}): Order {
  const terms = { service: sold, numerator: 450, denominator: 1 };
  const counted = { state: "paid", grantPulses: 900, pulses: 0 };
  // Nothing else of an order is looked at.
  return { id, terms, outlet: "nozzle", meter: "flow", ...counted, ...change } as unknown as Order;
}

function bench(orders: Order[] = [], services: Service[] = [service(1, LEVEL)]) {
  const world = simWorld({ seed: 1 });
  const delivered = new Map<string, number>();
  const levels = openLevels({
    clock: world.clock,
    orders: () => orders,
    delivered: (id) => delivered.get(id) ?? 0,
    levelOf: (sold) => services.find(({ id }) => id === sold)?.level,
  });
  return { world, levels, delivered };
}

describe("units that can be supplied", () => {
  test("are those of the level above its reserve, rounded down", () => {
    const { levels } = bench();
    for (const [value, units] of [
      [150, 5],
      [149, 4],
      [100, 0],
      [99, 0],
      [-5, 0],
    ] as const) {
      levels.onReports([{ ...TANK, value }], 0);
      expect(levels.available(service(1, LEVEL))).toBe(units);
    }
  });

  test("are not limited where no level limits them", () => {
    const { levels } = bench();
    expect(levels.available(service(1))).toBeUndefined();
  });

  test("are none before the first reading, of another sensor, on a stale one and on a lost one", () => {
    const { levels } = bench();
    const wanted = service(1, LEVEL);
    expect(levels.available(wanted)).toBe(0);
    levels.onReports([{ ...TANK, sensor: "other" }], 0);
    expect(levels.available(wanted)).toBe(0);
    levels.onReports([{ ...TANK, quality: "stale" }], 0);
    expect(levels.available(wanted)).toBe(0);
    levels.onReports([{ ...TANK, quality: "lost" }], 0);
    expect(levels.available(wanted)).toBe(0);
    levels.onReports([TANK], 0);
    expect(levels.available(wanted)).toBe(5);
    levels.onLost();
    expect(levels.available(wanted)).toBe(0);
  });

  test("are none once a reading has grown old here, though it was good when it was sent", () => {
    const { world, levels } = bench();
    levels.onReports([{ ...TANK, ageMs: 4_000 }], 0);
    world.advance(6_000);
    expect(levels.available(service(1, LEVEL))).toBe(5);
    expect(levels.readings()).toMatchObject([{ ageMs: 10_000, quality: "good" }]);
    world.advance(1);
    expect(levels.available(service(1, LEVEL))).toBe(0);
    expect(levels.readings()).toMatchObject([{ ageMs: 10_001, quality: "stale" }]);
  });

  test("are fewer by what is paid, or being paid, and not delivered", () => {
    const running = order("c", 1, { pulses: 100 });
    const { levels, delivered } = bench([
      order("a", 1, { state: "closed" }),
      order("b", 1, { state: "taking", grantPulses: 450 }),
      running,
    ]);
    levels.onReports([{ ...TANK, value: 200 }], 0);
    // 1 and 1.78 units: 10 and 18 readings.
    expect(levels.available(service(1, LEVEL))).toBe(7);
    delivered.set("c", 800);
    expect(levels.available(service(1, LEVEL))).toBe(9);
  });

  test("are fewer by what other services sell from the same tank, and services that are gone did", () => {
    const half = { ...LEVEL, readingsPerUnit: { numerator: 5, denominator: 1 } };
    const elsewhere = { ...LEVEL, sensor: "other" };
    const services = [service(1, LEVEL), service(2, half), service(3, elsewhere), service(4)];
    const sold = [2, 3, 4, 9].map((id) => order(`of ${id}`, id));
    const away = order("away", 9, { outlet: "second" });
    const { levels } = bench([...sold, away], services);
    levels.onReports([{ ...TANK, value: 200 }], 0);
    // Ten of service 2; the two that have no level any more drew on the same meter, twenty each.
    expect(levels.available(service(1, LEVEL))).toBe(5);
  });

  test("I8: are fewer by what was delivered after the reading was taken, each order rounded once", () => {
    const done = order("a", 1, { state: "closed" });
    const { world, levels } = bench([done]);
    world.advance(20_000);
    levels.onReports([{ ...TANK, value: 200, ageMs: 4_000 }], 20_000);
    expect(levels.available(service(1, LEVEL))).toBe(10);
    // Before the reading, which has it; after it, in parts of less than a reading.
    levels.onDelivered(done, 450, 15_900);
    expect(levels.available(service(1, LEVEL))).toBe(10);
    for (let i = 1; i <= 90; i++) levels.onDelivered(done, 5, 16_000 + 40 * i);
    expect(levels.available(service(1, LEVEL))).toBe(9);
    levels.onReports([{ ...TANK, value: 190 }], 21_000);
    expect(levels.available(service(1, LEVEL))).toBe(9);
    // A new loop begins with a clock and readings of its own.
    levels.onDelivered(done, 450, 21_500);
    expect(levels.available(service(1, LEVEL))).toBe(8);
    levels.onLost();
    levels.onReports([{ ...TANK, value: 180 }], 500);
    expect(levels.available(service(1, LEVEL))).toBe(8);
  });

  test("never more than the level holds, whatever the numbers", () => {
    const number = fc.integer({ min: 1, max: 1_000_000_000 });
    const run = fc.record({ value: fc.integer(), reserve: number, numerator: number, per: number });
    fc.assert(
      fc.property(run, fc.nat(4_000_000_000), ({ value, reserve, numerator, per }, pulses) => {
        const level = { ...LEVEL, reserve, readingsPerUnit: { numerator, denominator: per } };
        const { levels } = bench([order("a", 1, { grantPulses: pulses })], [service(1, level)]);
        levels.onReports([{ ...TANK, value }], 0);
        const units = BigInt(levels.available(service(1, level)) ?? -1);
        expect(units >= 0n).toBe(true);
        const taken = units * BigInt(numerator) * 450n + BigInt(pulses) * BigInt(numerator);
        if (units > 0n) {
          expect(taken <= BigInt(value - reserve) * BigInt(per) * 450n).toBe(true);
        }
      }),
    );
  });
});

test("readings are told with their age; those of a lost loop are lost", () => {
  const { world, levels } = bench();
  expect(levels.readings()).toEqual([]);
  levels.onReports([TANK], 0);
  world.advance(500);
  expect(levels.readings()).toEqual([
    { sensor: "tank", unit: "dL", value: 150, ageMs: 500, quality: "good" },
  ]);
  levels.onLost();
  world.advance(500);
  expect(levels.readings()).toMatchObject([{ value: 150, ageMs: 1_000, quality: "lost" }]);
});
