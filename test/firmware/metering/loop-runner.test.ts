// The metering loop on simulated metal, with the real drivers: cut-off, holds, and every way to stop.

import { describe, expect, test } from "vitest";
import type { LoopCommand, LoopReport } from "../../../hal/loop-host.ts";
import { type LoopBench, loopBench } from "./bench.ts";

const OUTLET = "socket-1";

function grant(pulses: number, total = pulses, meter = "energy", session = "s1"): LoopCommand {
  return { do: "grant", session, outlet: OUTLET, meter, pulses, total };
}

function flowed(bench: LoopBench): number {
  return bench.metal.outlet(OUTLET).meters["energy"]?.physical ?? -1;
}

function progressOf(bench: LoopBench): (LoopReport & { on: "progress" })[] {
  return bench.reports.filter((report) => report.on === "progress");
}

function lastOutlet(bench: LoopBench): { healthy: boolean; fault?: string } {
  const report = bench.reports.findLast((each) => each.on === "alive" || each.on === "ready");
  if (report?.on !== "alive" && report?.on !== "ready") throw new Error("the loop said nothing");
  const outlet = report.outlets.find((each) => each.outlet === OUTLET);
  if (outlet === undefined) throw new Error("no such outlet");
  return outlet;
}

describe("a session", () => {
  test("delivers exactly what was granted and stops as exhausted, open", () => {
    const bench = loopBench();
    bench.send(grant(12));
    const stopped = bench.untilStopped("s1");
    expect(stopped).toMatchObject({ reason: "exhausted", pulses: 12, runOnPulses: 0 });
    expect(stopped.endReading - stopped.startReading).toBe(12);
    expect(flowed(bench)).toBe(12);
    expect(bench.metal.outlet(OUTLET)).toMatchObject({ coil: false, contact: false });
  });

  test("I8: opens in the very instant of the last granted pulse", () => {
    const bench = loopBench();
    let pulseAtMs = 0;
    bench.metal.onChange((state) => {
      if (state.outlets[0]?.meters["energy"]?.physical === 12 && pulseAtMs === 0) {
        pulseAtMs = bench.world.nowMs();
      }
    });
    bench.send(grant(12));
    bench.untilStopped("s1");
    const opened = bench.metal
      .history(OUTLET)
      .find((event) => event.what === "coil" && !event.closed);
    expect(opened?.atMs).toBe(pulseAtMs);
  });

  test("reports what ran on apart from what was granted", () => {
    const bench = loopBench({ pulsesPerSecond: 45, operateMs: [60, 60] });
    bench.send(grant(10));
    const stopped = bench.untilStopped("s1");
    expect(stopped).toMatchObject({ reason: "exhausted", pulses: 10, runOnPulses: 2 });
    expect(stopped.endReading - stopped.startReading).toBe(12);
    expect(flowed(bench)).toBe(12);
  });

  test("holds with the switch open when the reservation is used, and goes on when extended", () => {
    const bench = loopBench();
    bench.send(grant(5, 12));
    bench.world.advance(5_000);
    expect(progressOf(bench).at(-1)).toMatchObject({ pulses: 5, held: true });
    expect(bench.metal.outlet(OUTLET)).toMatchObject({ coil: false, contact: false });
    expect(bench.stopped("s1")).toBeUndefined();
    bench.send({ do: "extend", session: "s1", pulses: 12 });
    expect(bench.untilStopped("s1")).toMatchObject({ reason: "exhausted", pulses: 12 });
    expect(flowed(bench)).toBe(12);
  });

  test("what ran on while it held is covered by the extension and charged", () => {
    const bench = loopBench({ pulsesPerSecond: 45, operateMs: [60, 60] });
    bench.send(grant(10, 12));
    bench.world.advance(5_000);
    expect(flowed(bench)).toBe(12);
    expect(bench.stopped("s1")).toBeUndefined();
    bench.send({ do: "extend", session: "s1", pulses: 12 });
    expect(bench.untilStopped("s1")).toMatchObject({
      reason: "exhausted",
      pulses: 12,
      runOnPulses: 0,
    });
    expect(flowed(bench)).toBe(12);
  });

  test("says again and again that it holds", () => {
    const bench = loopBench();
    bench.send(grant(5, 12));
    bench.world.advance(6_000);
    expect(progressOf(bench).filter((report) => report.held).length).toBeGreaterThanOrEqual(4);
  });

  test("does not open when it is extended in time", () => {
    const bench = loopBench();
    bench.send(grant(6, 12));
    bench.world.advance(600);
    bench.send({ do: "extend", session: "s1", pulses: 12 });
    bench.untilStopped("s1");
    const coil = bench.metal.history(OUTLET).filter((event) => event.what === "coil");
    expect(coil.map((event) => event.closed)).toEqual([true, false]);
  });

  test("says at once that half of what is reserved is used", () => {
    const bench = loopBench({ pulsesPerSecond: 40 });
    bench.send(grant(20, 60));
    bench.world.advance(400);
    const half = progressOf(bench).find((report) => report.pulses === 10);
    expect(half).toBeDefined();
  });

  test("reports progress at most every 200 ms, but for the half mark", () => {
    const bench = loopBench({ pulsesPerSecond: 40 });
    bench.send(grant(200));
    bench.world.advance(4_000);
    expect(progressOf(bench).length).toBeLessThanOrEqual(21);
    expect(progressOf(bench).length).toBeGreaterThan(15);
  });

  test("stops as commanded and says why", () => {
    const bench = loopBench();
    bench.send(grant(100));
    bench.world.advance(2_000);
    bench.send({ do: "stop", session: "s1", reason: "consumer-end" });
    const stopped = bench.untilStopped("s1");
    expect(stopped.reason).toBe("consumer-end");
    expect(stopped.pulses).toBe(flowed(bench));
    expect(stopped.runOnPulses).toBe(0);
  });

  test("takes the closing reading when the contact is open and the meter was still long enough", () => {
    const bench = loopBench({ operateMs: [140, 140] });
    bench.send(grant(3));
    const stopped = bench.untilStopped("s1");
    const coil = bench.metal.history(OUTLET).filter((event) => event.what === "coil");
    const settledMs = stopped.atMs - (coil.at(-1)?.atMs ?? 0);
    expect(settledMs).toBeGreaterThanOrEqual(140 + 300 - 10);
    expect(settledMs).toBeLessThan(140 + 300 + 40);
  });

  test("the first reason stands, whatever is commanded while it settles", () => {
    const bench = loopBench();
    bench.send(grant(100));
    bench.world.advance(2_000);
    bench.send({ do: "stop", session: "s1", reason: "customer-button" });
    bench.world.advance(50);
    bench.send({ do: "stop", session: "s1", reason: "operator-stop" });
    bench.send({ do: "extend", session: "s1", pulses: 100 });
    expect(bench.untilStopped("s1").reason).toBe("customer-button");
    expect(bench.metal.outlet(OUTLET).contact).toBe(false);
  });

  test("sells time without a pulse meter's help", () => {
    const bench = loopBench();
    bench.send(grant(10, 10, "time"));
    const stopped = bench.untilStopped("s1");
    expect(stopped).toMatchObject({ reason: "exhausted", pulses: 10, runOnPulses: 0 });
    const [closed, opened] = bench.metal
      .history(OUTLET)
      .filter((event) => event.what === "contact");
    expect((opened?.atMs ?? 0) - (closed?.atMs ?? 0)).toBeLessThan(10_060);
    expect((opened?.atMs ?? 0) - (closed?.atMs ?? 0)).toBeGreaterThanOrEqual(10_000);
  });

  test("two outlets deliver side by side", () => {
    const bench = loopBench();
    bench.send(grant(12));
    bench.send({
      do: "grant",
      session: "s2",
      outlet: "socket-2",
      meter: "time",
      pulses: 3,
      total: 3,
    });
    expect(bench.untilStopped("s1").pulses).toBe(12);
    expect(bench.untilStopped("s2").pulses).toBe(3);
  });

  test("a repeated grant of the running session starts nothing anew", () => {
    const bench = loopBench();
    bench.send(grant(12));
    bench.world.advance(1_000);
    bench.send(grant(12));
    expect(bench.untilStopped("s1")).toMatchObject({ pulses: 12 });
    expect(flowed(bench)).toBe(12);
  });
});

describe("a grant is refused", () => {
  test.each<[string, Partial<LoopCommand & { do: "grant" }>]>([
    ["for an outlet that is not there", { outlet: "socket-9" }],
    ["for a meter that is not there", { meter: "water" }],
    ["without pulses", { pulses: 0 }],
    ["for half a pulse", { pulses: 1.5 }],
    ["for more than its total", { pulses: 12, total: 11 }],
  ])("%s", (_, change) => {
    const bench = loopBench();
    bench.send({ ...grant(12), ...change } as LoopCommand);
    expect(bench.untilStopped("s1")).toMatchObject({ reason: "fault", pulses: 0, runOnPulses: 0 });
    bench.world.advance(3_000);
    expect(bench.metal.history(OUTLET)).toEqual([]);
  });

  test("while another session has the outlet, which goes on undisturbed", () => {
    const bench = loopBench();
    bench.send(grant(12));
    bench.world.advance(500);
    bench.send(grant(5, 5, "energy", "s2"));
    expect(bench.untilStopped("s2")).toMatchObject({ reason: "fault", pulses: 0 });
    expect(bench.untilStopped("s1")).toMatchObject({ reason: "exhausted", pulses: 12 });
  });

  test("while a fault stands", () => {
    const bench = loopBench();
    bench.pins.unplug(`${OUTLET}-pulse`);
    bench.world.advance(1_000);
    expect(lastOutlet(bench)).toMatchObject({ healthy: false, fault: "meter-lost" });
    bench.send(grant(12));
    expect(bench.untilStopped("s1")).toMatchObject({ reason: "meter-lost", pulses: 0 });
  });
});

describe("what breaks stops the delivery", () => {
  test("weld: the contact stays closed; the outlet is faulted until it opens", () => {
    const bench = loopBench();
    bench.send(grant(12));
    bench.world.advance(1_000);
    bench.metal.setFaults(OUTLET, { weld: true });
    const stopped = bench.untilStopped("s1");
    expect(stopped).toMatchObject({ reason: "weld", pulses: 12 });
    expect(stopped.runOnPulses).toBeGreaterThan(0);
    bench.world.advance(120_000);
    expect(lastOutlet(bench)).toMatchObject({ healthy: false, fault: "weld" });
    bench.metal.setFaults(OUTLET, { weld: false });
    bench.world.advance(1_000);
    expect(lastOutlet(bench).healthy).toBe(true);
  });

  test("not-closed: the contact does not follow", () => {
    const bench = loopBench();
    bench.metal.setFaults(OUTLET, { notClosed: true });
    bench.send(grant(12));
    expect(bench.untilStopped("s1")).toMatchObject({ reason: "not-closed", pulses: 0 });
    expect(bench.metal.outlet(OUTLET).coil).toBe(false);
    bench.world.advance(1_000);
    expect(lastOutlet(bench)).toMatchObject({ healthy: false, fault: "not-closed" });
    bench.world.advance(61_000);
    expect(lastOutlet(bench).healthy).toBe(true);
  });

  test("meter-stuck: no pulse though the contact is closed", () => {
    const bench = loopBench();
    bench.send(grant(120));
    bench.world.advance(3_000);
    bench.metal.setFaults(OUTLET, { stuckMeter: true });
    const stopped = bench.untilStopped("s1");
    expect(stopped.reason).toBe("meter-stuck");
    expect(stopped.pulses).toBe(bench.metal.outlet(OUTLET).meters["energy"]?.register);
    expect(stopped.pulses).toBeLessThan(flowed(bench));
  });

  test("meter-implausible: a jump stops it and is not charged", () => {
    const bench = loopBench();
    bench.send(grant(1000));
    bench.world.advance(3_000);
    bench.metal.jumpMeter(OUTLET, "energy", 400);
    const stopped = bench.untilStopped("s1");
    expect(stopped.reason).toBe("meter-implausible");
    expect(stopped.pulses).toBe(flowed(bench));
    expect(stopped.endReading - stopped.startReading).toBe(flowed(bench) + 400);
  });

  test("meter-implausible: a meter that falls back while it settles outranks why it was stopped", () => {
    const bench = loopBench();
    bench.send(grant(1000));
    bench.world.advance(3_000);
    bench.send({ do: "stop", session: "s1", reason: "consumer-end" });
    bench.world.advance(100);
    const delivered = flowed(bench);
    bench.metal.jumpMeter(OUTLET, "energy", -10);
    const stopped = bench.untilStopped("s1");
    expect(stopped).toMatchObject({ reason: "meter-implausible", pulses: delivered });
    expect(stopped.endReading - stopped.startReading).toBe(delivered - 10);
  });

  test("meter-lost: its line is gone", () => {
    const bench = loopBench();
    bench.send(grant(1000));
    bench.world.advance(3_000);
    bench.pins.unplug(`${OUTLET}-pulse`);
    bench.world.advance(20);
    expect(bench.metal.outlet(OUTLET).coil).toBe(false);
    expect(bench.untilStopped("s1").reason).toBe("meter-lost");
  });

  test("leak: pulses through the open switch fault the outlet, and a held session", () => {
    const idle = loopBench();
    idle.metal.setFaults(OUTLET, { leakPulsesPerSecond: 1 });
    idle.world.advance(3_000);
    expect(lastOutlet(idle)).toMatchObject({ healthy: false, fault: "leak" });

    const held = loopBench();
    held.send(grant(5, 500));
    held.world.advance(5_000);
    held.metal.setFaults(OUTLET, { leakPulsesPerSecond: 1 });
    expect(held.untilStopped("s1")).toMatchObject({ reason: "leak", pulses: 5 });
  });

  test("one pulse through the open switch is no leak yet", () => {
    const bench = loopBench();
    bench.pins.pulse(`${OUTLET}-pulse`, 1);
    bench.world.advance(3_000);
    expect(lastOutlet(bench).healthy).toBe(true);
  });

  test("a lost feedback line stops it and opens the switch", () => {
    const bench = loopBench();
    bench.send(grant(1000));
    bench.world.advance(3_000);
    bench.pins.unplug(`${OUTLET}-contact`);
    bench.world.advance(20);
    expect(bench.metal.outlet(OUTLET).coil).toBe(false);
    expect(bench.untilStopped("s1").reason).toBe("fault");
  });

  test("a bouncing contact stops nothing", () => {
    const bench = loopBench();
    bench.metal.setFaults(OUTLET, { bounces: 8 });
    bench.send(grant(12));
    expect(bench.untilStopped("s1")).toMatchObject({ reason: "exhausted", pulses: 12 });
  });
});

describe("I7: the switch is open", () => {
  test("when the loop is closed in mid-delivery", () => {
    const bench = loopBench();
    bench.send(grant(1000));
    bench.world.advance(3_000);
    expect(bench.metal.outlet(OUTLET).contact).toBe(true);
    bench.runner.close();
    bench.world.advance(150);
    expect(bench.metal.outlet(OUTLET)).toMatchObject({ coil: false, contact: false });
  });

  test("when an exception goes through the loop", () => {
    const bench = loopBench();
    bench.host.loop().report = () => {
      throw new Error("planted");
    };
    bench.send(grant(1000));
    expect(() => bench.world.advance(3_000)).toThrow("planted");
    bench.world.advance(150);
    expect(bench.metal.outlet(OUTLET)).toMatchObject({ coil: false, contact: false });
  });

  test("when a line that could not be told to open comes back", () => {
    const bench = loopBench();
    bench.send(grant(12));
    bench.world.advance(1_000);
    bench.pins.unplug(`${OUTLET}-coil`);
    bench.world.advance(3_000);
    expect(bench.metal.outlet(OUTLET).coil).toBe(true);
    bench.pins.plugIn(`${OUTLET}-coil`);
    bench.world.advance(300);
    expect(bench.metal.outlet(OUTLET)).toMatchObject({ coil: false, contact: false });
  });
});

describe("the loop is heard", () => {
  test("ready once, then alive twice a second, with readings and what is retained", () => {
    const bench = loopBench({ register: (_, meter) => (meter === "energy" ? 4711 : undefined) });
    bench.world.advance(10_000);
    expect(bench.reports[0]).toMatchObject({ on: "ready" });
    const alive = bench.reports.filter((report) => report.on === "alive");
    expect(alive.length).toBeGreaterThanOrEqual(20);
    expect(alive.length).toBeLessThanOrEqual(22);
    const last = alive.at(-1);
    expect(last?.on === "alive" && last.outlets[0]).toEqual({
      outlet: OUTLET,
      healthy: true,
      readings: { energy: 4711, time: 0 },
      retained: ["energy"],
      raised: [],
      ailing: {},
    });
  });
});
