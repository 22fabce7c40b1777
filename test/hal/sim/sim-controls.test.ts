// What people do at a virtual board: interlocks that are raised and cleared, buttons that are pressed; and a board's
// own word for how it starts.

import { expect, test } from "vitest";
import type { Board } from "../../../hal/board.ts";
import { openSimBoard } from "../../../hal/sim/open-board.ts";
import { simWorld } from "../../../hal/sim/world.ts";
import { guardedCharger, twoStagePump } from "../../firmware/metering/boards.ts";

test("interlocks start clear, but for those that the board says are raised", () => {
  const board: Board = {
    ...guardedCharger,
    virtual: { pulsesPerSecond: 6, operateMs: [0, 0], raised: { "socket-2": ["door"] } },
  };
  const { controls, pins } = openSimBoard(simWorld({ seed: 1 }), board);
  expect(controls.isRaised("socket-1", "door")).toBe(false);
  expect(controls.isRaised("socket-2", "door")).toBe(true);
  expect(pins.level("socket-2-door-shut")).toBe(false);
  controls.setInterlock("socket-2", "door", false);
  controls.setInterlock("socket-1", "door", true);
  expect(pins.level("socket-2-door-shut")).toBe(true);
  expect(pins.level("socket-1-door-shut")).toBe(false);
});

test("what the board has not, or has not on a line, is named", () => {
  const { controls } = openSimBoard(simWorld({ seed: 1 }), guardedCharger);
  expect(() => controls.setInterlock("socket-1", "hatch", true)).toThrow(/has no interlock hatch/);
  expect(() => controls.setInterlock("socket-9", "door", true)).toThrow(/socket-9/);
  expect(() => controls.setInterlock("socket-1", "heat", true)).toThrow(/heat with a line/);
  expect(() => controls.press("go")).toThrow(/has no button go/);
});

test("a button goes down and comes up again", () => {
  const world = simWorld({ seed: 1 });
  const { controls, pins } = openSimBoard(world, guardedCharger);
  controls.press("stop", 50);
  expect(pins.level("stop-button")).toBe(true);
  world.advance(51);
  expect(pins.level("stop-button")).toBe(false);
});

test("a sensor that is no tank shows what the board says, and then what it is told", () => {
  const { sensors } = openSimBoard(simWorld({ seed: 1 }), guardedCharger);
  const sensor = sensors.open({ id: "temperature", unit: "m°C" });
  expect(sensor.read().value).toBe(21_000);
  sensors.fill("temperature", -4_000);
  expect(sensor.read().value).toBe(-4_000);
  expect(() => sensors.fill("pressure", 1)).toThrow(/no sensor pressure/);
});

test("a valve lets all flow through both ways, a tenth through the narrow one, nothing through none", () => {
  const world = simWorld({ seed: 1 });
  const { pins, metal } = openSimBoard(world, twoStagePump(true), {
    pulsesPerSecond: 100,
    operateMs: [0, 0],
  });
  const [wide, narrow] = [pins.lines.output("valve-wide"), pins.lines.output("valve-narrow")];
  const flows = (ways: [boolean, boolean]): number => {
    wide.set(ways[0]);
    narrow.set(ways[1]);
    world.advance(1);
    const before = metal.outlet("nozzle").meters["flow"]?.physical ?? 0;
    expect(pins.level("valve-open")).toBe(ways.includes(true));
    world.advance(1_000);
    return (metal.outlet("nozzle").meters["flow"]?.physical ?? 0) - before;
  };
  expect(flows([true, true])).toBe(100);
  expect(flows([false, true])).toBe(10);
  expect(flows([true, false])).toBe(90);
  expect(flows([false, false])).toBe(0);
});
