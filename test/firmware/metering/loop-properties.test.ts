// What must hold of the metering loop under any flow, actuator, latency and behaviour of the device above
// it. The truth is the simulated metal, which knows what really flowed.

import fc from "fast-check";
import { expect, test } from "vitest";
import { virtualCharger } from "../../../boards/virtual-charger.ts";
import { virtualPump } from "../../../boards/virtual-pump.ts";
import type { LoopReport } from "../../../hal/loop-host.ts";
import { type LoopBench, loopBench } from "./bench.ts";

interface Run {
  seed: number;
  pump: boolean;
  /** Percent of what the meter can give at most. */
  flow: number;
  operateMsMax: number;
  wakeMsMax: number;
  total: number;
  quantum: number;
  extendAfterMs: number;
  blockAtMs: number;
  blockMs: number;
  endAtMs: number | null;
}

const RUNS = fc.record<Run>({
  seed: fc.nat(1_000_000),
  pump: fc.boolean(),
  flow: fc.integer({ min: 2, max: 100 }),
  operateMsMax: fc.integer({ min: 0, max: 100 }),
  wakeMsMax: fc.constantFrom(0, 0, 5, 30),
  total: fc.integer({ min: 1, max: 150 }),
  quantum: fc.integer({ min: 1, max: 60 }),
  extendAfterMs: fc.integer({ min: 0, max: 1_500 }),
  blockAtMs: fc.integer({ min: 0, max: 5_000 }),
  blockMs: fc.constantFrom(0, 0, 500, 2_000),
  endAtMs: fc.option(fc.integer({ min: 0, max: 8_000 }), { freq: 3 }),
});

interface Outcome {
  bench: LoopBench;
  stopped: LoopReport & { on: "stopped" };
  granted: number;
  physical: number;
  /** The most that was ever delivered beyond the grant of that moment. */
  beyondGrant: number;
  /** The most pulses that may flow from the last one granted until the contact is open. */
  runOnMax: number;
  closedWithoutGrant: number;
}

/** One session: the device extends it whenever half of the reservation is used, or its customer ends it. */
function sell(run: Run): Outcome {
  const board = run.pump ? virtualPump : virtualCharger;
  const [outlet, meter] = run.pump ? ["nozzle", "flow"] : ["socket-1", "energy"];
  const pulsesPerSecond = ((run.pump ? 1_000 : 50) * run.flow) / 100;
  const bench = loopBench({
    seed: run.seed,
    board,
    delayMs: [0, 5],
    pulsesPerSecond,
    operateMs: [0, run.operateMsMax],
    ...(run.wakeMsMax > 0 && { wakeDelayMs: [0, run.wakeMsMax] as const }),
  });
  const { world, metal } = bench;
  let granted = Math.min(run.quantum, run.total);
  let beyondGrant = 0;
  let closedWithoutGrant = 0;
  let coilWas = false;
  metal.onChange((state) => {
    const now = state.outlets.find((each) => each.id === outlet);
    const physical = now?.meters[meter]?.physical ?? 0;
    beyondGrant = Math.max(beyondGrant, physical - granted);
    const over = bench.stopped("s") !== undefined;
    if (now?.coil === true && !coilWas && (over || physical >= granted)) closedWithoutGrant++;
    // Woken at once, the loop leaves no instant between the last granted pulse and the open command.
    if (now?.coil === true && run.wakeMsMax === 0 && physical >= granted) closedWithoutGrant++;
    coilWas = now?.coil === true;
  });
  bench.host.device.onReport((report) => {
    bench.reports.push(report);
    if (report.on !== "progress" || report.pulses * 2 < granted || granted === run.total) return;
    world.after(run.extendAfterMs, () => {
      granted = Math.min(run.total, Math.max(granted, report.pulses + run.quantum));
      bench.send({ do: "extend", session: "s", pulses: granted });
    });
  });
  bench.send({ do: "grant", session: "s", outlet, meter, pulses: granted, total: run.total });
  world.after(run.blockAtMs, () => bench.host.blockDevice(run.blockMs));
  if (run.endAtMs !== null) {
    world.after(run.endAtMs, () =>
      bench.send({ do: "stop", session: "s", reason: "consumer-end" }),
    );
  }
  const stopped = bench.untilStopped("s");
  world.advance(2_000);
  const physical = metal.outlet(outlet).meters[meter]?.physical ?? -1;
  const openMsMax = run.operateMsMax + Math.min(run.wakeMsMax, 10);
  const runOnMax = Math.ceil((openMsMax * pulsesPerSecond) / 1_000);
  return { bench, stopped, granted, physical, beyondGrant, runOnMax, closedWithoutGrant };
}

test("I8: delivered <= granted + one pulse beyond the actuator's run-on", () => {
  fc.assert(
    fc.property(RUNS, (run) => {
      const { beyondGrant, runOnMax } = sell(run);
      expect(beyondGrant).toBeLessThanOrEqual(runOnMax + 1);
    }),
    { numRuns: 150 },
  );
});

test("I7: the coil is driven only while a session has grant left, and the contact is open after it", () => {
  fc.assert(
    fc.property(RUNS, (run) => {
      const { bench, closedWithoutGrant } = sell(run);
      expect(closedWithoutGrant).toBe(0);
      for (const outlet of bench.metal.state().outlets) {
        expect(outlet).toMatchObject({ coil: false, contact: false });
      }
    }),
    { numRuns: 150 },
  );
});

test("every pulse that flowed is on the closing report: what was granted, and what ran on", () => {
  fc.assert(
    fc.property(RUNS, (run) => {
      const { stopped, granted, physical } = sell(run);
      expect(["exhausted", "consumer-end"]).toContain(stopped.reason);
      expect(stopped.pulses + stopped.runOnPulses).toBe(physical);
      expect(stopped.endReading - stopped.startReading).toBe(physical);
      expect(stopped.pulses).toBeLessThanOrEqual(granted);
      if (stopped.reason === "exhausted") expect(stopped.pulses).toBe(run.total);
    }),
    { numRuns: 150 },
  );
});

test("I13: a session stops once, whatever is commanded", () => {
  fc.assert(
    fc.property(RUNS, (run) => {
      const { bench } = sell(run);
      bench.send({ do: "stop", session: "s", reason: "operator-stop" });
      bench.send({ do: "extend", session: "s", pulses: 1_000 });
      bench.world.advance(5_000);
      expect(bench.reports.filter((report) => report.on === "stopped")).toHaveLength(1);
    }),
    { numRuns: 50 },
  );
});

test("I9: a device that is blocked delivers nothing beyond the grant", () => {
  const bench = loopBench({ pulsesPerSecond: 40 });
  bench.send({
    do: "grant",
    session: "s",
    outlet: "socket-1",
    meter: "energy",
    pulses: 20,
    total: 100,
  });
  bench.world.advance(100);
  bench.host.blockDevice(2_000);
  bench.send({ do: "extend", session: "s", pulses: 100 });
  bench.world.advance(1_900);
  const during = bench.metal.outlet("socket-1");
  expect(during).toMatchObject({ coil: false, contact: false });
  expect(during.meters["energy"]?.physical).toBeLessThanOrEqual(20 + 2);
  expect(bench.reports.some((report) => report.on === "progress" && report.held)).toBe(false);
  expect(bench.untilStopped("s")).toMatchObject({ reason: "exhausted", pulses: 100 });
});

test("I15: the same seed says the same, byte for byte", () => {
  fc.assert(
    fc.property(RUNS, (run) => {
      const first = JSON.stringify(sell(run).bench.reports);
      expect(JSON.stringify(sell(run).bench.reports)).toBe(first);
    }),
    { numRuns: 30 },
  );
});
