// A charging point on a Raspberry Pi: one contactor behind an energy meter on Modbus, a contactless reader, buttons, a
// display, a receipt printer, and a port for a card terminal, where one takes the money instead. The meter counts in Wh.
// Relays hang on pins that are pulled down before a program runs.

import type { Board } from "../hal/board.ts";

export const RASPBERRY_PIS = [
  "raspberry-pi-zero-2-w",
  "raspberry-pi-3b-plus",
  "raspberry-pi-4b",
  "raspberry-pi-5",
] as const;

export const piCharger: Board = {
  name: "pi-charger",
  title: "Charger on a Raspberry Pi, one socket",
  computers: RASPBERRY_PIS,
  outlets: [
    {
      id: "socket",
      switch: {
        kind: "contactor",
        line: "contactor",
        feedbackLine: "contactor-closed",
        operateMsMax: 300,
      },
      meters: [
        {
          kind: "modbus",
          id: "energy",
          bus: "meters",
          address: 1,
          model: "sdm120",
          quantity: "importWh",
          unit: "kWh",
          pulsesPerUnit: { numerator: 1000, denominator: 1 },
          pulsesPerSecondMax: 10,
          stuckAfterMs: 120_000,
          pollMs: 200,
          staleAfterMs: 3_000,
        },
        {
          kind: "time",
          id: "time",
          unit: "min",
          pulsesPerUnit: { numerator: 60, denominator: 1 },
          pulseMs: 1_000,
        },
      ],
      interlocks: [
        { kind: "input", id: "emergency-stop", sort: "emergency-stop", line: "emergency-stop" },
        { kind: "input", id: "vehicle", sort: "vehicle", line: "vehicle-connected" },
        { kind: "sensor", id: "overheated", sort: "other", sensor: "temperature", max: 85_000 },
      ],
      settleMs: 1_000,
    },
  ],
  sensors: [
    {
      kind: "file",
      id: "temperature",
      unit: "m°C",
      path: "/sys/class/thermal/thermal_zone0/temp",
      pollMs: 2_000,
      staleAfterMs: 10_000,
      plausible: { min: -40_000, max: 125_000 },
    },
  ],
  buttons: [
    { id: "stop", line: "stop-button", does: { stop: "socket" } },
    { id: "start", line: "start-button", does: { select: 1 } },
  ],
  readers: [{ kind: "pn532", id: "contactless", serial: "contactless" }],
  display: { kind: "lcd", serial: "display", columns: 20, rows: 4 },
  printer: { kind: "escpos", serial: "printer", columns: 32 },
  serial: {
    contactless: { path: "/dev/serial0", settings: { baud: 115_200 } },
    meters: { path: "/dev/ttyUSB0", settings: { baud: 2_400 } },
    display: { path: "/dev/ttyUSB1", settings: { baud: 19_200 } },
    printer: { path: "/dev/ttyUSB2", settings: { baud: 19_200 } },
    terminal: { path: "/dev/ttyUSB3", settings: { baud: 115_200 } },
  },
  lines: {
    contactor: { pin: "11", note: "coil, through a transistor" },
    "contactor-closed": {
      pin: "13",
      bias: "pull-up",
      note: "mirror contact to ground, open while the contactor is closed: a broken wire looks welded",
    },
    "emergency-stop": {
      pin: "15",
      activeLow: true,
      bias: "pull-up",
      note: "opening contact to ground: a broken wire stops",
    },
    "vehicle-connected": {
      pin: "16",
      activeLow: true,
      bias: "pull-up",
      note: "contact of the control pilot unit",
    },
    "stop-button": {
      pin: "18",
      activeLow: true,
      bias: "pull-up",
      note: "closing contact to ground",
    },
    "start-button": {
      pin: "22",
      activeLow: true,
      bias: "pull-up",
      note: "closing contact to ground",
    },
  },
};
