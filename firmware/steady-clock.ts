// A clock whose wall time does not jump. A wall clock that moves by minutes against the monotonic one was set by
// somebody, rightly or not: until it has proved itself it counts as unset, and time goes on from before. What
// then becomes of times that were written down earlier is for whoever wrote them.

import type { Clock, Timer, WallQuality } from "../hal/clock.ts";
import type { Log } from "./log.ts";

/** Time daemons slew what is less; a machine that was suspended moves by more. */
const JUMP_MS = 2 * 60_000;
/** A wall clock that nobody holds in step is believed again when it has run on without a jump for so long. */
const STABLE_MS = 10 * 60_000;
/** After a longer time without power, a wall clock that nobody holds in step may as well be wrong. */
const DARK_MS_MAX = 30 * 24 * 3_600_000;

export interface SteadyClock extends Clock {
  /**
   * By how many milliseconds times that were written down must be moved to keep what was left of them, once a
   * clock in doubt has proved itself; undefined when there is nothing to settle. Then comes `believe`.
   */
  settle(): number | undefined;
  /** Takes the wall clock as it is now. */
  believe(): void;
}

interface Doubt {
  /** Monotonic. */
  sinceMs: number;
  /** Wall less monotonic time as it was at that moment. */
  offsetMs: number;
  /** It is about the time without power, which may truly have passed. */
  dark: boolean;
}

/** `lastMs`: the latest wall time known from before the start, if any. */
export function openSteadyClock(clock: Clock, log: Log, lastMs?: number): SteadyClock {
  return new WatchedClock(clock, log, lastMs);
}

class WatchedClock implements SteadyClock {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #lastMs: number | undefined;
  /** Wall less monotonic time, as it is believed; undefined while the wall was never set in this run. */
  #offsetMs: number | undefined;
  #doubt: Doubt | undefined;

  constructor(clock: Clock, log: Log, lastMs: number | undefined) {
    this.#clock = clock;
    this.#log = log;
    this.#lastMs = lastMs;
    this.#look();
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  at(deadlineMs: number, wake: () => void): Timer {
    return this.#clock.at(deadlineMs, wake);
  }

  wallMs(): number {
    this.#look();
    if (this.#offsetMs === undefined) return this.#clock.wallMs();
    return Math.max(0, Math.floor(this.#clock.monotonicMs() + this.#offsetMs));
  }

  wallQuality(): WallQuality {
    this.#look();
    return this.#doubt === undefined ? this.#clock.wallQuality() : "unset";
  }

  settle(): number | undefined {
    this.#look();
    const doubt = this.#doubt;
    const quality = this.#clock.wallQuality();
    if (doubt === undefined || quality === "unset") return undefined;
    const stable = this.#clock.monotonicMs() - doubt.sinceMs >= STABLE_MS;
    if (quality !== "synchronised" && !stable) return undefined;
    const movedMs = this.#rawOffsetMs() - (this.#offsetMs ?? 0);
    // A clock in step knows how long the power was away.
    return doubt.dark && movedMs > 0 && quality === "synchronised" ? 0 : movedMs;
  }

  believe(): void {
    this.#offsetMs = this.#rawOffsetMs();
    this.#doubt = undefined;
    this.#log("info", "clock-believed", { quality: this.#clock.wallQuality() });
  }

  #rawOffsetMs(): number {
    return this.#clock.wallMs() - this.#clock.monotonicMs();
  }

  #look(): void {
    const offsetMs = this.#rawOffsetMs();
    const unset = this.#clock.wallQuality() === "unset";
    if (this.#offsetMs === undefined) {
      if (!unset) this.#firstLook(offsetMs, this.#lastMs);
      return;
    }
    const movedMs = offsetMs - this.#offsetMs;
    if (!unset && Math.abs(movedMs) <= JUMP_MS) {
      this.#offsetMs = offsetMs;
      this.#doubt = undefined;
    } else if (this.#doubt === undefined || jumped(this.#doubt.offsetMs, offsetMs)) {
      this.#startDoubt(offsetMs, movedMs, false);
    }
  }

  /** The wall is set, for the first time in this run: it must fit what was known before. */
  #firstLook(offsetMs: number, lastMs: number | undefined): void {
    this.#offsetMs = offsetMs;
    if (lastMs === undefined) return;
    const goneMs = this.#clock.wallMs() - lastMs;
    const inStep = this.#clock.wallQuality() === "synchronised";
    if (goneMs >= -JUMP_MS && (inStep || goneMs <= DARK_MS_MAX)) return;
    this.#offsetMs = lastMs - this.#clock.monotonicMs();
    this.#startDoubt(offsetMs, goneMs, true);
  }

  #startDoubt(offsetMs: number, movedMs: number, dark: boolean): void {
    this.#doubt = { sinceMs: this.#clock.monotonicMs(), offsetMs, dark };
    this.#log("warn", "clock-jumped", { byS: Math.round(movedMs / 1000) });
  }
}

function jumped(fromMs: number, toMs: number): boolean {
  return Math.abs(toMs - fromMs) > JUMP_MS;
}
