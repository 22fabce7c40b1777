// A clock whose wall time does not jump, whatever the wall clock under it does.

import { describe, expect, test } from "vitest";
import { openSteadyClock } from "../../firmware/steady-clock.ts";
import { type SimWorld, simWorld } from "../../hal/sim/world.ts";

const START_MS = 1_767_225_600_000;
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const YEAR_MS = 365 * DAY_MS;

function opened(lastMs?: number, world: SimWorld = simWorld({ seed: 1 })) {
  const log: string[] = [];
  const clock = openSteadyClock(world.clock, (_, event) => void log.push(event), lastMs);
  const jump = (byMs: number): void => world.setWall(world.clock.wallMs() + byMs);
  return { world, clock, log, jump };
}

describe.each([YEAR_MS, -YEAR_MS, 3 * MINUTE_MS, -3 * MINUTE_MS])("a jump of %d ms", (byMs) => {
  test("is not followed, and puts the clock in doubt", () => {
    const { world, clock, log, jump } = opened();
    jump(byMs);
    expect(clock.wallQuality()).toBe("unset");
    world.advance(5_000);
    expect(clock.wallMs()).toBe(START_MS + 5_000);
    expect(clock.settle()).toBeUndefined();
    expect(log).toEqual(["clock-jumped"]);
  });

  test("is believed when the clock has run on for ten minutes, and says by how much it moved", () => {
    const { world, clock, jump } = opened();
    jump(byMs);
    clock.wallMs();
    world.advance(10 * MINUTE_MS - 1);
    expect(clock.settle()).toBeUndefined();
    world.advance(1);
    expect(clock.settle()).toBe(byMs);
    expect(clock.wallMs()).toBe(START_MS + 10 * MINUTE_MS);
    clock.believe();
    expect(clock.wallMs()).toBe(START_MS + byMs + 10 * MINUTE_MS);
    expect(clock.wallQuality()).toBe("set");
    expect(clock.settle()).toBeUndefined();
  });

  test("is believed at once from a clock in step", () => {
    const { world, clock } = opened();
    world.setWall(START_MS + byMs, "synchronised");
    expect(clock.settle()).toBe(byMs);
  });

  test("and back is as if nothing had been", () => {
    const { world, clock, jump } = opened();
    jump(byMs);
    expect(clock.wallQuality()).toBe("unset");
    world.advance(MINUTE_MS);
    jump(-byMs);
    expect([clock.wallQuality(), clock.wallMs()]).toEqual(["set", START_MS + MINUTE_MS]);
    expect(clock.settle()).toBeUndefined();
  });
});

test("another jump while in doubt begins the ten minutes anew", () => {
  const { world, clock, jump } = opened();
  jump(YEAR_MS);
  clock.wallMs();
  world.advance(9 * MINUTE_MS);
  jump(YEAR_MS);
  clock.wallMs();
  world.advance(9 * MINUTE_MS);
  expect(clock.settle()).toBeUndefined();
  world.advance(MINUTE_MS);
  expect(clock.settle()).toBe(2 * YEAR_MS);
});

test("a wall clock that is held in step by small corrections is followed", () => {
  const { world, clock, log, jump } = opened();
  for (let hour = 0; hour < 24; hour++) {
    jump(MINUTE_MS);
    world.advance(60 * MINUTE_MS);
    expect(clock.wallMs()).toBe(world.clock.wallMs());
  }
  expect(log).toEqual([]);
});

test("a wall clock that is not set is passed on, and cannot jump", () => {
  const world = simWorld({ seed: 1, wallStartMs: 0, wallQuality: "unset" });
  const { clock, log } = opened(undefined, world);
  expect([clock.wallQuality(), clock.wallMs()]).toEqual(["unset", 0]);
  world.setWall(START_MS, "set");
  expect([clock.wallQuality(), clock.wallMs()]).toEqual(["set", START_MS]);
  expect(log).toEqual([]);
});

describe("after a restart", () => {
  const DOUBT = ["unset", ["clock-jumped"]];

  test.each<[string, number, boolean]>([
    ["a day later", -DAY_MS, false],
    ["a minute earlier", MINUTE_MS, false],
    ["an hour earlier", 60 * MINUTE_MS, true],
    ["a year earlier", YEAR_MS, true],
    ["a year later", -YEAR_MS, true],
  ])("a clock that says %s", (_, aheadMs, doubted) => {
    const { clock, log } = opened(START_MS + aheadMs);
    expect([clock.wallQuality(), log]).toEqual(doubted ? DOUBT : ["set", []]);
    // Time goes on from what was known.
    if (doubted) expect(clock.wallMs()).toBe(START_MS + aheadMs);
  });

  test("a clock in step knows that a year has gone by, and that what was known was wrong", () => {
    const later = simWorld({ seed: 1, wallQuality: "synchronised" });
    expect(opened(START_MS - YEAR_MS, later).clock.wallQuality()).toBe("synchronised");
    const { clock } = opened(START_MS + YEAR_MS, later);
    expect([clock.wallQuality(), clock.settle()]).toEqual(["unset", -YEAR_MS]);
  });

  test("a year of doubt that a clock in step confirms moves nothing", () => {
    const { world, clock } = opened(START_MS - YEAR_MS);
    world.setWallQuality("synchronised");
    expect(clock.settle()).toBe(0);
    clock.believe();
    expect(clock.wallMs()).toBe(START_MS);
  });
});
