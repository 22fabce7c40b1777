// The Meter contract on the pulse meter, with simulated metal behind it, on the counter of items, and on the time meter.

import { virtualCharger } from "../../boards/virtual-charger.ts";
import { openPulseMeter } from "../../hal/drivers/pulse-meter.ts";
import { openTimeMeter } from "../../hal/drivers/time-meter.ts";
import { openSimBoard } from "../../hal/sim/open-board.ts";
import { simPins } from "../../hal/sim/sim-pins.ts";
import { simWorld } from "../../hal/sim/world.ts";
import { describeMeter } from "./meter.ts";

const part = {
  kind: "pulse",
  id: "energy",
  line: "socket-1-pulse",
  unit: "kWh",
  pulsesPerUnit: { numerator: 1000, denominator: 1 },
  pulsesPerSecondMax: 50,
  stuckAfterMs: 30_000,
  retains: true,
} as const;

for (const startCount of [undefined, 4711]) {
  describeMeter(startCount === undefined ? "pulse meter" : "pulse meter with a register", () => {
    const world = simWorld({ seed: 1 });
    const { pins } = openSimBoard(world, virtualCharger, {
      pulsesPerSecond: 4,
      operateMs: [0, 0],
    });
    const coil = pins.lines.output("socket-1-coil");
    world.advance(10);
    return {
      meter: openPulseMeter(pins.lines.edges(part.line), part, startCount),
      flow: (flowing) => {
        coil.set(flowing);
        world.advance(0);
      },
      pulses: (count) => world.runFor(count * 250),
      nowMs: world.nowMs,
    };
  });
}

describeMeter("counter of items", () => {
  const world = simWorld({ seed: 1 });
  const pins = simPins(world);
  const item = {
    kind: "item",
    id: "done",
    line: "slot-done",
    unit: "item",
    pulsesPerUnit: { numerator: 1, denominator: 1 },
    timeoutMs: 10_000,
    pauseMs: 1_000,
    retains: true,
  } as const;
  let working = false;
  let done = 0;
  world.advance(10);
  return {
    meter: openPulseMeter(pins.lines.edges(item.line), item, 7),
    flow: (flowing) => {
      working = flowing;
    },
    pulses: async (count) => {
      const before = Math.floor(done);
      if (working) done += count;
      for (let i = before; i < Math.floor(done); i++) {
        pins.drive(item.line, true);
        await world.runFor(50);
        pins.drive(item.line, false);
        await world.runFor(2_000);
      }
    },
    nowMs: world.nowMs,
  };
});

describeMeter("time meter", () => {
  const world = simWorld({ seed: 1 });
  const meter = openTimeMeter(world.clock, {
    kind: "time",
    id: "time",
    unit: "min",
    pulsesPerUnit: { numerator: 60, denominator: 1 },
    pulseMs: 1000,
  });
  return {
    meter,
    flow: (flowing) => meter.follow(flowing),
    pulses: (count) => world.runFor(count * 1000),
    nowMs: world.nowMs,
  };
});
