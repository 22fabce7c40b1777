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
  const pacing = new Pacing(world, realClock, initialRate, onError);
  pacing.start();
  return pacing;
}

class Pacing implements Pace {
  readonly #world: SimWorld;
  readonly #realClock: Clock;
  readonly #onError: ((error: unknown) => void) | undefined;
  #rate: number;
  #paused = false;
  #stopped = false;
  #running = false;
  #timer: Timer | undefined;
  #anchorRealMs: number;
  #anchorWorldMs: number;

  constructor(
    world: SimWorld,
    realClock: Clock,
    rate: number,
    onError: ((error: unknown) => void) | undefined,
  ) {
    this.#world = world;
    this.#realClock = realClock;
    this.#rate = rate;
    this.#onError = onError;
    this.#anchorRealMs = realClock.monotonicMs();
    this.#anchorWorldMs = world.nowMs();
  }

  start(): void {
    this.#world.bindTime(() => this.#worldMs());
    this.#world.onSooner(() => this.#arm());
    this.#arm();
  }

  setRate(rate: number): void {
    if (!(rate > 0 && Number.isFinite(rate))) throw new RangeError(`rate ${rate}: want above 0`);
    this.#anchor();
    this.#rate = rate;
    this.#paused = false;
    this.#arm();
  }

  rate(): number {
    return this.#rate;
  }

  pause(): void {
    this.#anchor();
    this.#paused = true;
    this.#arm();
  }

  paused(): boolean {
    return this.#paused;
  }

  async step(): Promise<boolean> {
    if (!this.#paused || this.#stopped || this.#running) return false;
    await settlePromises();
    this.#running = true;
    try {
      return await this.#world.step();
    } finally {
      this.#running = false;
      this.#anchorWorldMs = Math.max(this.#anchorWorldMs, this.#world.nowMs());
    }
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#timer?.cancel();
    this.#world.onSooner(undefined);
    this.#world.bindTime(undefined);
  }

  #worldMs(): number {
    if (this.#paused) return this.#anchorWorldMs;
    return this.#anchorWorldMs + (this.#realClock.monotonicMs() - this.#anchorRealMs) * this.#rate;
  }

  #anchor(): void {
    this.#anchorWorldMs = this.#world.nowMs();
    this.#anchorRealMs = this.#realClock.monotonicMs();
  }

  #arm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const nextMs = this.#world.nextMs();
    if (this.#paused || this.#stopped || this.#running || nextMs === Number.POSITIVE_INFINITY) {
      return;
    }
    const dueMs = this.#anchorRealMs + (nextMs - this.#anchorWorldMs) / this.#rate;
    this.#timer = this.#realClock.at(dueMs, () => void this.#runDue());
  }

  async #runDue(): Promise<void> {
    if (this.#running || this.#stopped) return;
    this.#running = true;
    try {
      while (!this.#paused && !this.#stopped && this.#world.nextMs() <= this.#worldMs()) {
        await this.#world.step();
      }
    } catch (error) {
      this.stop();
      this.#tell(error);
    } finally {
      this.#running = false;
      this.#arm();
    }
  }

  #tell(error: unknown): void {
    if (this.#onError !== undefined) this.#onError(error);
    else
      this.#realClock.at(0, () => {
        throw error;
      });
  }
}
