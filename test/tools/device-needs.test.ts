// What a service is given of its computer: the groups and device nodes of its device file's board, and no others.

import { expect, test } from "vitest";
import { genericPump } from "../../boards/generic-pump.ts";
import { piPump } from "../../boards/pi-pump.ts";
import { virtualPiCharger } from "../../boards/virtual-pi-charger.ts";
import type { DeviceConfig } from "../../firmware/config.ts";
import type { Board } from "../../hal/board.ts";
import { fitBoard } from "../../hal/fit-board.ts";
import { deviceNeeds } from "../../tools/device-needs.ts";

type Needs = Pick<DeviceConfig, "watchdog" | "payment" | "name">;

const PAYMENT = { host: { kind: "simulated" } } as DeviceConfig["payment"];
const PLAIN: Needs = { name: "Pump", payment: PAYMENT };

function lines(config: Needs, board: Board): readonly string[] {
  const made = deviceNeeds(config, board);
  if (!made.ok) throw new Error(made.fault.message);
  const [comment, section, ...rest] = made.value.trimEnd().split("\n");
  expect(comment).toMatch(/^# /);
  expect(section).toBe("[Service]");
  return rest;
}

test("lines are GPIO chips, and readers are ports of their group", () => {
  expect(lines(PLAIN, piPump)).toEqual([
    "SupplementaryGroups=gpio dialout",
    "DeviceAllow=char-gpiochip rw",
    "DeviceAllow=char-ttyUSB rw",
    "DeviceAllow=/dev/serial0 rw",
  ]);
});

test("a board without serial ports gets none, and a virtual one nothing at all", () => {
  expect(lines(PLAIN, genericPump)).toEqual([
    "SupplementaryGroups=gpio",
    "DeviceAllow=char-gpiochip rw",
  ]);
  expect(lines(PLAIN, virtualPiCharger)).toEqual([]);
});

test("the watchdog that the device file names, and no other", () => {
  const watched = { ...PLAIN, watchdog: "/dev/watchdog1" };
  expect(lines(watched, virtualPiCharger)).toEqual(["DeviceAllow=/dev/watchdog1 rw"]);
});

test("the port of a terminal only where one takes the money; adapters by their kind, since their numbers move", () => {
  const fitted = fitBoard(piPump, {
    serial: {
      chip: "/dev/ttyAMA3",
      contactless: "/dev/ttyAMA3",
      terminal: "/dev/serial/by-id/usb-X_Y-if00",
    },
    lines: {},
  });
  expect(lines(PLAIN, fitted).slice(2)).toEqual(["DeviceAllow=/dev/ttyAMA3 rw"]);
  const host = { kind: "terminal", serial: "terminal", simulated: false } as const;
  const paid = { ...PLAIN, payment: { ...PAYMENT, host } };
  expect(lines(paid, fitted).slice(2)).toEqual([
    "DeviceAllow=/dev/ttyAMA3 rw",
    "DeviceAllow=char-ttyUSB rw",
    "DeviceAllow=char-ttyACM rw",
  ]);
});

test.each([
  "/dev/ttyS0 rw\nExecStart=/bin/sh",
  "/dev/ttyS0 rw",
  "/dev/%i",
  "/dev/../etc/shadow",
  "/etc/shadow",
  "ttyS0",
  "/dev/",
  "",
  `/dev/${"x".repeat(255)}`,
])("the port %j does not get into a unit", (path) => {
  const fitted = fitBoard(piPump, { serial: { chip: path }, lines: {} });
  const made = deviceNeeds(PLAIN, fitted);
  expect(made).toMatchObject({ ok: false, fault: { kind: "malformed", at: "serial.chip" } });
});

test("a name with line breaks in it stays one comment", () => {
  const made = deviceNeeds({ ...PLAIN, name: "a\n[Service]\nUser=root" }, virtualPiCharger);
  expect(made.ok && made.value.split("\n")).toEqual([
    '# What "a?[Service]?User=root" needs on board virtual-pi-charger: made from the device file, and written over.',
    "[Service]",
    "",
  ]);
});
