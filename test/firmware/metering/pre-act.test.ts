// A loop that learns how its valve runs on and tells it to shut earlier: on the simulated metal of a pump whose valve
// begins to shut after 30 ms and then lets half through for 40 ms more, so 50 ms in all.

import { describe, expect, test } from "vitest";
import { virtualPump } from "../../../boards/virtual-pump.ts";
import { startOutlet } from "../../../firmware/metering/outlet.ts";
import { watchesFrom } from "../../../firmware/metering/outlet-flow.ts";
import type { OutletSample, Session } from "../../../firmware/metering/outlet-state.ts";
import type { Board } from "../../../hal/board.ts";
import type { LoopCommand, RunOn, StopReason } from "../../../hal/loop-host.ts";
import type { StopPhysics } from "../../../hal/sim/sim-stops.ts";
import { type LoopBench, loopBench } from "./bench.ts";
import { twoStagePump } from "./boards.ts";

const STOPS: StopPhysics = {
  latencyMs: 30,
  runOnMs: 40,
  sigmaPermille: 50,
  driftPermillePerStop: 0,
  driftPermilleMax: 0,
};
const LEARNT: RunOn = { delayMs: 50, spreadMs: 2, stops: 20 };

function pour(session: string, pulses: number, more: Partial<LoopCommand> = {}): LoopCommand {
  const grant = { do: "grant", outlet: "nozzle", meter: "flow", pulses, total: pulses };
  return { ...grant, session, ...more } as LoopCommand;
}

function pump(pulsesPerSecond: number, board: Board = virtualPump): LoopBench {
  return loopBench({ board, pulsesPerSecond, stops: STOPS });
}

function flowed({ metal }: LoopBench): number {
  return metal.outlet("nozzle").meters["flow"]?.physical ?? -1;
}

/** What had flowed each time that the valve was told to shut. */
function watchShut(bench: LoopBench): number[] {
  const seen: number[] = [];
  let was = false;
  bench.metal.onChange(() => {
    const { coil } = bench.metal.outlet("nozzle");
    if (was && !coil) seen.push(flowed(bench));
    was = coil;
  });
  return seen;
}

describe("pre-act", () => {
  test("I8: the first stop shows what runs on, and from the next ones on it ends where it was paid for", () => {
    const bench = pump(100);
    bench.send(pour("first", 60));
    const first = bench.untilStopped("first");
    expect(first).toMatchObject({ reason: "exhausted", pulses: 60 });
    // 50 ms at 100 pulses a second.
    expect(first.runOnPulses).toBeGreaterThanOrEqual(4);
    expect(first.runOn?.stops).toBe(1);
    const shut = watchShut(bench);
    for (let nth = 1; nth <= 20; nth++) {
      const before = flowed(bench);
      bench.send(pour(`s${nth}`, 60));
      const { reason, pulses, runOnPulses, runOn } = bench.untilStopped(`s${nth}`);
      expect(reason).toBe("exhausted");
      expect(Math.abs(pulses + runOnPulses - 60)).toBeLessThanOrEqual(1);
      expect(pulses + runOnPulses).toBe(flowed(bench) - before);
      expect(pulses).toBeLessThanOrEqual(60);
      expect(runOn?.stops).toBe(nth + 1);
      expect((shut.at(-1) ?? 0) - before).toBeLessThanOrEqual(57);
    }
    expect(bench.stopped("s20")?.runOn?.delayMs).toBeGreaterThan(40);
    expect(bench.stopped("s20")?.runOn?.delayMs).toBeLessThan(60);
  });

  test("what an earlier life has learnt comes with the grant", () => {
    const bench = pump(100);
    bench.send(pour("s", 60, { runOn: LEARNT }));
    const { pulses, runOnPulses, runOn } = bench.untilStopped("s");
    expect(Math.abs(pulses + runOnPulses - 60)).toBeLessThanOrEqual(1);
    expect(runOn?.stops).toBe(LEARNT.stops + 1);
    // The loop that goes on living knows better than what it is told.
    bench.send(pour("t", 60, { runOn: { ...LEARNT, delayMs: 400 } }));
    expect(bench.untilStopped("t").runOn?.delayMs).toBeLessThan(60);
  });

  test("I6: after another valve was fitted, which shuts at once, nobody is left far short for long", () => {
    const bench = pump(100);
    const short: number[] = [];
    for (let nth = 0; nth < 12; nth++) {
      bench.send(pour(`s${nth}`, 120, { runOn: { delayMs: 600, spreadMs: 3, stops: 200 } }));
      const { pulses, runOnPulses } = bench.untilStopped(`s${nth}`);
      short.push(120 - pulses - runOnPulses);
    }
    // 550 ms too early at 100 pulses a second.
    expect(short[0]).toBeGreaterThan(50);
    expect(Math.max(...short.slice(9))).toBeLessThanOrEqual(3);
  });

  test("not for a hold: only the last of a session is told earlier", () => {
    const bench = pump(100);
    const shut = watchShut(bench);
    bench.send(pour("s", 40, { total: 90, runOn: LEARNT }));
    bench.world.advance(2_000);
    expect(shut).toEqual([40]);
    bench.send({ do: "extend", session: "s", pulses: 90 });
    const { pulses, runOnPulses } = bench.untilStopped("s");
    expect(shut[1]).toBeLessThan(90 - 3);
    expect(Math.abs(pulses + runOnPulses - 90)).toBeLessThanOrEqual(1);
  });

  test("I8: what runs on is never let flow beyond what is reserved, be the end ever so near", () => {
    const bench = pump(100);
    const shut = watchShut(bench);
    bench.send(pour("s", 88, { total: 90, runOn: LEARNT }));
    bench.world.advance(2_000);
    expect(shut).toEqual([88]);
  });

  test("in a trickle the last pulse itself decides", () => {
    const bench = pump(10);
    const shut = watchShut(bench);
    bench.send(pour("s", 12, { runOn: LEARNT }));
    expect(bench.untilStopped("s")).toMatchObject({ pulses: 12, runOnPulses: 0 });
    expect(shut).toEqual([12]);
  });

  test("between two pulses it is told in time, not at the next poll", () => {
    const bench = pump(25);
    const shut: number[] = [];
    bench.metal.onChange(() => {
      if (!bench.metal.outlet("nozzle").coil) shut.push(bench.world.nowMs());
    });
    const pulses: number[] = [];
    bench.pins.onRead("flow-pulse", () => {
      if (flowed(bench) > pulses.length) pulses.push(bench.world.nowMs());
    });
    // 40 ms a pulse: 50 ms before the middle of the pulse after the last one.
    bench.send(pour("s", 10, { runOn: LEARNT }));
    expect(bench.untilStopped("s")).toMatchObject({ pulses: 10, runOnPulses: 0 });
    const told = (shut[0] ?? 0) - (pulses[8] ?? 0);
    expect(told).toBeGreaterThan(9.9);
    expect(told).toBeLessThan(10.1);
  });

  test("a flow that stops before the end is not taken for run-on", () => {
    const bench = pump(100);
    const shut = watchShut(bench);
    bench.send(pour("s", 60, { runOn: LEARNT }));
    while (flowed(bench) < 50) bench.world.advance(1);
    bench.metal.setFlow("nozzle", 0);
    expect(bench.untilStopped("s")).toMatchObject({ reason: "meter-stuck", pulses: 50 });
    expect(shut).toEqual([50]);
    expect(bench.stopped("s")?.runOn).toEqual(LEARNT);
  });

  test("I6: one pulse that comes twice, as of a contact that bounces, does not end it before its time", () => {
    for (const at of [1, 2, 3, 34, 38, 45, 52]) {
      const bench = pump(100);
      bench.send(pour("s", 60, { runOn: LEARNT }));
      while (flowed(bench) < at) bench.world.advance(0.1);
      bench.pins.pulse("flow-pulse", 1);
      const { reason, pulses, runOnPulses } = bench.untilStopped("s");
      expect(reason).toBe("exhausted");
      expect(Math.abs(pulses + runOnPulses - 60)).toBeLessThanOrEqual(1);
    }
  });

  test("a flow that grows near the end is another flow from its second pulse on", () => {
    const bench = pump(25);
    bench.send(pour("s", 60, { runOn: LEARNT }));
    while (flowed(bench) < 40) bench.world.advance(1);
    bench.metal.setFlow("nozzle", 200);
    const { pulses, runOnPulses } = bench.untilStopped("s");
    expect(Math.abs(pulses + runOnPulses - 60)).toBeLessThanOrEqual(1);
  });

  test("nor does a stop teach anything when it no longer flows as the last pulses did", () => {
    const bench = pump(100);
    bench.send(pour("s", 60, { runOn: LEARNT }));
    while (flowed(bench) < 50) bench.world.advance(1);
    bench.metal.setFlow("nozzle", 1);
    bench.world.advance(300);
    bench.send({ do: "stop", session: "s", reason: "consumer-end" });
    expect(bench.untilStopped("s")).toMatchObject({ reason: "consumer-end", runOn: LEARNT });
  });

  test("a weld teaches nothing", () => {
    const bench = pump(100);
    bench.send(pour("s", 60, { runOn: LEARNT }));
    bench.world.advance(100);
    bench.metal.setFaults("nozzle", { weld: true });
    const stopped = bench.untilStopped("s");
    expect(stopped).toMatchObject({ reason: "weld", runOn: LEARNT });
    expect(stopped.runOnPulses).toBeGreaterThan(10);
  });

  test("nor does a meter whose closing reading cannot be believed", () => {
    const bench = pump(100);
    bench.send(pour("s", 60, { runOn: LEARNT }));
    while (flowed(bench) < 56 || bench.metal.outlet("nozzle").coil) bench.world.advance(1);
    bench.metal.jumpMeter("nozzle", "flow", 100_000);
    expect(bench.untilStopped("s")).toMatchObject({ reason: "meter-implausible", runOn: LEARNT });
  });

  test("a session that is ended by somebody teaches where each pulse was looked at, near its end", () => {
    const bench = pump(100);
    const endAfter = (session: string, ms: number, reason: StopReason = "consumer-end"): void => {
      bench.send(pour(session, 300, { runOn: LEARNT }));
      bench.world.advance(ms);
      bench.send({ do: "stop", session, reason });
    };
    // It may have taken pump and pressure away as well.
    endAfter("pressed", 2_700, "emergency-stop");
    expect(bench.untilStopped("pressed")).toMatchObject({ runOn: LEARNT });
    endAfter("early", 500);
    expect(bench.untilStopped("early")).toMatchObject({ reason: "consumer-end", runOn: LEARNT });
    endAfter("late", 2_700);
    expect(bench.untilStopped("late")).toMatchObject({
      reason: "consumer-end",
      runOn: { stops: 21 },
    });
  });
});

test("a meter that is polled is never told ahead of: its readings say when it was asked", () => {
  const meter = { id: "flow", retains: false, pulsesPerSecondMax: 100, stuckAfterMs: 5_000 };
  const rules = { id: "nozzle", operateMsMax: 100, settleMs: 100, interlocks: [] };
  const sample: OutletSample = {
    nowMs: 0,
    switch: { closed: false, contact: "open" },
    readings: [{ count: 0, atMs: 0 }],
    interlocks: [],
  };
  const session: Session = {
    ...{ id: "s", meter: "flow", granted: 60, total: 60, startReading: 0, delivered: 0 },
    ...{ halfMark: 30, reportedAtMs: 0, reportedPulses: 0 },
  };
  const watched = (poll?: { intervalMs: number; staleAfterMs: number }): number => {
    const meters = [{ ...meter, ...(poll && { poll }) }];
    return watchesFrom(startOutlet({ ...rules, meters }, sample), session);
  };
  expect(watched()).toBe(52);
  expect(watched({ intervalMs: 500, staleAfterMs: 2_000 })).toBe(Infinity);
});

describe("a valve with two stages", () => {
  test("is learnt at its slow stage, and ends there where it was paid for", () => {
    const bench = pump(600, twoStagePump(true));
    const learnt: number[] = [];
    for (let nth = 0; nth < 12; nth++) {
      bench.send(pour(`s${nth}`, 400));
      const { pulses, runOnPulses, runOn } = bench.untilStopped(`s${nth}`);
      if (nth > 2) expect(Math.abs(pulses + runOnPulses - 400)).toBeLessThanOrEqual(1);
      learnt.push(runOn?.delayMs ?? 0);
    }
    expect(learnt.at(-1)).toBeGreaterThan(35);
    expect(learnt.at(-1)).toBeLessThan(65);
  });

  test("while the wide way is still shutting nothing is judged by its flow", () => {
    const bench = pump(600, twoStagePump(true));
    const shut = watchShut(bench);
    // By the flow of the wide way 30 pulses would run on, and 90 left when it is told to shut.
    bench.send(pour("s", 400, { runOn: { delayMs: 150, spreadMs: 1, stops: 20 } }));
    bench.untilStopped("s");
    // 150 ms at 60 pulses a second.
    expect(shut.at(-1)).toBeGreaterThanOrEqual(400 - 10);
  });
});
