// What stands on the display of a board, and for how long.

import { expect, test } from "vitest";
import { BoardScreen } from "../../../firmware/producer/walk-up-screen.ts";
import type { DisplayPage } from "../../../hal/display.ts";
import { simWorld } from "../../../hal/sim/world.ts";

const page = (...lines: string[]): DisplayPage => ({ lines });

function screenBench() {
  const world = simWorld({ seed: 1 });
  const shown: string[] = [];
  const display = {
    showsCodes: false,
    show: ({ lines }: DisplayPage) => shown.push(`${Math.round(world.nowMs())} ${lines.join()}`),
    close: () => Promise.resolve(),
  };
  const screen = new BoardScreen(world.clock, display, () => page("idle"));
  screen.render();
  return { world, shown, screen };
}

test("words pass, and leave what stood there before", async () => {
  const { world, shown, screen } = screenBench();
  screen.stand("a", page("delivering"));
  await world.runFor(1_500);
  screen.pass(page("words"), 2_000);
  screen.pass(page("words"), 2_000);
  await world.runFor(4_000);
  screen.drop("a");
  await world.runFor(1_000);
  expect(shown).toEqual([
    "0 idle",
    "1000 delivering",
    "1500 words",
    "4000 delivering",
    "6000 idle",
  ]);
});

test("what changes is shown once a second, and what is the same not again", async () => {
  const { world, shown, screen } = screenBench();
  for (let i = 0; i < 100; i++) {
    screen.stand("a", page(String(i)));
    await world.runFor(100);
  }
  expect(shown).toHaveLength(1 + 10);
  await world.runFor(60_000);
  expect(shown).toHaveLength(1 + 10);
});

test("several stand in turn, three seconds each, and one that is over no longer", async () => {
  const { world, shown, screen } = screenBench();
  screen.stand("a", page("a"), 10_000);
  screen.stand("b", page("b"));
  await world.runFor(14_000);
  expect(shown.slice(1).map((line) => line.slice(-1))).toEqual(["a", "b", "a", "b"]);
});

test("who pays is told what to do before all else, until he has done it", async () => {
  const { world, shown, screen } = screenBench();
  screen.ask(page("present"));
  screen.pass(page("words"), 30_000);
  await world.runFor(60_000);
  expect(shown).toEqual(["0 idle", "0 present"]);
  screen.ask(undefined);
  expect(shown.at(-1)).toBe("60000 idle");
});

test("when it is closed the last words stay", async () => {
  const { world, shown, screen } = screenBench();
  screen.close(page("closed"));
  screen.pass(page("words"), 1_000);
  await world.runFor(5_000);
  expect(shown.at(-1)).toBe("0 closed");
});
