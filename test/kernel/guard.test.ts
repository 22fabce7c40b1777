// The guard of the outputs on relays of a real kernel, over both drivers: who opens what a dead or stalled loop left
// closed, relays that close on high and on low, and how the next loop has the lines again.

import type { ChildProcess } from "node:child_process";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Board } from "../../hal/board.ts";
import { lineInfo } from "../../hal/linux/gpio-chip.ts";
import { boardOf, guardsOf, order, startLoop } from "../support/guarded-loop.ts";
import { type GpioSim, gpioSimMissing, locateOn, openGpioSim } from "./gpio-sim-bench.ts";

/** Longer than any of this takes. */
const SILENT_MS = 10_000;
let sim: GpioSim | undefined;

const children: ChildProcess[] = [];
const start = async (board: Board): Promise<ChildProcess> => {
  const child = await startLoop(SILENT_MS, board);
  children.push(child);
  return child;
};
const guards = (child: ChildProcess): number[] => guardsOf(child);

afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  for (const pid of guardsOf(...children)) process.kill(pid, "SIGTERM");
  await vi.waitFor(() => expect(guardsOf(...children)).toEqual([]));
  children.length = 0;
  sim?.close();
  sim = undefined;
});

const missing = gpioSimMissing();
if (missing === undefined) describe("guard of relays", testRelays);
else {
  describe("guard of relays", () => {
    test("opens what a dead loop left closed", ({ skip }) => skip(missing));
  });
}

function testRelays(): void {
  /** A relay that closes on high and one that closes on low. Debouncing is what sysfs cannot do. */
  const boardOn = (label: string, driver: "onoff" | "gpiochip"): Board => {
    const wiring = driver === "gpiochip" ? { debounceMs: 1 } : {};
    return boardOf({
      high: { pin: `${label}/0`, ...wiring },
      "high-flow": { pin: `${label}/2` },
      low: { pin: `${label}/1`, activeLow: true, ...wiring },
      "low-flow": { pin: `${label}/3` },
    });
  };

  for (const driver of ["onoff", "gpiochip"] as const) {
    const prepare = (): { sim: GpioSim; board: Board; closed(): boolean[] } => {
      const bench = openGpioSim();
      sim = bench;
      // The world pulls both to where they are closed: only who drives them can open them.
      bench.pull(0, true);
      bench.pull(1, false);
      const closed = (): boolean[] => [bench.level(0), !bench.level(1)];
      return { sim: bench, board: boardOn(bench.label, driver), closed };
    };

    test(`I7: ${driver}: a dead loop's relays are opened, whatever their sense, and the next loop has them`, async () => {
      const { board, closed, sim: bench } = prepare();
      const first = await start(board);
      await order(first, "close");
      first.kill("SIGKILL");
      await vi.waitFor(() => expect(closed()).toEqual([false, false]), { interval: 1 });
      const { chip } = locateOn(bench)("0");
      const holder = driver === "onoff" ? "sysfs" : `sluice-guard ${guards(first)[0]}`;
      expect(lineInfo(chip.path, 0).consumer).toBe(holder);
      const second = await start(board);
      expect(closed()).toEqual([false, false]);
      expect(guards(first)).toEqual([]);
      await order(second, "close");
      expect(closed()).toEqual([true, true]);
      // After it nobody drives the wires, and their pulls decide.
      bench.pull(0, false);
      bench.pull(1, true);
      await order(second, "end");
      expect(closed()).toEqual([false, false]);
      await vi.waitFor(() => expect(guardsOf(...children)).toEqual([]));
    });
  }
}
