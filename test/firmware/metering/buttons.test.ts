// Buttons at the board: one that stops works in the loop alone, one that chooses is told to the device.

import { describe, expect, test } from "vitest";
import type { LoopCommand } from "../../../hal/loop-host.ts";
import { type LoopBench, loopBench } from "./bench.ts";
import { guardedCharger } from "./boards.ts";

const OUTLET = "socket-1";
const GRANT: LoopCommand = {
  ...{ do: "grant", session: "s1", outlet: OUTLET, meter: "energy" },
  ...{ pulses: 1_000, total: 1_000 },
};

function pressed({ reports }: LoopBench): string[] {
  return reports.flatMap((report) => (report.on === "button" ? [report.button] : []));
}

describe("a button that stops", () => {
  test("I7 I9: ends the delivery in the loop itself, with the device out of reach", () => {
    const bench = loopBench({ board: guardedCharger });
    bench.send(GRANT);
    bench.world.advance(3_000);
    bench.host.blockDevice(60_000);
    bench.controls.press("stop");
    bench.world.advance(50);
    expect(bench.metal.outlet(OUTLET).coil).toBe(false);
    const stopped = bench.untilStopped("s1");
    expect(stopped.reason).toBe("customer-button");
    expect(stopped.pulses).toBe(bench.metal.outlet(OUTLET).meters["energy"]?.physical);
    expect(pressed(bench)).toEqual([]);
  });

  test("leaves the other outlet alone", () => {
    const bench = loopBench({ board: guardedCharger });
    bench.send({ ...GRANT, outlet: "socket-2" } as LoopCommand);
    bench.world.advance(1_000);
    bench.controls.press("stop");
    bench.world.advance(2_000);
    expect(bench.stopped("s1")).toBeUndefined();
  });

  test("where nothing runs it is told, once for each press however it bounces", () => {
    const bench = loopBench({ board: guardedCharger });
    for (let press = 0; press < 3; press++) {
      for (let bounce = 0; bounce < 5; bounce++) {
        bench.controls.press("stop", 2);
        bench.world.advance(4);
      }
      bench.controls.press("stop", 150);
      bench.world.advance(400);
    }
    expect(pressed(bench)).toEqual(["stop", "stop", "stop"]);
  });

  test("a flicker that no person makes is no press", () => {
    const bench = loopBench({ board: guardedCharger });
    bench.send(GRANT);
    bench.world.advance(1_000);
    for (let i = 0; i < 100; i++) {
      bench.controls.press("stop", 5);
      bench.world.advance(37);
    }
    expect(bench.stopped("s1")).toBeUndefined();
  });

  test("one that is held down, jammed or comes back held down counts no second time", () => {
    const bench = loopBench({ board: guardedCharger });
    bench.pins.drive("stop-button", true);
    bench.world.advance(10_000);
    expect(pressed(bench)).toEqual(["stop"]);
    bench.pins.drive("stop-button", false);
    bench.world.advance(1_000);
    bench.pins.unplug("stop-button");
    bench.world.advance(1_000);
    bench.pins.drive("stop-button", true);
    bench.pins.plugIn("stop-button");
    bench.world.advance(1_000);
    expect(pressed(bench)).toEqual(["stop"]);
    bench.send(GRANT);
    bench.world.advance(2_000);
    expect(bench.stopped("s1")).toBeUndefined();
    bench.pins.drive("stop-button", false);
    bench.world.advance(100);
    bench.controls.press("stop");
    expect(bench.untilStopped("s1").reason).toBe("customer-button");
  });

  test("one that is down when the loop starts counts when it is pressed again", () => {
    const bench = loopBench({
      board: guardedCharger,
      touch: ({ pins }) => pins.drive("stop-button", true),
    });
    bench.world.advance(2_000);
    expect(pressed(bench)).toEqual([]);
  });
});

describe("a button that chooses", () => {
  test("is told once for each press, also while something runs", () => {
    const bench = loopBench({ board: guardedCharger });
    bench.controls.press("second");
    bench.world.advance(500);
    bench.send(GRANT);
    bench.world.advance(500);
    bench.controls.press("second");
    bench.world.advance(500);
    expect(pressed(bench)).toEqual(["second", "second"]);
    expect(bench.stopped("s1")).toBeUndefined();
  });
});
