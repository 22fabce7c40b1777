// What must hold of a machine with a start signal under any cycle, end, fault and behaviour of the device above
// it. The truth is the machine of the bench, which knows what it was told and what came out.

import fc from "fast-check";
import { expect, test } from "vitest";
import { virtualWasher } from "../../../boards/virtual-washer.ts";
import type { LoopReport } from "../../../hal/loop-host.ts";
import { type LoopBench, loopBench } from "./bench.ts";

interface Run {
  seed: number;
  cycleMs: [number, number];
  total: number;
  quantum: number;
  extendAfterMs: number;
  end: { atMs: number; reason: "consumer-end" | "operator-stop" | "restart" } | null;
  /** From when on nothing comes out, and done is said twice. */
  neverDoneAtMs: number | null;
  doneTwiceAtMs: number | null;
  strayAtMs: number | null;
}

const TIMEOUT_MS = 10_000;
const PULSE_MS = 200;
const moment = fc.integer({ min: 0, max: 25_000 });
const seldom = fc.option(moment, { freq: 2 });

const RUNS = fc.record<Run>({
  seed: fc.nat(1_000_000),
  // Of the slot: within its time, during the start pulse, and sometimes too late.
  cycleMs: fc.constantFrom<[number, number]>([2_000, 3_000], [20, 400], [500, 12_000]),
  total: fc.integer({ min: 1, max: 5 }),
  quantum: fc.integer({ min: 1, max: 6 }),
  extendAfterMs: fc.integer({ min: 0, max: 3_000 }),
  end: fc.option(
    fc.record({
      atMs: moment,
      reason: fc.constantFrom("consumer-end", "operator-stop", "restart"),
    }),
  ),
  neverDoneAtMs: seldom,
  doneTwiceAtMs: seldom,
  strayAtMs: seldom,
});

interface Outcome {
  bench: LoopBench;
  stopped: LoopReport & { on: "stopped" };
  /** What the machine was told, what was granted at that time, and whether it still worked. */
  starts: { granted: number; working: boolean }[];
  longestPulseMs: number;
  physical: number;
}

function sell(run: Run): Outcome {
  const bench = loopBench({ ...run, board: virtualWasher, delayMs: [0, 5] });
  const { world, metal } = bench;
  let granted = Math.min(run.quantum, run.total);
  const starts: Outcome["starts"] = [];
  let activeSinceMs: number | undefined;
  let longestPulseMs = 0;
  let working = false;
  metal.onChange((state) => {
    const slot = state.outlets.find(({ id }) => id === "slot");
    if (slot?.coil === true && activeSinceMs === undefined) {
      activeSinceMs = world.nowMs();
      starts.push({ granted, working });
    } else if (slot?.coil === false && activeSinceMs !== undefined) {
      longestPulseMs = Math.max(longestPulseMs, world.nowMs() - activeSinceMs);
      activeSinceMs = undefined;
    }
    working = slot?.contact === true;
  });
  bench.host.device.onReport((report) => {
    bench.reports.push(report);
    if (report.on !== "progress" || report.pulses < granted || granted === run.total) return;
    world.after(run.extendAfterMs, () => {
      granted = Math.min(run.total, Math.max(granted, report.pulses + run.quantum));
      bench.send({ do: "extend", session: "s", pulses: granted });
    });
  });
  const outlet = "slot";
  bench.send({
    do: "grant",
    session: "s",
    outlet,
    meter: "done",
    pulses: granted,
    total: run.total,
  });
  const { end, neverDoneAtMs, doneTwiceAtMs, strayAtMs } = run;
  if (end !== null) {
    world.after(end.atMs, () => bench.send({ do: "stop", session: "s", reason: end.reason }));
  }
  const plant = (atMs: number | null, fault: () => void): void => {
    if (atMs !== null) world.after(atMs, fault);
  };
  plant(neverDoneAtMs, () => metal.setMachineFaults(outlet, { neverDone: true }));
  plant(doneTwiceAtMs, () => metal.setMachineFaults(outlet, { doneTwice: true }));
  plant(strayAtMs, () => metal.jumpMeter(outlet, "done", 1));
  const stopped = bench.untilStopped("s");
  world.advance(15_000);
  const physical = metal.outlet(outlet).meters["done"]?.physical ?? -1;
  return { bench, stopped, starts, longestPulseMs, physical };
}

test("I8: no item is started that is not granted, and none while one is under way", () => {
  fc.assert(
    fc.property(RUNS, (run) => {
      const { starts } = sell(run);
      for (const [i, start] of starts.entries()) {
        expect(start.granted).toBeGreaterThan(i);
        // A done signal that nobody started looks like the item that is under way.
        if (run.strayAtMs === null) expect(start.working).toBe(false);
      }
    }),
    { numRuns: 120 },
  );
});

test("I4: no more is counted than was started, and without stray signals than came out", () => {
  fc.assert(
    fc.property(RUNS, (run) => {
      const { stopped, starts, physical } = sell(run);
      expect(stopped.pulses).toBeLessThanOrEqual(starts.length);
      expect(stopped.runOnPulses).toBe(0);
      if (run.strayAtMs === null) expect(stopped.pulses).toBeLessThanOrEqual(physical);
      if (stopped.reason === "exhausted") expect(stopped.pulses).toBe(run.total);
      expect(stopped.endReading - stopped.startReading).toBeGreaterThanOrEqual(stopped.pulses);
    }),
    { numRuns: 120 },
  );
});

test("a machine without faults: what is counted is what was started and what came out", () => {
  const faultless = { neverDoneAtMs: null, doneTwiceAtMs: null, strayAtMs: null };
  fc.assert(
    fc.property(RUNS, (run) => {
      fc.pre(run.cycleMs[1] < TIMEOUT_MS && run.end?.reason !== "restart");
      const { stopped, starts, physical } = sell({ ...run, ...faultless });
      expect([starts.length, physical]).toEqual([stopped.pulses, stopped.pulses]);
      expect(["exhausted", "consumer-end", "operator-stop"]).toContain(stopped.reason);
    }),
    { numRuns: 60 },
  );
});

test("I7 I13: the line is active for no longer than its pulse, and a session stops once", () => {
  fc.assert(
    fc.property(RUNS, (run) => {
      const { bench, longestPulseMs } = sell(run);
      expect(longestPulseMs).toBeLessThan(PULSE_MS + 0.001);
      expect(bench.pins.level("slot-start")).toBe(false);
      expect(bench.reports.filter(({ on }) => on === "stopped")).toHaveLength(1);
    }),
    { numRuns: 60 },
  );
});

test("I15: the same seed says the same, byte for byte", () => {
  fc.assert(
    fc.property(RUNS, (run) => {
      const first = JSON.stringify(sell(run).bench.reports);
      expect(JSON.stringify(sell(run).bench.reports)).toBe(first);
    }),
    { numRuns: 20 },
  );
});
