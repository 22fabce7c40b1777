// Opening a board: every part by its name, all or nothing, and all open at the end.

import { expect, test } from "vitest";
import { BOARDS } from "../../../boards/registry.ts";
import { virtualCharger } from "../../../boards/virtual-charger.ts";
import { virtualPump } from "../../../boards/virtual-pump.ts";
import type { Board } from "../../../hal/board.ts";
import { openOutlets } from "../../../hal/drivers/open-outlets.ts";
import { HalError } from "../../../hal/hal-error.ts";
import { openSimBoard } from "../../../hal/sim/open-board.ts";
import { simPins } from "../../../hal/sim/sim-pins.ts";
import { simWorld } from "../../../hal/sim/world.ts";
import { guardedCharger } from "../../firmware/metering/boards.ts";

const METER = {
  ...{ retains: true, onChange: () => undefined, follow: () => undefined },
  close: () => undefined,
};

test.each(BOARDS.filter(({ virtual }) => virtual !== undefined))(
  "opens $name with every outlet, meter and sensor",
  (board) => {
    const world = simWorld({ seed: 1 });
    const { pins, metal, sensors } = openSimBoard(world, board);
    const devices = openOutlets(board, world.clock, pins.lines, {
      readRegister: metal.register,
      openSensor: (part) =>
        part.kind === "virtual"
          ? sensors.open(part)
          : { unit: part.unit, read: () => ({ value: 0, atMs: 0 }), close: () => undefined },
      openModbusMeter: () => ({ ...METER, read: () => ({ count: 0, atMs: 0 }) }),
    });
    expect(devices.sensors.map(({ part }) => part)).toEqual(board.sensors ?? []);
    expect(devices.outlets.map((outlet) => [outlet.part.id, [...outlet.meters.keys()]])).toEqual(
      board.outlets.map((part) => [part.id, part.meters.map((meter) => meter.id)]),
    );
  },
);

test.each(BOARDS)("opens $name on bare lines, with whatever hangs elsewhere handed in", (board) => {
  const world = simWorld({ seed: 1 });
  const nothing = { read: () => ({ value: 0, atMs: 0 }), close: () => undefined };
  const opened: string[] = [];
  const devices = openOutlets(board, world.clock, simPins(world).lines, {
    openSensor: ({ id, unit }) => {
      opened.push(id);
      return { unit, ...nothing };
    },
    openModbusMeter: ({ id }) => {
      opened.push(id);
      return { ...METER, read: () => ({ count: 0, atMs: 0 }) };
    },
  });
  const { outlets, buttons } = devices;
  expect(outlets.map(({ interlocks }) => interlocks.map(({ part }) => part.id))).toEqual(
    board.outlets.map(({ interlocks = [] }) => interlocks.map(({ id }) => id)),
  );
  expect(buttons.map(({ part }) => part)).toEqual(board.buttons ?? []);
  for (const { does } of board.buttons ?? []) {
    if ("stop" in does) expect(board.outlets.map(({ id }) => id)).toContain(does.stop);
  }
  const onBus = board.outlets.flatMap(({ meters }) => meters.filter((m) => m.kind === "modbus"));
  const loose = (board.sensors ?? []).filter(({ kind }) => kind !== "input");
  expect(opened.toSorted()).toEqual([...onBus, ...loose].map(({ id }) => id).toSorted());
  // A meter that is slower to answer than it may stand still would stop every delivery.
  for (const { pollMs, staleAfterMs, stuckAfterMs } of onBus) {
    expect(pollMs).toBeLessThan(staleAfterMs);
    expect(staleAfterMs).toBeLessThan(stuckAfterMs);
  }
  devices.close();
});

test("one emergency stop stands for every outlet: its line is opened once, and raised for all", () => {
  const world = simWorld({ seed: 1 });
  const { pins, sensors, controls } = openSimBoard(world, guardedCharger);
  const devices = openOutlets(guardedCharger, world.clock, pins.lines, {
    openSensor: sensors.open,
  });
  const shown = () =>
    devices.outlets.map(
      ({ interlocks: [first] }) => first && "input" in first && first.input.read(),
    );
  expect(shown()).toEqual([true, true]);
  controls.setInterlock("socket-2", "emergency-stop", true);
  expect(shown()).toEqual([false, false]);
  devices.close();
  expect(() => pins.lines.input("emergency-ok")).not.toThrow();
});

test("I7: a part that nothing here can open, or an interlock without its sensor, leaves no line held", () => {
  const world = simWorld({ seed: 1 });
  const { pins } = openSimBoard(world, guardedCharger);
  const attempt = (board: Board) => () => openOutlets(board, world.clock, pins.lines);
  expect(attempt(guardedCharger)).toThrow("sensor temperature: nothing here can open it");
  const blind = { ...guardedCharger, sensors: [] };
  expect(attempt(blind)).toThrow("interlock heat: there is no sensor temperature");
  const charger = BOARDS.find(({ name }) => name === "pi-charger");
  expect(attempt({ ...(charger as Board), sensors: [] })).toThrow(
    "meter energy: nothing here can open it",
  );
  for (const line of ["socket-1-coil", "emergency-ok", "contactor"]) {
    expect(() => pins.lines.output(line)).not.toThrow();
  }
});

test("only a meter with a register of its own retains its count", () => {
  const world = simWorld({ seed: 1 });
  const charger = openSimBoard(world, virtualCharger, { register: () => 4711 });
  const withRegister = openOutlets(virtualCharger, world.clock, charger.pins.lines, {
    readRegister: charger.metal.register,
  });
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
  const open = () =>
    openOutlets(virtualPump, world.clock, pins.lines, { openSensor: sensors.open });
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
