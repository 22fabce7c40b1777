// How often something may be done: what strangers can make us do is done so often in a second, and no more.

import type { Clock } from "../../../hal/clock.ts";

/** Each call asks for one; true at most so often in a second. */
export function perSecond(clock: Clock, most: number): () => boolean {
  let left = most;
  let atMs = clock.monotonicMs();
  return () => {
    const nowMs = clock.monotonicMs();
    left = Math.min(most, left + ((nowMs - atMs) * most) / 1000);
    atMs = nowMs;
    if (left < 1) return false;
    left -= 1;
    return true;
  };
}
