// The wait of a clean stop for the loop's last readings.

import { after, type Clock } from "../../hal/clock.ts";

const STOP_MS = 5_000;

/** Until `stopped`, or until it has taken too long. */
export function untilStopped(clock: Clock, stopped: () => boolean): Promise<void> {
  const deadlineMs = clock.monotonicMs() + STOP_MS;
  return new Promise((resolve) => {
    const look = (): void => {
      if (stopped() || clock.monotonicMs() >= deadlineMs) resolve();
      else after(clock, 20, look);
    };
    look();
  });
}
