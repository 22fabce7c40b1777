// Pacing, against a second world in the place of the real clock: no real time goes by here.

import { describe, expect, test } from "vitest";
import { type Pace, paceWorld } from "../../../hal/sim/pace.ts";
import { type SimWorld, simWorld } from "../../../hal/sim/world.ts";

interface Paced {
  real: SimWorld;
  world: SimWorld;
  pace: Pace;
  seen: { dueMs: number; nowMs: number; realMs: number }[];
}

function paced(rate: number): Paced {
  const real = simWorld({ seed: 1 });
  const world = simWorld({ seed: 2 });
  const seen: Paced["seen"] = [];
  const pace = paceWorld(world, real.clock, rate);
  const tick = (dueMs: number): void => {
    seen.push({ dueMs, nowMs: world.nowMs(), realMs: real.nowMs() });
    world.at(dueMs + 100, tick);
  };
  world.at(100, tick);
  return { real, world, pace, seen };
}

describe("a paced world", () => {
  test.each([1, 4, 0.5])("runs events at their real time at rate %s", async (rate) => {
    const { real, seen } = paced(rate);
    await real.runFor(1_000);
    expect(seen).toHaveLength(10 * rate);
    expect(seen[2]).toEqual({ dueMs: 300, nowMs: 300, realMs: 300 / rate });
  });

  test("time goes on between events", async () => {
    const { real, world, pace } = paced(2);
    await real.runFor(25);
    expect(world.clock.monotonicMs()).toBe(50);
    pace.setRate(10);
    await real.runFor(3);
    expect(world.clock.monotonicMs()).toBe(80);
  });

  test("an event added from outside is run at its time, though a later one was armed", async () => {
    const { real, world } = paced(1);
    await real.runFor(10);
    let ranAtMs = 0;
    world.after(5, () => {
      ranAtMs = real.nowMs();
    });
    await real.runFor(20);
    expect(ranAtMs).toBe(15);
  });

  test("stands still while paused, can be stepped, and goes on without a jump", async () => {
    const { real, world, pace, seen } = paced(1);
    await real.runFor(150);
    pace.pause();
    await real.runFor(10_000);
    expect(pace.paused()).toBe(true);
    expect(seen).toHaveLength(1);
    expect(world.nowMs()).toBe(150);
    const stepped = pace.step();
    await real.runFor(0);
    expect(await stepped).toBe(true);
    expect(seen).toHaveLength(2);
    expect(world.nowMs()).toBe(200);
    pace.setRate(1);
    await real.runFor(100);
    expect(seen).toHaveLength(3);
    expect(world.nowMs()).toBe(300);
  });

  test("late events see how late it is", async () => {
    const { real, world, pace, seen } = paced(1);
    pace.pause();
    await real.runFor(5);
    world.bindTime(() => 250);
    pace.setRate(1);
    await real.runFor(1);
    expect(seen.slice(0, 2).map((each) => each.dueMs)).toEqual([100, 200]);
    expect(seen[0]?.nowMs).toBe(250);
  });

  test("stop gives time back to the queue", async () => {
    const { real, world, pace, seen } = paced(1);
    await real.runFor(150);
    pace.stop();
    pace.stop();
    await real.runFor(1_000);
    expect(seen).toHaveLength(1);
    await world.runFor(100);
    expect(seen).toHaveLength(2);
  });

  test("an exception of an event stops the pacing and is handed over", async () => {
    const real = simWorld({ seed: 1 });
    const world = simWorld({ seed: 2 });
    const errors: unknown[] = [];
    paceWorld(world, real.clock, 1, (error) => errors.push(error));
    world.at(10, () => {
      throw new Error("planted");
    });
    let later = false;
    world.at(20, () => {
      later = true;
    });
    await real.runFor(100);
    expect(errors).toEqual([new Error("planted")]);
    expect(later).toBe(false);
  });
});
