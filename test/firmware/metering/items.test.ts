// Machines with a start signal in the metering loop: one item for each start, and what becomes of one that does
// not come out, comes twice, or comes though nobody started it.

import { describe, expect, test } from "vitest";
import { virtualWasher } from "../../../boards/virtual-washer.ts";
import type { LoopCommand } from "../../../hal/loop-host.ts";
import { type LoopBench, type LoopBenchOptions, loopBench } from "./bench.ts";

const OUTLET = "washer";
const CYCLE_MS = 20_000;
const TIMEOUT_MS = 300_000;
const PAUSE_MS = 2_000;

function washer(options: LoopBenchOptions = {}): LoopBench {
  return loopBench({ board: virtualWasher, cycleMs: [CYCLE_MS, CYCLE_MS], ...options });
}

function grant(pulses: number, total = pulses, session = "s1"): LoopCommand {
  return { do: "grant", session, outlet: OUTLET, meter: "done", pulses, total };
}

/** Times at which the machine was signalled. */
function starts(bench: LoopBench): number[] {
  return bench.metal
    .history(OUTLET)
    .filter(({ what, closed }) => what === "coil" && closed)
    .map(({ atMs }) => atMs);
}

function done(bench: LoopBench): number {
  return bench.metal.outlet(OUTLET).meters["done"]?.physical ?? -1;
}

function health(bench: LoopBench): { healthy: boolean; fault?: string } {
  const report = bench.reports.findLast((each) => each.on === "alive" || each.on === "ready");
  const outlets = report?.on === "alive" || report?.on === "ready" ? report.outlets : [];
  const outlet = outlets.find((each) => each.outlet === OUTLET);
  if (outlet === undefined) throw new Error("the loop said nothing");
  return outlet;
}

function stopSession(bench: LoopBench, reason: "consumer-end" | "restart"): void {
  bench.send({ do: "stop", session: "s1", reason });
}

describe("items", () => {
  test("come out one after another, with a pause between them, and then it stops as exhausted", () => {
    const bench = washer();
    bench.send(grant(3));
    const stopped = bench.untilStopped("s1");
    expect(stopped).toMatchObject({ reason: "exhausted", pulses: 3, runOnPulses: 0 });
    expect(stopped.endReading - stopped.startReading).toBe(3);
    expect(done(bench)).toBe(3);
    const [first = 0, second = 0, third = 0] = starts(bench);
    for (const gapMs of [second - first, third - second]) {
      expect(gapMs).toBeGreaterThanOrEqual(CYCLE_MS + PAUSE_MS);
      expect(gapMs).toBeLessThan(CYCLE_MS + PAUSE_MS + 50);
    }
    expect(starts(bench)).toHaveLength(3);
  });

  test("I7: the start line is active for its pulse only, and inactive when all is over", () => {
    const bench = washer();
    bench.send(grant(2));
    bench.untilStopped("s1");
    const coil = bench.metal.history(OUTLET).filter(({ what }) => what === "coil");
    expect(coil.map(({ closed }) => closed)).toEqual([true, false, true, false]);
    for (let i = 0; i < coil.length; i += 2) {
      expect((coil[i + 1]?.atMs ?? 0) - (coil[i]?.atMs ?? 0)).toBe(200);
    }
    expect(bench.pins.level("washer-start")).toBe(false);
  });

  test("I8: none is started beyond what is reserved, and the next one when it is extended", () => {
    const bench = washer();
    bench.send(grant(1, 3));
    bench.world.advance(200_000);
    expect(starts(bench)).toHaveLength(1);
    const held = bench.reports.filter((report) => report.on === "progress" && report.held);
    expect(held.length).toBeGreaterThan(1);
    bench.send({ do: "extend", session: "s1", pulses: 2 });
    bench.world.advance(200_000);
    expect(starts(bench)).toHaveLength(2);
    bench.send({ do: "extend", session: "s1", pulses: 3 });
    expect(bench.untilStopped("s1")).toMatchObject({ reason: "exhausted", pulses: 3 });
  });

  test("an extension that comes at once does not cut the pause short", () => {
    const bench = washer({ delayMs: 0 });
    bench.host.device.onReport((report) => {
      bench.reports.push(report);
      if (report.on === "progress" && report.pulses < 3) {
        bench.send({ do: "extend", session: "s1", pulses: report.pulses + 1 });
      }
    });
    bench.send(grant(1, 3));
    bench.untilStopped("s1");
    const [first = 0, second = 0] = starts(bench);
    expect(second - first).toBeGreaterThanOrEqual(CYCLE_MS + PAUSE_MS);
  });

  test("a done signal during the pulse ends the pulse", () => {
    const bench = washer({ cycleMs: [50, 50] });
    bench.send(grant(1));
    expect(bench.untilStopped("s1")).toMatchObject({ reason: "exhausted", pulses: 1 });
    const coil = bench.metal.history(OUTLET).filter(({ what }) => what === "coil");
    expect((coil[1]?.atMs ?? 0) - (coil[0]?.atMs ?? 0)).toBe(50);
  });
});

describe("an end while an item is under way", () => {
  test("starts no further one; the one under way is waited for and counted", () => {
    const bench = washer();
    bench.send(grant(3));
    bench.world.advance(CYCLE_MS + PAUSE_MS + 5_000);
    stopSession(bench, "consumer-end");
    bench.world.advance(5_000);
    expect(bench.stopped("s1")).toBeUndefined();
    expect(bench.untilStopped("s1")).toMatchObject({ reason: "consumer-end", pulses: 2 });
    expect(starts(bench)).toHaveLength(2);
  });

  test("is at once between two items", () => {
    const bench = washer();
    bench.send(grant(3));
    bench.world.advance(CYCLE_MS + 1_000);
    stopSession(bench, "consumer-end");
    bench.world.advance(1_000);
    expect(bench.stopped("s1")).toMatchObject({ reason: "consumer-end", pulses: 1 });
  });

  test("is by the time limit when the one under way does not come", () => {
    const bench = washer();
    bench.metal.setMachineFaults(OUTLET, { neverDone: true });
    bench.send(grant(3));
    bench.world.advance(5_000);
    stopSession(bench, "consumer-end");
    expect(bench.untilStopped("s1")).toMatchObject({ reason: "time-limit", pulses: 0 });
  });

  test("is at once for a restart, by the first reason that was given", () => {
    const bench = washer();
    bench.send(grant(3));
    bench.world.advance(5_000);
    stopSession(bench, "restart");
    bench.world.advance(1_000);
    expect(bench.stopped("s1")).toMatchObject({ reason: "restart", pulses: 0 });
    const ended = washer();
    ended.send(grant(3));
    ended.world.advance(5_000);
    stopSession(ended, "consumer-end");
    stopSession(ended, "restart");
    ended.world.advance(1_000);
    expect(ended.stopped("s1")).toMatchObject({ reason: "consumer-end", pulses: 0 });
  });
});

describe("an item that does not come out", () => {
  test("stops the session after its time; those before it are counted", () => {
    const bench = washer();
    bench.send(grant(3));
    bench.world.advance(CYCLE_MS + PAUSE_MS + 1_000);
    bench.metal.setMachineFaults(OUTLET, { neverDone: true });
    const stopped = bench.untilStopped("s1");
    expect(stopped).toMatchObject({ reason: "time-limit", pulses: 1, runOnPulses: 0 });
    const [, second = 0] = starts(bench);
    expect(stopped.atMs - second).toBeGreaterThanOrEqual(TIMEOUT_MS);
    expect(stopped.atMs - second).toBeLessThan(TIMEOUT_MS + 500);
    expect(starts(bench)).toHaveLength(2);
  });

  test("keeps the outlet from selling, for it would be told done to the next; a minute later it may be tried", () => {
    const bench = washer();
    bench.metal.setMachineFaults(OUTLET, { neverDone: true });
    bench.send(grant(1));
    bench.untilStopped("s1");
    bench.world.advance(10);
    expect(health(bench)).toMatchObject({ healthy: false, fault: "time-limit" });
    bench.send(grant(1, 1, "s2"));
    bench.world.advance(1_000);
    expect(bench.stopped("s2")).toMatchObject({ reason: "time-limit", pulses: 0 });
    expect(starts(bench)).toHaveLength(1);
    bench.world.advance(61_000);
    expect(health(bench)).toMatchObject({ healthy: true });
    bench.metal.setMachineFaults(OUTLET, { neverDone: false });
    bench.send(grant(1, 1, "s3"));
    expect(bench.untilStopped("s3")).toMatchObject({ reason: "exhausted", pulses: 1 });
  });

  test("but comes out late, clears that by itself and is charged to nobody", () => {
    const bench = washer({ cycleMs: [TIMEOUT_MS + 20_000, TIMEOUT_MS + 20_000] });
    bench.send(grant(1));
    expect(bench.untilStopped("s1")).toMatchObject({ reason: "time-limit", pulses: 0 });
    bench.world.advance(5_000);
    expect(health(bench)).toMatchObject({ healthy: false, fault: "time-limit" });
    bench.world.advance(20_000);
    expect(done(bench)).toBe(1);
    expect(health(bench)).toMatchObject({ healthy: true });
    expect(bench.reports.filter(({ on }) => on === "stopped")).toHaveLength(1);
  });

  test("nor does one whose start line is gone: the session stops, and the line falls when it is back", () => {
    const bench = washer();
    bench.pins.unplug("washer-start");
    bench.send(grant(1));
    expect(bench.untilStopped("s1")).toMatchObject({ reason: "fault", pulses: 0 });
    bench.pins.plugIn("washer-start");
    bench.world.advance(10_000);
    expect(starts(bench)).toEqual([]);
  });
});

describe("a done signal that nobody started", () => {
  test("makes the outlet not ready for a minute after it was last seen", () => {
    const bench = washer();
    bench.metal.jumpMeter(OUTLET, "done", 1);
    bench.world.advance(1_000);
    expect(health(bench)).toMatchObject({ healthy: false, fault: "meter-implausible" });
    bench.send(grant(1));
    expect(bench.untilStopped("s1")).toMatchObject({ reason: "meter-implausible", pulses: 0 });
    bench.world.advance(61_000);
    expect(health(bench).healthy).toBe(true);
  });

  test("stops a session between two items, and is not charged", () => {
    const bench = washer();
    bench.metal.setMachineFaults(OUTLET, { doneTwice: true });
    bench.send(grant(3));
    const stopped = bench.untilStopped("s1");
    expect(stopped).toMatchObject({ reason: "meter-implausible", pulses: 1, runOnPulses: 0 });
    expect(stopped.endReading - stopped.startReading).toBe(2);
    expect(starts(bench)).toHaveLength(1);
  });

  test("together with one that was started takes nothing from it", () => {
    const bench = washer();
    bench.send(grant(3));
    bench.world.advance(5_000);
    bench.metal.jumpMeter(OUTLET, "done", 2);
    expect(bench.untilStopped("s1")).toMatchObject({ reason: "meter-implausible", pulses: 1 });
  });

  test("after the last item of a session is on its reading, and on no bill", () => {
    const bench = washer();
    bench.metal.setMachineFaults(OUTLET, { doneTwice: true });
    bench.send(grant(1));
    const stopped = bench.untilStopped("s1");
    expect(stopped).toMatchObject({ reason: "meter-implausible", pulses: 1, runOnPulses: 0 });
    expect(stopped.endReading - stopped.startReading).toBe(2);
  });
});

test("a machine that tells nothing of itself is ready as soon as its loop is", () => {
  const bench = washer();
  expect(bench.reports[0]).toMatchObject({ on: "ready", outlets: [{ healthy: true }, {}] });
});

describe("I7: no start is given", () => {
  test("when the loop opens and when it is closed in the middle of an item", () => {
    const bench = washer();
    expect(starts(bench)).toEqual([]);
    bench.send(grant(3));
    bench.world.advance(100);
    expect(bench.pins.level("washer-start")).toBe(true);
    bench.runner.close();
    expect(bench.pins.level("washer-start")).toBe(false);
    bench.world.advance(100_000);
    expect(starts(bench)).toHaveLength(1);
  });

  test("when an exception goes through the loop", () => {
    const bench = washer();
    bench.host.loop().report = () => {
      throw new Error("planted");
    };
    bench.send(grant(3));
    expect(() => bench.world.advance(1_000)).toThrow("planted");
    bench.world.advance(100_000);
    expect(starts(bench).length).toBeLessThanOrEqual(1);
    expect(bench.pins.level("washer-start")).toBe(false);
  });
});
