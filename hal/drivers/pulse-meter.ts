// A meter that gives one pulse for each fixed amount (S0 output, reed sensor, flow sensor) or each item that is
// done: the count is what its register held at the start plus the rising edges of its line since.

import type { ItemMeterPart, PulseMeterPart } from "../board.ts";
import type { Meter } from "../meter.ts";
import type { EdgeInput } from "../pin.ts";

/**
 * Takes the line over and closes it. `startCount` is the meter's own register at opening; without one the
 * count starts at 0 and is not retained, whatever the part could do. A reading is dated by its last pulse.
 */
export function openPulseMeter(
  input: EdgeInput,
  part: PulseMeterPart | ItemMeterPart,
  startCount?: number,
): Meter {
  const start = startCount ?? 0;
  const reading = { count: start, atMs: 0 };
  return {
    retains: part.retains && startCount !== undefined,
    read: () => {
      const edges = input.edges();
      reading.count = start + edges.count;
      reading.atMs = edges.atMs;
      return reading;
    },
    onChange: (wake) => input.onEdge(wake),
    // The meter measures on its own.
    follow: () => {},
    close: () => input.close(),
  };
}
