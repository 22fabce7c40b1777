// A meter whose register goes on from 0 when it is full, as a hardware counter of so many bits or digits does. What
// it shows is carried over, so that a full register is no meter that went back.

import type { Meter } from "../meter.ts";

/** A register that began again can have come so far between two readings, of all that it holds; else it was reset. */
const STEP_SHARE = 0.25;

/**
 * Takes the meter over. `rolloverAt` is the count that it never shows: 2^32 for 32 bits. Counts carried over are
 * kept for as long as it is open: after that the register alone stands, as after a replacement.
 */
export function openRolloverMeter(meter: Meter, rolloverAt: number): Meter {
  let carried = 0;
  let last: number | undefined;
  const carriedOver = { count: 0, atMs: 0 };
  const { health } = meter;
  return {
    retains: meter.retains,
    read: () => {
      const { count, atMs } = meter.read();
      if (last !== undefined && count < last) {
        const step = count + rolloverAt - last;
        if (step <= rolloverAt * STEP_SHARE) carried += rolloverAt;
      }
      last = count;
      carriedOver.count = carried + count;
      carriedOver.atMs = atMs;
      return carriedOver;
    },
    onChange: (wake) => meter.onChange(wake),
    follow: (closed) => meter.follow(closed),
    ...(health && { health: () => health.call(meter) }),
    close: () => meter.close(),
  };
}
