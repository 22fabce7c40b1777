// A charging point that does not exist: two sockets behind contactors, each with an energy meter of
// 1000 pulses per kWh and the time. Two sockets sell independently of each other.

import type { Board, OutletPart } from "../hal/board.ts";

function socket(id: string): OutletPart {
  return {
    id,
    switch: {
      kind: "contactor",
      line: `${id}-coil`,
      feedbackLine: `${id}-contact`,
      operateMsMax: 150,
    },
    meters: [
      {
        kind: "pulse",
        id: "energy",
        line: `${id}-pulse`,
        unit: "kWh",
        pulsesPerUnit: { numerator: 1000, denominator: 1 },
        pulsesPerSecondMax: 50,
        stuckAfterMs: 30_000,
        retains: true,
      },
      {
        kind: "time",
        id: "time",
        unit: "min",
        pulsesPerUnit: { numerator: 60, denominator: 1 },
        pulseMs: 1000,
      },
    ],
    settleMs: 300,
  };
}

export const virtualCharger: Board = {
  name: "virtual-charger",
  title: "Virtual charger, two sockets",
  outlets: [socket("socket-1"), socket("socket-2")],
  // 22 kW is 6.1 Wh a second: six pulses of 1 Wh.
  virtual: { pulsesPerSecond: 6, operateMs: [10, 30] },
};
