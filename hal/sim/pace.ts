// Pacing: the same world against a real clock, at a rate. Between events the world's time follows real time
// times the rate, so that a program that looks late sees how late it is. While paused time stands still.

import type { Clock, Timer } from "../clock.ts";
import { type SimWorld, settlePromises } from "./world.ts";

export interface Pace {
  /** World milliseconds per real millisecond, above 0; 1 is the wall clock. Takes effect at once and ends a pause. */
  setRate(rate: number): void;
  rate(): number;
  pause(): void;
  paused(): boolean;
  /** While paused: runs the next event, time jumps to it; false when there was none. */
  step(): Promise<boolean>;
  /** Gives the world's time back to its queue. Idempotent. */
  stop(): void;
}

/**
 * Drives the world from a real clock. An exception of an event stops the pacing and goes to `onError`;
 * without one it is thrown from a timer of the real clock, where it ends the process.
 */
export function paceWorld(
  world: SimWorld,
  realClock: Clock,
  initialRate = 1,
  onError?: (error: unknown) => void,
): Pace {
  let rate = initialRate;
  let paused = false;
  let stopped = false;
  let running = false;
  let timer: Timer | undefined;
  let anchorRealMs = realClock.monotonicMs();
  let anchorWorldMs = world.nowMs();

  const worldMs = (): number =>
    paused ? anchorWorldMs : anchorWorldMs + (realClock.monotonicMs() - anchorRealMs) * rate;
  const anchor = (): void => {
    anchorWorldMs = world.nowMs();
    anchorRealMs = realClock.monotonicMs();
  };
  const arm = (): void => {
    timer?.cancel();
    timer = undefined;
    if (paused || stopped || running || world.nextMs() === Number.POSITIVE_INFINITY) return;
    const dueMs = anchorRealMs + (world.nextMs() - anchorWorldMs) / rate;
    timer = realClock.at(dueMs, () => void runDue());
  };
  const runDue = async (): Promise<void> => {
    if (running || stopped) return;
    running = true;
    try {
      while (!paused && !stopped && world.nextMs() <= worldMs()) await world.step();
    } catch (error) {
      stop();
      if (onError !== undefined) onError(error);
      else
        realClock.at(0, () => {
          throw error;
        });
    } finally {
      running = false;
      arm();
    }
  };
  const stop = (): void => {
    if (stopped) return;
    stopped = true;
    timer?.cancel();
    world.onSooner(undefined);
    world.bindTime(undefined);
  };

  world.bindTime(worldMs);
  world.onSooner(arm);
  arm();
  return {
    setRate: (newRate) => {
      if (!(newRate > 0 && Number.isFinite(newRate)))
        throw new RangeError(`rate ${newRate}: want above 0`);
      anchor();
      rate = newRate;
      paused = false;
      arm();
    },
    rate: () => rate,
    pause: () => {
      anchor();
      paused = true;
      arm();
    },
    paused: () => paused,
    step: async () => {
      if (!paused || stopped || running) return false;
      await settlePromises();
      running = true;
      try {
        return await world.step();
      } finally {
        running = false;
        anchorWorldMs = Math.max(anchorWorldMs, world.nowMs());
      }
    },
    stop,
  };
}
