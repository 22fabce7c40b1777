// Interlocks in the metering loop: whatever is raised stops what runs with its reason, lets nothing begin, and lets
// go when it has been clear for a moment. The truth is the simulated metal.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Board } from "../../../hal/board.ts";
import type { LoopCommand, OutletReport, StopReason } from "../../../hal/loop-host.ts";
import { type LoopBench, loopBench } from "./bench.ts";
import { guardedCharger, guardedWasher } from "./boards.ts";

const OUTLET = "socket-1";

function grant(pulses: number, total = pulses, session = "s1", outlet = OUTLET): LoopCommand {
  return { do: "grant", session, outlet, meter: "energy", pulses, total };
}

function lastOutlet({ reports }: LoopBench, outlet = OUTLET): OutletReport {
  const report = reports.findLast((each) => each.on === "alive" || each.on === "ready");
  if (report?.on !== "alive" && report?.on !== "ready") throw new Error("the loop said nothing");
  const found = report.outlets.find((each) => each.outlet === outlet);
  if (found === undefined) throw new Error("no such outlet");
  return found;
}

function flowed({ metal }: LoopBench, outlet = OUTLET): number {
  return metal.outlet(outlet).meters["energy"]?.physical ?? -1;
}

type Raise = (bench: LoopBench, raised: boolean) => void;

const byLine =
  (interlock: string): Raise =>
  ({ controls }, raised) =>
    controls.setInterlock(OUTLET, interlock, raised);

const WAYS: readonly [string, string, StopReason, Raise][] = [
  ["the emergency stop", "emergency-stop", "emergency-stop", byLine("emergency-stop")],
  ["a door", "door", "interlock", byLine("door")],
  [
    "the line of a door that is gone",
    "door",
    "interlock",
    ({ pins }, raised) =>
      raised ? pins.unplug(`${OUTLET}-door-shut`) : pins.plugIn(`${OUTLET}-door-shut`),
  ],
  [
    "a sensor above its limit",
    "heat",
    "interlock",
    ({ sensors }, raised) => sensors.fill("temperature", raised ? 85_001 : 85_000),
  ],
  [
    "a sensor below its limit",
    "heat",
    "interlock",
    ({ sensors }, raised) => sensors.fill("temperature", raised ? -20_001 : -20_000),
  ],
  [
    "a sensor that is gone",
    "heat",
    "sensor-stale",
    ({ sensors }, raised) => sensors.setFaults("temperature", { lost: raised }),
  ],
  [
    "a sensor whose reading cannot be",
    "heat",
    "sensor-stale",
    ({ sensors }, raised) => sensors.fill("temperature", raised ? 127_937 : 21_000),
  ],
  [
    "a sensor that says nothing new",
    "heat",
    "sensor-stale",
    ({ sensors, world }, raised) => {
      sensors.setFaults("temperature", { frozen: raised });
      if (raised) world.advance(2_000);
    },
  ],
];

describe.each(WAYS)("%s", (_, id, reason, raise) => {
  test("I7 I9: stops a delivery within 20 ms, with the device out of reach, and says why", () => {
    const bench = loopBench({ board: guardedCharger });
    bench.send(grant(1_000));
    bench.world.advance(5_000);
    bench.host.blockDevice(60_000);
    raise(bench, true);
    bench.world.advance(20);
    expect(bench.metal.outlet(OUTLET).coil).toBe(false);
    const stopped = bench.untilStopped("s1");
    expect(stopped.reason).toBe(reason);
    expect(stopped.pulses + stopped.runOnPulses).toBe(flowed(bench));
    expect(stopped.endReading - stopped.startReading).toBe(flowed(bench));
    expect(bench.reports.filter(({ on }) => on === "stopped")).toHaveLength(1);
  });

  test("I7: refuses a grant while it is raised, and delivers when it has been clear for a second", () => {
    const bench = loopBench({ board: guardedCharger });
    raise(bench, true);
    bench.world.advance(1_000);
    expect(lastOutlet(bench)).toMatchObject({ healthy: false, fault: reason, raised: [id] });
    bench.send(grant(12));
    expect(bench.untilStopped("s1")).toMatchObject({ reason, pulses: 0, runOnPulses: 0 });
    raise(bench, false);
    bench.world.advance(300);
    expect(lastOutlet(bench)).toMatchObject({ healthy: false, raised: [] });
    bench.send(grant(12, 12, "s2"));
    expect(bench.untilStopped("s2")).toMatchObject({ reason, pulses: 0 });
    bench.world.advance(1_300);
    expect(lastOutlet(bench)).toMatchObject({ healthy: true, raised: [] });
    expect(bench.metal.history(OUTLET)).toEqual([]);
    bench.send(grant(12, 12, "s3"));
    expect(bench.untilStopped("s3")).toMatchObject({ reason: "exhausted", pulses: 12 });
  });

  test("I7: ends a session that holds, which no extension closes again", () => {
    const bench = loopBench({ board: guardedCharger });
    bench.send(grant(5, 50));
    bench.world.advance(3_000);
    expect(bench.stopped("s1")).toBeUndefined();
    raise(bench, true);
    bench.send({ do: "extend", session: "s1", pulses: 50 });
    expect(bench.untilStopped("s1")).toMatchObject({ reason, pulses: 5 });
    const closed = bench.metal.history(OUTLET).filter((e) => e.what === "coil" && e.closed);
    expect(closed).toHaveLength(1);
  });
});

describe("interlocks", () => {
  test("one raised at the start keeps the outlet from being ready, the other outlet is", () => {
    const physics = guardedCharger.virtual;
    if (physics === undefined) throw new Error("not virtual");
    const board: Board = {
      ...guardedCharger,
      virtual: { ...physics, raised: { [OUTLET]: ["door"] } },
    };
    const bench = loopBench({ board });
    expect(lastOutlet(bench)).toMatchObject({ healthy: false, fault: "interlock" });
    expect(lastOutlet(bench, "socket-2")).toMatchObject({ healthy: true });
    expect(bench.controls.isRaised(OUTLET, "door")).toBe(true);
    expect(bench.controls.isRaised("socket-2", "door")).toBe(false);
  });

  test("one emergency stop for the board ends every session, and outranks what else is raised", () => {
    const bench = loopBench({ board: guardedCharger });
    bench.send(grant(1_000));
    bench.send(grant(1_000, 1_000, "s2", "socket-2"));
    bench.world.advance(3_000);
    bench.controls.setInterlock(OUTLET, "door", true);
    bench.sensors.setFaults("temperature", { lost: true });
    bench.controls.setInterlock("socket-2", "emergency-stop", true);
    expect(bench.untilStopped("s1").reason).toBe("emergency-stop");
    expect(bench.untilStopped("s2").reason).toBe("emergency-stop");
    expect(lastOutlet(bench).raised).toEqual(["emergency-stop", "door", "heat"]);
    expect(lastOutlet(bench, "socket-2").raised).toEqual(["emergency-stop", "heat"]);
  });

  test("a raised contact outranks a blind sensor, whichever comes first on the board", () => {
    for (const reversed of [false, true]) {
      const outlets = guardedCharger.outlets.map((part) => ({
        ...part,
        interlocks: reversed ? (part.interlocks?.toReversed() ?? []) : (part.interlocks ?? []),
      }));
      const bench = loopBench({ board: { ...guardedCharger, outlets } });
      bench.sensors.setFaults("temperature", { lost: true });
      bench.controls.setInterlock(OUTLET, "door", true);
      bench.world.advance(1_000);
      expect(lastOutlet(bench).fault).toBe("interlock");
    }
  });

  test("the emergency stop that took the meter and the contact away with it is the reason", () => {
    const bench = loopBench({ board: guardedCharger });
    bench.send(grant(1_000));
    bench.world.advance(3_000);
    bench.controls.setInterlock(OUTLET, "emergency-stop", true);
    bench.pins.unplug(`${OUTLET}-pulse`);
    bench.pins.unplug(`${OUTLET}-contact`);
    expect(bench.untilStopped("s1").reason).toBe("emergency-stop");
    expect(lastOutlet(bench).fault).toBe("emergency-stop");
  });

  test("a door that is raised and cleared does not lift the fault that stood before it", () => {
    const bench = loopBench({ board: guardedCharger });
    bench.metal.setFaults(OUTLET, { leakPulsesPerSecond: 1 });
    bench.world.advance(3_000);
    bench.metal.setFaults(OUTLET, { leakPulsesPerSecond: 0 });
    bench.controls.setInterlock(OUTLET, "door", true);
    bench.world.advance(1_000);
    expect(lastOutlet(bench)).toMatchObject({ fault: "leak", raised: ["door"] });
    bench.controls.setInterlock(OUTLET, "door", false);
    bench.world.advance(3_000);
    expect(lastOutlet(bench)).toMatchObject({ healthy: false, fault: "leak", raised: [] });
  });

  test("one that is raised while the session settles changes no reason", () => {
    const bench = loopBench({ board: guardedCharger });
    bench.send(grant(12));
    bench.world.advance(1_000);
    bench.send({ do: "stop", session: "s1", reason: "consumer-end" });
    bench.world.advance(50);
    bench.controls.setInterlock(OUTLET, "emergency-stop", true);
    expect(bench.untilStopped("s1").reason).toBe("consumer-end");
  });

  test("I7: a contact that chatters never has the switch closed while it is raised", () => {
    fc.assert(
      fc.property(
        fc.nat(1_000_000),
        fc.array(fc.integer({ min: 1, max: 3_000 }), { minLength: 1, maxLength: 12 }),
        (seed, gaps) => {
          const bench = loopBench({ board: guardedCharger, seed, pulsesPerSecond: 40 });
          const { controls, metal, world } = bench;
          let closings = 0;
          let coilWas = false;
          metal.onChange(({ outlets }) => {
            const coil = outlets[0]?.coil === true;
            if (coil && !coilWas && controls.isRaised(OUTLET, "door")) closings++;
            coilWas = coil;
          });
          let raised = false;
          for (const [i, gap] of gaps.entries()) {
            bench.send(grant(200, 400, `s${i}`));
            world.advance(gap);
            raised = !raised;
            controls.setInterlock(OUTLET, "door", raised);
            world.advance(20);
            if (raised) expect(metal.outlet(OUTLET).coil).toBe(false);
            bench.send({ do: "extend", session: `s${i}`, pulses: 400 });
            world.advance(10);
            if (raised) expect(metal.outlet(OUTLET).coil).toBe(false);
          }
          expect(closings).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("interlocks of a machine that cannot be interrupted", () => {
  const item = (total: number): LoopCommand => ({
    ...{ do: "grant", session: "s1", outlet: "slot", meter: "done" },
    ...{ pulses: total, total },
  });

  test("a door lets no further item begin, and the one under way is counted", () => {
    const bench = loopBench({ board: guardedWasher });
    bench.send(item(5));
    bench.world.advance(500);
    bench.controls.setInterlock("slot", "door", true);
    bench.world.advance(500);
    // Shut again in time: what was raised still ends it.
    bench.controls.setInterlock("slot", "door", false);
    const stopped = bench.untilStopped("s1");
    expect(stopped).toMatchObject({ reason: "interlock", pulses: 1, runOnPulses: 0 });
    bench.world.advance(20_000);
    expect(bench.metal.outlet("slot").meters["done"]?.physical).toBe(1);
    expect(lastOutlet(bench, "slot").healthy).toBe(true);
  });

  test("the emergency stop waits for nothing", () => {
    const bench = loopBench({ board: guardedWasher });
    bench.send(item(5));
    bench.world.advance(500);
    bench.controls.setInterlock("slot", "emergency-stop", true);
    bench.world.advance(1_000);
    expect(bench.stopped("s1")).toMatchObject({ reason: "emergency-stop", pulses: 0 });
  });

  test("I7: nothing is started while one is raised between two items", () => {
    const bench = loopBench({ board: guardedWasher });
    bench.send(item(5));
    const doneBefore = () => bench.metal.outlet("slot").meters["done"]?.physical ?? 0;
    while (doneBefore() < 1) bench.world.advance(10);
    bench.world.advance(100);
    bench.controls.setInterlock("slot", "door", true);
    expect(bench.untilStopped("s1")).toMatchObject({ reason: "interlock", pulses: 1 });
    bench.world.advance(20_000);
    expect(doneBefore()).toBe(1);
  });
});
