// The time of a bench that is watched: whoever waits for it to stand is not forgotten while it is paused, or when it has ended;
// and it is as fast as was asked for.

import { expect, test } from "vitest";
import type { Clock } from "../../../hal/clock.ts";
import { simWorld } from "../../../hal/sim/world.ts";
import { BenchTime } from "../../../tools/bench-page/bench-time.ts";

function opened() {
  const [world, outside] = [simWorld({ seed: 1 }), simWorld({ seed: 1 })];
  const onError = (error: unknown): void => {
    throw error;
  };
  const { clock } = outside;
  const time = new BenchTime({ world, clock, rate: 1, onTurn: () => undefined, onError });
  return { world, time, pass: () => outside.runFor(200) };
}

test("while it is paused, all that is due at its moment comes, and what is asked is done", async () => {
  const { world, time, pass } = opened();
  await pass();
  time.pause();
  await pass();
  const pausedMs = world.nowMs();
  expect(pausedMs).toBeGreaterThan(0);
  const come: string[] = [];
  world.after(0, () => come.push("due"));
  world.after(1, () => come.push("later"));
  time.whenStanding(() => come.push("asked"));
  await pass();
  expect(come).toEqual(["due", "asked"]);
  expect(world.nowMs()).toBe(pausedMs);
});

test("a step of a time that has ended resolves, and what is asked of it is told so", async () => {
  const { time, pass } = opened();
  time.stop();
  let isDone = false;
  void time.step().then(() => {
    isDone = true;
  });
  const stood: boolean[] = [];
  time.whenStanding((stands) => stood.push(stands));
  await pass();
  expect(isDone).toBe(true);
  expect(stood).toEqual([false]);
});

/** From one turn to the next, with what a turn may take. */
const LISTENS_MS = 36;

/** A world at 100x with something to do in each of its milliseconds, which takes so much real time, on this computer. */
function hundredfold(workMs: number) {
  const [world, outside] = [simWorld({ seed: 1 }), simWorld({ seed: 1 })];
  let workedMs = 0;
  const clock: Clock = {
    ...outside.clock,
    monotonicMs: () => outside.clock.monotonicMs() + workedMs,
    at: (deadlineMs, wake) => outside.clock.at(deadlineMs - workedMs, wake),
  };
  const work = (): void => {
    workedMs += workMs;
    world.after(1, work);
  };
  work();
  let longestMs = 0;
  let lastMs = 0;
  const onTurn = (): void => {
    if (lastMs > 0) longestMs = Math.max(longestMs, clock.monotonicMs() - lastMs);
    lastMs = clock.monotonicMs();
  };
  const onError = (error: unknown): void => {
    throw error;
  };
  const time = new BenchTime({ world, clock, rate: 100, onTurn, onError });
  const run = async (): Promise<{ speed: number; longestMs: number }> => {
    while (clock.monotonicMs() < 1_000) await outside.runFor(1);
    return { speed: world.nowMs() / clock.monotonicMs(), longestMs };
  };
  return { time, run };
}

test("a computer that can do it runs at the rate that is set, also when a turn takes it longer than it may", async () => {
  const { speed, longestMs } = await hundredfold(0.008).run();
  expect(speed).toBeGreaterThan(95);
  // Those outside are heard all the while.
  expect(longestMs).toBeLessThan(LISTENS_MS);
});

test("a computer that cannot do it is as fast as it can be, and those outside are heard all the while", async () => {
  const { speed, longestMs } = await hundredfold(0.02).run();
  expect(speed).toBeGreaterThan(40);
  expect(speed).toBeLessThan(50);
  expect(longestMs).toBeLessThan(LISTENS_MS);
});

test("a replay that waits for one moment after the other is no slower for it", async () => {
  const { time, run } = hundredfold(0);
  const paced = time.paced();
  const replay = async (): Promise<void> => {
    for (let n = 0; n < 200; n++) await paced.runFor(1_000);
  };
  void replay();
  expect((await run()).speed).toBeGreaterThan(90);
});

test("a world that is driven stands while its driver is busy with something else, and goes on when he is gone", async () => {
  const { world, time, pass } = opened();
  const paced = time.paced();
  const come: number[] = [];
  const drive = async (): Promise<void> => {
    await paced.runFor(50);
    come.push(world.nowMs());
    for (let n = 0; n < 50; n++) await new Promise((resolve) => setImmediate(resolve));
    come.push(world.nowMs());
    await paced.runFor(50);
    come.push(world.nowMs());
  };
  const done = drive();
  while (come.length < 3) await pass();
  await done;
  expect(come).toEqual([50, 50, 100]);
  await pass();
  expect(world.nowMs()).toBe(100);
  time.free();
  await pass();
  expect(world.nowMs()).toBeGreaterThan(200);
});
