// The page's clock: monotonic time is the browser's and stands still while the bench does, so that nobody gives up on a device
// that was stopped; the wall clock is the bench's.

import type { Clock, Timer } from "../../hal/clock.ts";
import type { BenchTime } from "../bench-socket.ts";

export interface PageClock extends Clock {
  follow(time: BenchTime): void;
}

interface Waiting {
  deadlineMs: number;
  wake: () => void;
}

export function openPageClock(): PageClock {
  let stoodMs = 0;
  let stoppedAtMs: number | undefined;
  let told = { wallMs: Date.now(), atMs: performance.now(), rate: 1 };
  const waiting = new Set<Waiting>();
  let timer: number | undefined;

  const monotonicMs = (): number => (stoppedAtMs ?? performance.now()) - stoodMs;
  const arm = (): void => {
    clearTimeout(timer);
    if (stoppedAtMs !== undefined || waiting.size === 0) return;
    const nextMs = Math.min(...[...waiting].map(({ deadlineMs }) => deadlineMs));
    timer = window.setTimeout(run, Math.max(0, nextMs - monotonicMs()));
  };
  const run = (): void => {
    const due = [...waiting].filter(({ deadlineMs }) => deadlineMs <= monotonicMs());
    for (const one of due.sort((a, b) => a.deadlineMs - b.deadlineMs)) {
      if (waiting.delete(one)) one.wake();
    }
    arm();
  };
  return {
    monotonicMs,
    wallMs: () => {
      const passedMs = stoppedAtMs === undefined ? performance.now() - told.atMs : 0;
      return Math.floor(told.wallMs + passedMs * told.rate);
    },
    wallQuality: () => "synchronised",
    at: (deadlineMs, wake): Timer => {
      const one = { deadlineMs, wake };
      waiting.add(one);
      arm();
      return { cancel: () => void waiting.delete(one) };
    },
    follow: ({ wallMs, rate, paused }) => {
      const nowMs = performance.now();
      told = { wallMs, atMs: nowMs, rate };
      if (paused && stoppedAtMs === undefined) stoppedAtMs = nowMs;
      if (!paused && stoppedAtMs !== undefined) {
        stoodMs += nowMs - stoppedAtMs;
        stoppedAtMs = undefined;
      }
      arm();
    },
  };
}
