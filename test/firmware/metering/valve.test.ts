// A valve with two ways and a contactor that nobody sees: full flow, then little for the last pulses of a session, and
// what breaks shows where nothing tells of the contact.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { LoopCommand, OutletReport } from "../../../hal/loop-host.ts";
import { type LoopBench, loopBench } from "./bench.ts";
import { blindCharger, twoStagePump } from "./boards.ts";

const SLOW_PULSES = 90;

function pour(pulses: number, total = pulses): LoopCommand {
  return { do: "grant", session: "s", outlet: "nozzle", meter: "flow", pulses, total };
}

function flowed({ metal }: LoopBench): number {
  return metal.outlet("nozzle").meters["flow"]?.physical ?? -1;
}

function outletOf({ reports }: LoopBench): OutletReport {
  const report = reports.findLast((each) => each.on === "alive");
  const [outlet] = report?.on === "alive" ? report.outlets : [];
  if (outlet === undefined) throw new Error("the loop said nothing");
  return outlet;
}

/** What had flowed each time that the wide way was driven. */
function watchWide(bench: LoopBench): { at: number; open: boolean }[] {
  const seen: { at: number; open: boolean }[] = [];
  let was = false;
  bench.metal.onChange(() => {
    const open = bench.pins.level("valve-wide");
    if (open !== was) seen.push({ at: flowed(bench), open });
    was = open;
  });
  return seen;
}

describe.each([true, false])("a two-stage valve, feedback fitted: %s", (feedback) => {
  const board = twoStagePump(feedback);

  test("I8: pours fast, the last pulses slowly, and nothing runs on that full flow would", () => {
    const bench = loopBench({ board });
    const wide = watchWide(bench);
    bench.send(pour(900));
    const stopped = bench.untilStopped("s");
    expect(stopped).toMatchObject({ reason: "exhausted", pulses: 900 });
    expect(wide).toEqual([
      { at: 0, open: true },
      { at: 900 - SLOW_PULSES, open: false },
    ]);
    // The valve takes up to 60 ms to shut: two pulses at a tenth of the flow, 18 at all of it.
    expect(stopped.runOnPulses).toBeLessThanOrEqual(2);
    expect(flowed(bench)).toBe(900 + stopped.runOnPulses);
    expect(bench.metal.outlet("nozzle")).toMatchObject({ coil: false, contact: false });
    expect(outletOf(bench).healthy).toBe(true);
  });

  test("a session of few pulses is slow from the start", () => {
    const bench = loopBench({ board });
    const wide = watchWide(bench);
    bench.send(pour(SLOW_PULSES));
    expect(bench.untilStopped("s")).toMatchObject({ reason: "exhausted", pulses: SLOW_PULSES });
    expect(wide).toEqual([]);
  });

  test("after a hold it goes on as much as the session has left says", () => {
    const bench = loopBench({ board });
    const wide = watchWide(bench);
    bench.send(pour(100, 300));
    bench.world.advance(3_000);
    bench.send({ do: "extend", session: "s", pulses: 220 });
    bench.world.advance(5_000);
    bench.send({ do: "extend", session: "s", pulses: 300 });
    expect(bench.untilStopped("s")).toMatchObject({ reason: "exhausted", pulses: 300 });
    // Full flow to 100 and, after the hold, to 210; the rest slowly, over a hold at 220.
    expect(wide.map(({ open }) => open)).toEqual([true, false, true, false]);
    expect(wide[3]?.at).toBe(300 - SLOW_PULSES);
    bench.send({ ...pour(200), session: "t" } as LoopCommand);
    bench.world.advance(100);
    expect(bench.pins.level("valve-wide")).toBe(true);
  });

  test("I7 I8: both ways are shut whenever there is no grant left", () => {
    const runs = fc.record({
      seed: fc.nat(1_000_000),
      total: fc.integer({ min: 1, max: 400 }),
      quantum: fc.integer({ min: 1, max: 200 }),
      endAtMs: fc.option(fc.integer({ min: 0, max: 4_000 }), { freq: 2 }),
    });
    fc.assert(
      fc.property(runs, ({ seed, total, quantum, endAtMs }) => {
        const bench = loopBench({ board, seed });
        let granted = Math.min(quantum, total);
        bench.host.device.onReport((report) => {
          bench.reports.push(report);
          if (report.on !== "progress" || report.pulses * 2 < granted) return;
          granted = Math.min(total, report.pulses + quantum);
          bench.send({ do: "extend", session: "s", pulses: granted });
        });
        bench.send(pour(granted, total));
        if (endAtMs !== null) {
          bench.world.after(endAtMs, () =>
            bench.send({ do: "stop", session: "s", reason: "consumer-end" }),
          );
        }
        const stopped = bench.untilStopped("s");
        expect(bench.pins.level("valve-wide") || bench.pins.level("valve-narrow")).toBe(false);
        expect(stopped.pulses + stopped.runOnPulses).toBe(flowed(bench));
        // At the end of a session it is slow; when it is ended early it may be in full flow.
        if (endAtMs === null) expect(stopped.runOnPulses).toBeLessThanOrEqual(3);
        expect(flowed(bench)).toBeLessThanOrEqual(granted + 19);
      }),
      { numRuns: 60 },
    );
  });

  test("a nozzle that is hung up ends it; a leak through the shut valve faults the outlet", () => {
    const bench = loopBench({ board });
    bench.send(pour(900));
    bench.world.advance(1_000);
    bench.controls.setInterlock("nozzle", "nozzle", true);
    expect(bench.untilStopped("s").reason).toBe("interlock");
    bench.controls.setInterlock("nozzle", "nozzle", false);
    bench.world.advance(2_000);
    expect(outletOf(bench).healthy).toBe(true);
    bench.metal.setFaults("nozzle", { leakPulsesPerSecond: 2 });
    bench.world.advance(4_000);
    expect(outletOf(bench)).toMatchObject({
      ...{ healthy: false, fault: "leak" },
      ailing: { flow: "it counted though the switch was open" },
    });
  });

  test("a way that stays open is a weld where feedback is fitted, else a leak", () => {
    const bench = loopBench({ board });
    bench.send(pour(900));
    bench.world.advance(1_000);
    bench.metal.setFaults("nozzle", { weld: true });
    bench.send({ do: "stop", session: "s", reason: "consumer-end" });
    const stopped = bench.untilStopped("s");
    const reason = feedback ? "weld" : "leak";
    expect(stopped.reason).toBe(reason);
    expect(outletOf(bench)).toMatchObject({ healthy: false, fault: reason });
    bench.send({ ...pour(100), session: "t" } as LoopCommand);
    expect(bench.untilStopped("t")).toMatchObject({ reason, pulses: 0 });
  });
});

test("a weld that lets go at the last moment stays a weld", () => {
  const bench = loopBench();
  const session = { session: "s", outlet: "socket-1", meter: "energy" };
  bench.send({ do: "grant", ...session, pulses: 100, total: 100 });
  bench.world.advance(1_000);
  bench.metal.setFaults("socket-1", { weld: true });
  bench.send({ do: "stop", session: "s", reason: "consumer-end" });
  // Of the 3,150 ms that the closing reading waits for at most.
  bench.world.advance(2_950);
  bench.metal.setFaults("socket-1", { weld: false });
  const stopped = bench.untilStopped("s");
  expect(bench.metal.outlet("socket-1").contact).toBe(false);
  expect(stopped.reason).toBe("weld");
});

test("I7: a wide way that cannot be shut for the last of it ends the delivery", () => {
  const bench = loopBench({ board: twoStagePump(false) });
  bench.send(pour(1_000));
  bench.world.advance(1_000);
  expect(flowed(bench)).toBeGreaterThan(0);
  expect(flowed(bench)).toBeLessThan(1_000 - SLOW_PULSES);
  bench.pins.unplug("valve-wide");
  expect(bench.untilStopped("s").reason).toBe("fault");
});

describe("a contactor without feedback", () => {
  const grant = (pulses: number, session = "s"): LoopCommand => ({
    ...{ do: "grant", session, outlet: "socket-1", meter: "energy" },
    ...{ pulses, total: pulses },
  });

  test("delivers what was granted", () => {
    const bench = loopBench({ board: blindCharger });
    bench.send(grant(12));
    expect(bench.untilStopped("s")).toMatchObject({ reason: "exhausted", pulses: 12 });
    bench.world.advance(5_000);
    expect(outletOf(bench).healthy).toBe(true);
  });

  test("I4: whoever buys time gets it, and what his stop takes to settle is not counted for the next", () => {
    const bench = loopBench({ board: blindCharger, operateMs: [20, 20] });
    for (let nth = 0; nth < 5; nth++) {
      bench.send({ ...grant(5, `s${nth}`), meter: "time" } as LoopCommand);
      expect(bench.untilStopped(`s${nth}`)).toMatchObject({ pulses: 5, runOnPulses: 0 });
      bench.world.advance(2_000);
      const moved = bench.metal.history("socket-1").filter(({ what }) => what === "contact");
      const [closed, opened] = moved.slice(-2);
      expect((opened?.atMs ?? 0) - (closed?.atMs ?? 0)).toBeGreaterThanOrEqual(5_000);
    }
  });

  test("one that stays closed is a leak on the receipt, and keeps the next one out", () => {
    const bench = loopBench({ board: blindCharger });
    bench.send(grant(12));
    bench.world.advance(1_000);
    bench.metal.setFaults("socket-1", { weld: true });
    const stopped = bench.untilStopped("s");
    expect(stopped).toMatchObject({ reason: "leak", pulses: 12 });
    expect(stopped.runOnPulses).toBeGreaterThan(10);
    bench.send(grant(12, "t"));
    expect(bench.untilStopped("t")).toMatchObject({ reason: "leak", pulses: 0 });
  });

  test("I8: whose coil cannot be told to close delivers nothing, and time alone is not charged", () => {
    const bench = loopBench({ board: blindCharger });
    bench.pins.unplug("socket-1-coil");
    bench.send({ ...grant(12), meter: "time" } as LoopCommand);
    expect(bench.untilStopped("s")).toMatchObject({ reason: "fault", pulses: 0, runOnPulses: 0 });
    bench.pins.plugIn("socket-1-coil");
    bench.world.advance(1_000);
    expect(outletOf(bench).healthy).toBe(true);
    bench.send({ ...grant(12, "t"), meter: "time" } as LoopCommand);
    expect(bench.untilStopped("t")).toMatchObject({ reason: "exhausted", pulses: 12 });
  });

  test("I7: whose coil could not be told to open is not well, and keeps the next one out until it was", () => {
    const bench = loopBench({ board: blindCharger });
    bench.send({ ...grant(100), meter: "time" } as LoopCommand);
    bench.world.advance(3_000);
    bench.pins.unplug("socket-1-coil");
    bench.send({ do: "stop", session: "s", reason: "consumer-end" });
    bench.untilStopped("s");
    bench.world.advance(5_000);
    expect(outletOf(bench)).toMatchObject({ healthy: false, fault: "fault" });
    bench.send(grant(12, "t"));
    expect(bench.untilStopped("t")).toMatchObject({ reason: "fault", pulses: 0 });
    bench.pins.plugIn("socket-1-coil");
    bench.world.advance(1_000);
    expect(bench.metal.outlet("socket-1").coil).toBe(false);
    expect(outletOf(bench).healthy).toBe(true);
  });

  test("a meter that goes back outranks the leak, for its closing reading is worth nothing", () => {
    const bench = loopBench({ board: blindCharger });
    bench.send(grant(12));
    bench.world.advance(1_000);
    bench.metal.setFaults("socket-1", { weld: true });
    bench.send({ do: "stop", session: "s", reason: "consumer-end" });
    bench.world.advance(1_000);
    bench.metal.jumpMeter("socket-1", "energy", -5);
    expect(bench.untilStopped("s").reason).toBe("meter-implausible");
  });

  test("one that stays closed while little flows is found a little later", () => {
    const bench = loopBench({ board: blindCharger, pulsesPerSecond: 0.5 });
    bench.send(grant(2));
    bench.world.advance(3_000);
    bench.metal.setFaults("socket-1", { weld: true });
    expect(bench.untilStopped("s")).toMatchObject({ reason: "exhausted", pulses: 2 });
    bench.world.advance(5_000);
    expect(outletOf(bench)).toMatchObject({ healthy: false, fault: "leak" });
  });

  test("one that does not close is a meter that stands still", () => {
    const bench = loopBench({ board: blindCharger });
    bench.metal.setFaults("socket-1", { notClosed: true });
    bench.send(grant(12));
    expect(bench.untilStopped("s")).toMatchObject({ reason: "meter-stuck", pulses: 0 });
    expect(outletOf(bench).ailing).toEqual({
      energy: "it stood still though the switch was closed",
    });
    bench.metal.setFaults("socket-1", { notClosed: false });
    bench.send(grant(12, "t"));
    expect(bench.untilStopped("t")).toMatchObject({ reason: "exhausted", pulses: 12 });
    expect(outletOf(bench).ailing).toEqual({});
  });
});
