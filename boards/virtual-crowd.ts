// As many outlets without inertia as a device can sell from, for measuring many buyers at once.
// Slower than virtual-instant: the world of all of them together runs in the one process that watches them.

import type { Board, OutletPart } from "../hal/board.ts";

/** One service for each: a device has no more. */
const OUTLETS = 16;

const outlet = (number: number): OutletPart => ({
  id: `slot-${number}`,
  switch: {
    kind: "contactor",
    line: `slot-${number}-coil`,
    feedbackLine: `slot-${number}-contact`,
    operateMsMax: 50,
  },
  meters: [
    {
      kind: "pulse",
      id: "items",
      line: `slot-${number}-pulse`,
      unit: "item",
      pulsesPerUnit: { numerator: 1, denominator: 1 },
      pulsesPerSecondMax: 1_000_000,
      stuckAfterMs: 1_000,
      retains: true,
    },
  ],
  settleMs: 0,
});

export const virtualCrowd: Board = {
  name: "virtual-crowd",
  title: "Sixteen virtual outlets without inertia, for measuring",
  outlets: Array.from({ length: OUTLETS }, (_, i) => outlet(i + 1)),
  virtual: { pulsesPerSecond: 1_000, operateMs: [0, 0] },
};
