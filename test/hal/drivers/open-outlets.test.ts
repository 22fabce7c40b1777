// Opening a board: every part by its name, all or nothing, and all open at the end.

import { expect, test } from "vitest";
import { BOARDS } from "../../../boards/registry.ts";
import { virtualCharger } from "../../../boards/virtual-charger.ts";
import { virtualPump } from "../../../boards/virtual-pump.ts";
import { openOutlets } from "../../../hal/drivers/open-outlets.ts";
import { HalError } from "../../../hal/hal-error.ts";
import { openSimBoard } from "../../../hal/sim/open-board.ts";
import { simWorld } from "../../../hal/sim/world.ts";

test.each(BOARDS)("opens $name with every outlet, meter and sensor", (board) => {
  const world = simWorld({ seed: 1 });
  const { pins, metal, sensors } = openSimBoard(world, board);
  const devices = openOutlets(board, world.clock, pins.lines, metal.register, sensors.open);
  expect(devices.sensors.map(({ part }) => part)).toEqual(board.sensors ?? []);
  expect(devices.outlets.map((outlet) => [outlet.part.id, [...outlet.meters.keys()]])).toEqual(
    board.outlets.map((part) => [part.id, part.meters.map((meter) => meter.id)]),
  );
});

test("only a meter with a register of its own retains its count", () => {
  const world = simWorld({ seed: 1 });
  const charger = openSimBoard(world, virtualCharger, { register: () => 4711 });
  const withRegister = openOutlets(
    virtualCharger,
    world.clock,
    charger.pins.lines,
    charger.metal.register,
  );
  const meters = withRegister.outlets[0]?.meters;
  expect(meters?.get("energy")?.retains).toBe(true);
  expect(meters?.get("energy")?.read().count).toBe(4711);
  expect(meters?.get("time")?.retains).toBe(false);
  withRegister.close();
  const without = openOutlets(virtualCharger, world.clock, charger.pins.lines);
  expect(without.outlets[0]?.meters.get("energy")?.retains).toBe(false);
});

test("I7: closing opens every switch, also when one line fails", () => {
  const world = simWorld({ seed: 1 });
  const { pins } = openSimBoard(world, virtualCharger);
  const devices = openOutlets(virtualCharger, world.clock, pins.lines);
  for (const outlet of devices.outlets) outlet.switch.set(true);
  world.advance(100);
  expect(pins.level("socket-2-coil")).toBe(true);
  devices.close();
  devices.close();
  expect([pins.level("socket-1-coil"), pins.level("socket-2-coil")]).toEqual([false, false]);
});

test("a start signal goes with one meter that counts items, and with no other", () => {
  for (const { meters, switch: part } of BOARDS.flatMap(({ outlets }) => outlets)) {
    const kinds = meters.map(({ kind }) => kind);
    if (part.kind === "start-signal") expect(kinds).toEqual(["item"]);
    else expect(kinds).not.toContain("item");
  }
});

test("I7: a sensor that cannot be opened leaves no switch held", () => {
  const world = simWorld({ seed: 1 });
  const { pins, sensors } = openSimBoard(world, virtualPump);
  const open = () => openOutlets(virtualPump, world.clock, pins.lines, undefined, sensors.open);
  expect(() => openOutlets(virtualPump, world.clock, pins.lines)).toThrow(/sensor tank/);
  expect(open).not.toThrow();
  expect(open).toThrow(/already held/);
});

test("a board that cannot be opened in full is not held in part", () => {
  const world = simWorld({ seed: 1 });
  const { pins } = openSimBoard(world, virtualCharger);
  const held = pins.lines.edges("socket-2-pulse");
  expect(() => openOutlets(virtualCharger, world.clock, pins.lines)).toThrow(HalError);
  held.close();
  expect(() => openOutlets(virtualCharger, world.clock, pins.lines)).not.toThrow();
});
