// The least that sells: one valve and one flow sensor on any Linux computer with GPIO. Which lines they hang on is
// written in the device file.

import type { Board } from "../hal/board.ts";

export const genericPump: Board = {
  name: "generic-pump",
  title: "Valve and flow sensor on any Linux computer",
  computers: ["generic-linux"],
  outlets: [
    {
      id: "nozzle",
      switch: { kind: "contactor", line: "valve", operateMsMax: 300 },
      meters: [
        {
          kind: "pulse",
          id: "flow",
          line: "flow",
          unit: "L",
          pulsesPerUnit: { numerator: 450, denominator: 1 },
          pulsesPerSecondMax: 1_000,
          stuckAfterMs: 5_000,
          retains: false,
        },
      ],
      settleMs: 500,
    },
  ],
};
