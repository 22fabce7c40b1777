// An outlet that does not exist and has next to no inertia: its contact moves at once and ten units are through
// in two milliseconds. With it a bench measures what the program takes, not what metal and water take.

import type { Board } from "../hal/board.ts";

export const virtualInstant: Board = {
  name: "virtual-instant",
  title: "Virtual outlet without inertia, for measuring",
  outlets: [
    {
      id: "slot",
      switch: {
        kind: "contactor",
        line: "slot-coil",
        feedbackLine: "slot-contact",
        operateMsMax: 50,
      },
      meters: [
        {
          kind: "pulse",
          id: "items",
          line: "slot-pulse",
          unit: "item",
          pulsesPerUnit: { numerator: 1, denominator: 1 },
          pulsesPerSecondMax: 1_000_000,
          stuckAfterMs: 1_000,
          retains: true,
        },
      ],
      settleMs: 0,
    },
  ],
  virtual: { pulsesPerSecond: 5_000, operateMs: [0, 0] },
};
