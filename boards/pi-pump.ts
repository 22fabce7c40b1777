// A pump on a Raspberry Pi: a two-stage valve behind a flow sensor, a level gauge, a nozzle with its holder, a float
// against running dry, readers for chips and for the contactless, a display on the terminal, and a port for a card
// terminal, where one takes the money instead.

import type { Board } from "../hal/board.ts";
import { RASPBERRY_PIS } from "./pi-charger.ts";

export const piPump: Board = {
  name: "pi-pump",
  title: "Pump on a Raspberry Pi, one nozzle",
  computers: RASPBERRY_PIS,
  outlets: [
    {
      id: "nozzle",
      switch: {
        kind: "two-stage-valve",
        fastLine: "valve-wide",
        slowLine: "valve-narrow",
        feedbackLine: "valve-open",
        operateMsMax: 500,
        slowPulses: 90,
      },
      meters: [
        {
          kind: "pulse",
          id: "flow",
          line: "flow",
          unit: "L",
          pulsesPerUnit: { numerator: 450, denominator: 1 },
          pulsesPerSecondMax: 400,
          stuckAfterMs: 5_000,
          retains: false,
        },
      ],
      interlocks: [
        { kind: "input", id: "emergency-stop", sort: "emergency-stop", line: "emergency-stop" },
        { kind: "input", id: "nozzle", sort: "nozzle", line: "nozzle-lifted" },
        { kind: "input", id: "dry-run", sort: "dry-run", line: "well-wet" },
      ],
      settleMs: 2_000,
    },
  ],
  sensors: [
    {
      kind: "file",
      id: "tank",
      unit: "dL",
      path: "/run/sluice/tank",
      pollMs: 1_000,
      staleAfterMs: 10_000,
      plausible: { min: 0, max: 30_000 },
    },
  ],
  buttons: [
    { id: "stop", line: "stop-button", does: { stop: "nozzle" } },
    { id: "start", line: "start-button", does: { select: 1 } },
  ],
  readers: [
    { kind: "gempc-twin", id: "chip", serial: "chip" },
    { kind: "pn532", id: "contactless", serial: "contactless" },
  ],
  display: { kind: "terminal" },
  serial: {
    contactless: { path: "/dev/serial0", settings: { baud: 115_200 } },
    chip: { path: "/dev/ttyUSB0", settings: { baud: 115_200, stopBits: 2 } },
    terminal: { path: "/dev/ttyUSB1", settings: { baud: 115_200 } },
  },
  lines: {
    "valve-wide": { pin: "11", note: "coil, through a transistor" },
    "valve-narrow": { pin: "13", note: "coil, through a transistor" },
    "valve-open": { pin: "15", activeLow: true, bias: "pull-up", note: "contact of the valve" },
    flow: {
      pin: "16",
      activeLow: true,
      bias: "pull-up",
      debounceMs: 1,
      note: "flow sensor, open collector: 3.3 V only",
    },
    "nozzle-lifted": { pin: "18", activeLow: true, bias: "pull-up", note: "contact of the holder" },
    "well-wet": { pin: "22", activeLow: true, bias: "pull-up", note: "float, closed while wet" },
    "emergency-stop": {
      pin: "37",
      activeLow: true,
      bias: "pull-up",
      note: "opening contact to ground: a broken wire stops",
    },
    "stop-button": {
      pin: "36",
      activeLow: true,
      bias: "pull-up",
      note: "closing contact to ground",
    },
    "start-button": {
      pin: "32",
      activeLow: true,
      bias: "pull-up",
      note: "closing contact to ground",
    },
  },
};
