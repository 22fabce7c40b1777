// A pump that does not exist: one solenoid valve and a flow sensor of 450 pulses per litre.

import type { Board } from "../hal/board.ts";

export const virtualPump: Board = {
  name: "virtual-pump",
  title: "Virtual pump",
  outlets: [
    {
      id: "nozzle",
      switch: {
        kind: "contactor",
        line: "valve-coil",
        feedbackLine: "valve-contact",
        operateMsMax: 300,
      },
      meters: [
        {
          kind: "pulse",
          id: "flow",
          line: "flow-pulse",
          unit: "L",
          pulsesPerUnit: { numerator: 450, denominator: 1 },
          pulsesPerSecondMax: 1000,
          stuckAfterMs: 5_000,
          retains: false,
        },
      ],
      settleMs: 500,
    },
  ],
  sensors: [{ kind: "virtual", id: "tank", unit: "dL", staleAfterMs: 10_000 }],
  virtual: {
    // 40 L/min is 0.67 L a second: 300 pulses.
    pulsesPerSecond: 300,
    operateMs: [20, 60],
    // 2,000 litres, falling by 0.1 L with every 45 pulses of the flow sensor.
    tanks: [
      {
        sensor: "tank",
        outlet: "nozzle",
        meter: "flow",
        full: 20_000,
        pulsesPerReading: { numerator: 45, denominator: 1 },
      },
    ],
  },
};
