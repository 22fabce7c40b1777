// Clock port. Two clocks that are never mixed: a monotonic one for every duration and deadline of ours,
// and a wall clock for what people and certificates read. A board without a battery-backed clock starts
// with a wall clock that is `unset`, and says so on everything it signs.

export type WallQuality = "unset" | "set" | "synchronised";

export interface Timer {
  /** Idempotent. After it returns, the wake function is not called any more. */
  cancel(): void;
}

/** A timer for one waker that sets it again and again. */
export interface Alarm {
  /** Calls the waker once, as `at` does, in place of what was set before. */
  set(deadlineMs: number): void;
  /** Idempotent. */
  clear(): void;
}

export interface Clock {
  /** Milliseconds since an origin fixed for the life of the process. Never goes back. May have a fraction. */
  monotonicMs(): number;
  /** Milliseconds since 1970-01-01 UTC, an integer. May jump either way. */
  wallMs(): number;
  wallQuality(): WallQuality;
  /** Calls `wake` once, when monotonicMs() >= deadlineMs; at once (but not synchronously) when that has passed. */
  at(deadlineMs: number, wake: () => void): Timer;
  /** Of a clock whose alarms allocate nothing when they are set. See `openAlarm`. */
  alarm?(wake: () => void): Alarm;
}

export function openAlarm(clock: Clock, wake: () => void): Alarm {
  if (clock.alarm !== undefined) return clock.alarm(wake);
  let timer: Timer | undefined;
  return {
    set: (deadlineMs) => {
      timer?.cancel();
      timer = clock.at(deadlineMs, wake);
    },
    clear: () => timer?.cancel(),
  };
}

/** Wakes once, `delayMs` from now. */
export function after(clock: Clock, delayMs: number, wake: () => void): Timer {
  return clock.at(clock.monotonicMs() + delayMs, wake);
}

/**
 * Wakes every `intervalMs` on a fixed grid, so that it does not drift; a wake that comes late by several
 * intervals is not made up for, the grid goes on from the next point in the future.
 */
export function every(clock: Clock, intervalMs: number, wake: () => void): Timer {
  let deadlineMs = clock.monotonicMs() + intervalMs;
  let canceled = false;
  const tick = (): void => {
    if (canceled) return;
    const lateMs = clock.monotonicMs() - deadlineMs;
    deadlineMs += intervalMs * (1 + Math.max(0, Math.floor(lateMs / intervalMs)));
    timer = clock.at(deadlineMs, tick);
    wake();
  };
  let timer = clock.at(deadlineMs, tick);
  return {
    cancel: () => {
      canceled = true;
      timer.cancel();
    },
  };
}

/** Resolves `delayMs` from now. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => after(clock, delayMs, resolve));
}
