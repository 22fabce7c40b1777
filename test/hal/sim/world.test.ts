// The simulated world: order, determinism, promises, wall clock, processes.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sleep } from "../../../hal/clock.ts";
import { eventQueue } from "../../../hal/sim/event-queue.ts";
import { seededRandom } from "../../../hal/sim/random.ts";
import { simWorld } from "../../../hal/sim/world.ts";

describe("the event queue", () => {
  test("gives back what was not canceled, by time and then by order of adding", () => {
    const actions = fc.array(fc.record({ atMs: fc.nat(20), cancels: fc.option(fc.nat(50)) }));
    fc.assert(
      fc.property(actions, (added) => {
        const queue = eventQueue();
        const events = added.map(({ atMs }, id) => ({
          atMs,
          id,
          event: queue.add(atMs, () => {}),
          canceled: false,
        }));
        for (const { cancels } of added) {
          const victim = cancels === null ? undefined : events[cancels];
          if (victim === undefined) continue;
          queue.cancel(victim.event);
          victim.canceled = true;
        }
        const expected = events
          .filter((each) => !each.canceled)
          .sort((a, b) => a.atMs - b.atMs || a.id - b.id);
        expect(queue.size()).toBe(expected.length);
        for (const each of expected) expect(queue.take()).toBe(each.event);
        expect(queue.take()).toBeUndefined();
      }),
    );
  });

  test("does not grow with events that are armed and canceled", () => {
    const queue = eventQueue();
    const kept = queue.add(5, () => {});
    for (let i = 0; i < 10_000; i++) queue.cancel(queue.add(1_000_000, () => {}));
    expect(queue.size()).toBe(1);
    expect(queue.take()).toBe(kept);
  });
});

describe("time", () => {
  test("jumps to each event and stands at the end of the run", async () => {
    const world = simWorld({ seed: 1 });
    const seen: number[] = [];
    for (const ms of [300, 100, 200]) world.after(ms, () => seen.push(world.nowMs()));
    await world.runUntil(250);
    expect(seen).toEqual([100, 200]);
    expect(world.nowMs()).toBe(250);
    await world.runFor(100);
    expect(seen).toEqual([100, 200, 300]);
  });

  test("events of one instant run in the order they were added", async () => {
    const world = simWorld({ seed: 1 });
    const seen: string[] = [];
    world.at(10, () => {
      seen.push("a");
      world.at(10, () => seen.push("c"));
    });
    world.at(10, () => seen.push("b"));
    await world.runFor(10);
    expect(seen).toEqual(["a", "b", "c"]);
  });

  test("an event that throws rejects the run", async () => {
    const world = simWorld({ seed: 1 });
    world.after(5, () => {
      throw new Error("planted");
    });
    await expect(world.runFor(10)).rejects.toThrow("planted");
  });

  test("a program that never lets time go on is told so", () => {
    const world = simWorld({ seed: 1 });
    const again = (): void => {
      world.after(0, again);
    };
    again();
    expect(() => world.advance(1)).toThrow("time stands still");
  });

  test("runWhile ends when the predicate ceases to hold, or at the limit", async () => {
    const world = simWorld({ seed: 1 });
    let done = false;
    world.after(50, () => {
      done = true;
    });
    expect(await world.runWhile(() => !done, 40)).toBe(false);
    expect(world.nowMs()).toBe(40);
    expect(await world.runWhile(() => !done, 1_000)).toBe(true);
    expect(world.nowMs()).toBe(50);
  });

  test("the wall clock jumps and the monotonic one does not", async () => {
    const world = simWorld({ seed: 1, wallQuality: "unset", wallStartMs: 0 });
    await world.runFor(1_000.5);
    expect(world.clock.wallMs()).toBe(1_000);
    expect(world.clock.wallQuality()).toBe("unset");
    world.setWall(1_800_000_000_000, "synchronised");
    await world.runFor(10);
    expect(world.clock.wallMs()).toBe(1_800_000_000_010);
    expect(world.clock.wallQuality()).toBe("synchronised");
    expect(world.clock.monotonicMs()).toBe(1_010.5);
  });
});

describe("promises between events", () => {
  async function deep(levels: number): Promise<number> {
    return levels === 0 ? 0 : 1 + (await deep(levels - 1));
  }

  test("run to their end before the next event, however deeply nested", async () => {
    const world = simWorld({ seed: 1 });
    const seen: string[] = [];
    world.at(1, () => void deep(5_000).then((levels) => seen.push(`nested ${levels}`)));
    world.at(1, () => seen.push("next event"));
    await world.runFor(1);
    expect(seen).toEqual(["nested 5000", "next event"]);
  });

  test("a program of awaits proceeds in virtual time", async () => {
    const world = simWorld({ seed: 1 });
    const seen: number[] = [];
    const program = async (): Promise<void> => {
      for (let i = 0; i < 5; i++) {
        await sleep(world.clock, 1_000);
        await Promise.all([deep(20), sleep(world.clock, 500)]);
        seen.push(world.nowMs());
      }
    };
    const ended = program();
    await world.runFor(60_000);
    await ended;
    expect(seen).toEqual([1_500, 3_000, 4_500, 6_000, 7_500]);
  });
});

describe("chance", () => {
  test("I15: the same seed and name give the same draws, another name or seed others", () => {
    const draw = (seed: number, name: string): number[] => {
      const random = seededRandom(seed, name);
      return Array.from({ length: 8 }, () => random.uint32());
    };
    expect(draw(7, "a")).toEqual(draw(7, "a"));
    expect(draw(7, "a")).not.toEqual(draw(7, "b"));
    expect(draw(7, "a")).not.toEqual(draw(8, "a"));
    expect(draw(7, "a")).not.toEqual(draw(7 + 2 ** 32, "a"));
  });

  test("draws stay in range and reach its ends", () => {
    const random = seededRandom(3, "range");
    const below = new Set<number>();
    for (let i = 0; i < 1_000; i++) below.add(random.below(5));
    expect([...below].sort()).toEqual([0, 1, 2, 3, 4]);
    for (let i = 0; i < 1_000; i++) {
      const ms = random.betweenMs(10, 30);
      expect(ms >= 10 && ms <= 30).toBe(true);
    }
    expect(random.betweenMs(4, 4)).toBe(4);
    expect(random.chance(0)).toBe(false);
    expect(random.chance(1_000_000)).toBe(true);
  });

  test("entropy of one name goes on, and is not all alike", () => {
    const world = simWorld({ seed: 1 });
    const entropy = world.entropy("keys");
    expect(entropy.bytes(32)).not.toEqual(entropy.bytes(32));
    expect(world.entropy("keys").bytes(4)).toEqual(world.entropy("keys").bytes(4));
  });
});

test("a killed process wakes no more, the world goes on", async () => {
  const world = simWorld({ seed: 1 });
  const process = world.process();
  const seen: string[] = [];
  process.clock.at(10, () => seen.push("before"));
  process.clock.at(30, () => seen.push("after"));
  world.at(20, () => process.kill());
  world.at(40, () => seen.push("world"));
  await world.runFor(50);
  expect(seen).toEqual(["before", "world"]);
  expect(process.alive()).toBe(false);
});
