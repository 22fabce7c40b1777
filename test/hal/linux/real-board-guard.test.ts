// A board of which one part cannot be opened: its guard is not told that all is well, because an output that was not
// reached may be as a dead program left it.

import { expect, test, vi } from "vitest";
import { COMPUTERS } from "../../../boards/computers.ts";
import { genericPump } from "../../../boards/generic-pump.ts";
import { HalError } from "../../../hal/hal-error.ts";
import { openRealBoard } from "../../../hal/linux/real-board.ts";
import { openSystemClock } from "../../../hal/linux/system-clock.ts";

const done = vi.hoisted((): string[] => []);

vi.mock("../../../hal/linux/gpio-guard.ts", () => ({
  startGuard: async () => ({
    beat: () => done.push("beat"),
    close: () => done.push("let go"),
    abandon: () => done.push("opens all"),
  }),
}));

vi.mock("../../../hal/linux/gpio-lines.ts", async (original) => ({
  ...(await original<typeof import("../../../hal/linux/gpio-lines.ts")>()),
  guardedOutputs: () => [],
  openLinuxLines: () => ({
    output: (line: string) => ({
      set: (active: boolean) => done.push(`${line} ${active}`),
      close: () => done.push(`${line} closed`),
    }),
    edges: (line: string) => {
      throw new HalError("refused", `line ${line}: busy`);
    },
  }),
}));

test("I7: of a board that cannot be opened in full the guard opens the outputs, all of them", async () => {
  const opening = openRealBoard(genericPump, COMPUTERS, openSystemClock(), () => {});
  await expect(opening).rejects.toThrow("line flow: busy");
  expect([...new Set(done)]).toEqual(["valve false", "valve closed", "opens all"]);
});
