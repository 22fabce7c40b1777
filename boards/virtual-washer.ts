// A laundry corner that does not exist: a washer and a slot that gives out detergent. Each does one item at a
// start signal and says when it is done.

import type { Board, OutletPart } from "../hal/board.ts";

function machine(id: string, timeoutMs: number, pauseMs: number): OutletPart {
  return {
    id,
    switch: { kind: "start-signal", line: `${id}-start`, pulseMs: 200 },
    meters: [
      {
        kind: "item",
        id: "done",
        line: `${id}-done`,
        unit: "item",
        pulsesPerUnit: { numerator: 1, denominator: 1 },
        timeoutMs,
        pauseMs,
        retains: true,
      },
    ],
    settleMs: 300,
  };
}

export const virtualWasher: Board = {
  name: "virtual-washer",
  title: "Virtual washer with a detergent slot",
  outlets: [machine("washer", 300_000, 2_000), machine("slot", 10_000, 1_000)],
  // A quick wash, so that a bench need not wait for a long one.
  virtual: {
    pulsesPerSecond: 1,
    operateMs: [0, 0],
    cycleMs: { washer: [110_000, 130_000], slot: [2_000, 3_000] },
  },
};
