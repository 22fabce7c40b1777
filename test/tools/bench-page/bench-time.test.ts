// The time of a bench that is watched: whoever waits for it to stand is not forgotten while it is paused, or when it has ended.

import { expect, test } from "vitest";
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
