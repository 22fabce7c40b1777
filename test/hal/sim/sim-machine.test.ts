// The machines and tanks of a virtual board: they work, empty and break as told.

import { describe, expect, test } from "vitest";
import { virtualPump } from "../../../boards/virtual-pump.ts";
import { virtualWasher } from "../../../boards/virtual-washer.ts";
import { openSimBoard } from "../../../hal/sim/open-board.ts";
import { simWorld } from "../../../hal/sim/world.ts";

function machine() {
  const world = simWorld({ seed: 1 });
  const register = (_: string, meter: string): number => (meter === "done" ? 40 : 0);
  const board = openSimBoard(world, virtualWasher, { cycleMs: [1_000, 1_000], register });
  const start = board.pins.lines.output("slot-start");
  const done = board.pins.lines.edges("slot-done");
  const signal = (): void => {
    start.set(true);
    world.advance(100);
    start.set(false);
  };
  return { ...board, world, signal, done: () => done.edges().count, start };
}

describe("a machine", () => {
  test("does one item at a signal and says when it is done", () => {
    const { world, signal, done, metal } = machine();
    signal();
    expect(metal.outlet("slot")).toMatchObject({ coil: false, contact: true });
    world.advance(899);
    expect(done()).toBe(0);
    world.advance(1);
    expect(done()).toBe(1);
    expect(metal.outlet("slot")).toEqual({
      id: "slot",
      coil: false,
      contact: false,
      meters: { done: { register: 41, physical: 1 } },
    });
    expect(metal.outlet("washer").meters["done"]).toEqual({ register: 40, physical: 0 });
  });

  test("does not hear a signal while it works", () => {
    const { world, signal, done } = machine();
    signal();
    signal();
    world.advance(5_000);
    expect(done()).toBe(1);
  });

  test("goes on with its item when the program dies", () => {
    const { world, pins, start, metal } = machine();
    start.set(true);
    world.advance(10);
    pins.releaseAll();
    expect(metal.outlet("slot").coil).toBe(false);
    world.advance(5_000);
    expect(metal.register("slot", "done")).toBe(41);
  });

  test("breaks as told: never done, done twice, done by itself", () => {
    const { world, signal, done, metal } = machine();
    metal.setMachineFaults("slot", { neverDone: true });
    signal();
    world.advance(5_000);
    expect([done(), metal.outlet("slot").contact]).toEqual([0, false]);
    metal.setMachineFaults("slot", { neverDone: false, doneTwice: true });
    signal();
    world.advance(5_000);
    metal.jumpMeter("slot", "done", 1);
    expect(done()).toBe(3);
    expect(metal.outlet("slot").meters["done"]).toEqual({ register: 43, physical: 1 });
  });
});

test("a tank empties as its meter turns, from where the meter's register stood, and never below nothing", async () => {
  const world = simWorld({ seed: 1 });
  const register = (): number => 45 * 19_000;
  const { pins, sensors } = openSimBoard(world, virtualPump, {
    register,
    pulsesPerSecond: 450,
    operateMs: [0, 0],
  });
  expect(sensors.level("tank")).toBe(1_000);
  const valve = pins.lines.output("valve-coil");
  valve.set(true);
  await world.runFor(10_000);
  // Ten litres are a hundred decilitres.
  expect(sensors.level("tank")).toBe(901);
  await world.runFor(200_000);
  expect(sensors.level("tank")).toBe(0);
  valve.set(false);
  sensors.fill("tank", 77);
  await world.runFor(10_000);
  expect(sensors.level("tank")).toBe(77);
});
