// What is kept of all that was done to a bench: never more than can be done again.

import { expect, test } from "vitest";
import type { BenchAction } from "../../bench/bench-action.ts";
import { DONE_BYTES_MAX, DONE_STEPS_MAX, DoneActions } from "../../bench/done-actions.ts";
import { readBoards } from "../../tools/bench-page/page-boards.ts";
import { readScenario, SCENARIO_BYTES_MAX } from "../../tools/scenario-file.ts";
import { scenarioText } from "../../tools/scenario-text.ts";
import { value } from "../sim/story.ts";

const PRESS: BenchAction = { board: "pi-charger", do: "press", button: "stop" };

function frame(bytes: number): BenchAction {
  const payload = "a5".repeat(bytes);
  return { board: "pi-charger", do: "frame", from: "a-buyer", topic: "s1/r/device/abc", payload };
}

test("as many steps as a scenario may have are kept, and no more", () => {
  const done = new DoneActions();
  for (let atMs = 1; atMs <= DONE_STEPS_MAX; atMs++) done.add({ atMs, action: PRESS });
  expect(done.size()).toMatchObject({ steps: DONE_STEPS_MAX, isTooLong: false });
  const setup = { seed: 1, boards: value(readBoards(["boards/virtual-pi-charger.yaml"])) };
  const text = scenarioText({ setup, done: done.list(), endMs: DONE_STEPS_MAX + 1 });
  expect(value(readScenario(text)).steps).toHaveLength(DONE_STEPS_MAX);
  done.add({ atMs: DONE_STEPS_MAX + 1, action: PRESS });
  expect(done.size()).toMatchObject({ steps: DONE_STEPS_MAX, isTooLong: true });
  expect(done.list()).toHaveLength(DONE_STEPS_MAX);
}, 60_000);

test("frames are kept up to what a page may send back, whatever their size", () => {
  for (const bytes of [100, 4_000, 16_000]) {
    const done = new DoneActions();
    const action = frame(bytes);
    for (let n = 0; n < 20_000 && !done.size().isTooLong; n++) done.add({ atMs: 1e9 + n, action });
    const { bytes: kept, isTooLong, steps } = done.size();
    expect([isTooLong, kept <= DONE_BYTES_MAX]).toEqual([true, true]);
    expect(steps).toBeGreaterThan(0);
    const setup = { seed: 1, boards: value(readBoards(["boards/virtual-pi-charger.yaml"])) };
    const replay = scenarioText({ setup, done: done.list(), endMs: 2e9 });
    expect(JSON.stringify({ id: 1e9, replay }).length).toBeLessThan(SCENARIO_BYTES_MAX);
    // What comes later and is short is not kept either: the middle would be missing.
    done.add({ atMs: 2e9, action: PRESS });
    expect(done.size().steps).toBe(steps);
  }
});
