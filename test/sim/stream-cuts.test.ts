// No cut of the power at the device, wherever it falls in a sale that is paid while it is delivered, makes anybody pay for
// what he did not get, or get more than was agreed ahead of proof.

import { expect, test } from "vitest";
import { cutStreams } from "./stream-cuts.ts";

test.each([
  ["whole, nothing ahead of proof", { units: 2, step: 1, window: 0 }, true],
  ["whole, by a meter that forgets", { units: 2, step: 1, window: 1 }, false],
  ["in two sessions", { units: 3, step: 2, window: 2, unitsPerSession: 2 }, true],
  ["ended within a unit", { units: 3, step: 1, window: 2, endAfterPulses: 70 }, true],
])(
  "I1 I2 I3 I4 I8 I10: power cuts everywhere, %s",
  async (_, sale, retains) => {
    const { cuts, wrong } = await cutStreams(sale, retains);
    expect(wrong).toEqual([]);
    expect(cuts).toBeGreaterThan(30);
  },
  120_000,
);
