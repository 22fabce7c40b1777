// Waits for something that is asked for in the background, for as long as a device may take to answer.

import { type Clock, sleep } from "../hal/clock.ts";

/** Time for a reader to start, or for a meter to be asked several times. */
const ANSWER_MS_MAX = 5_000;
const LOOK_MS = 25;

/** Resolves when it is so, or when it has had its time. */
export async function until(clock: Clock, isSo: () => boolean): Promise<void> {
  const endMs = clock.monotonicMs() + ANSWER_MS_MAX;
  while (!isSo() && clock.monotonicMs() < endMs) await sleep(clock, LOOK_MS);
}
