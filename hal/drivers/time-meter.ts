// A meter of time: counts a pulse for each full `pulseMs` that the switch was closed. What is left over of
// a pulse when the switch opens is kept, and goes on when it closes again.

import type { TimeMeterPart } from "../board.ts";
import { after, type Clock, type Timer } from "../clock.ts";
import type { Meter } from "../meter.ts";

/** A wake that comes at the very instant of a pulse must count it, in spite of binary fractions. */
const ROUNDING_MS = 0.001;

/** Counts from 0 at opening; wakes at every pulse, and only while its switch is closed. */
export function openTimeMeter(clock: Clock, part: TimeMeterPart): Meter {
  let doneMs = 0;
  let closedAtMs: number | undefined;
  let timer: Timer | undefined;
  let listener: (() => void) | undefined;
  const reading = { count: 0, atMs: 0 };

  const elapsedMs = (): number =>
    doneMs + (closedAtMs === undefined ? 0 : clock.monotonicMs() - closedAtMs);
  const count = (): number => Math.floor((elapsedMs() + ROUNDING_MS) / part.pulseMs);
  const arm = (): void => {
    timer?.cancel();
    timer = undefined;
    if (closedAtMs === undefined) return;
    const nextMs = (count() + 1) * part.pulseMs;
    timer = after(clock, nextMs - elapsedMs(), () => {
      arm();
      listener?.();
    });
  };

  return {
    retains: false,
    read: () => {
      reading.count = count();
      reading.atMs = clock.monotonicMs();
      return reading;
    },
    onChange: (wake) => {
      listener = wake;
    },
    follow: (closed) => {
      if (closed === (closedAtMs !== undefined)) return;
      doneMs = elapsedMs();
      closedAtMs = closed ? clock.monotonicMs() : undefined;
      arm();
    },
    close: () => {
      doneMs = elapsedMs();
      closedAtMs = undefined;
      listener = undefined;
      arm();
    },
  };
}
