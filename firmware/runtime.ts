// The device's one queue of inputs: requests, loop reports, payment outcomes and timers are each worked off to
// their end before the next begins, so nothing ever sees half of another's change. HalErrors of its
// work are caught here; a failed assertion is a bug of ours and ends the device.

import { after, type Clock } from "../hal/clock.ts";
import { HalError } from "../hal/hal-error.ts";
import type { Log } from "./log.ts";

/** More inputs than this wait only when something is very wrong: further ones from outside are dropped. */
const WAITING_MAX = 2_000;
const RETRY_MS = 1_000;

export interface Runtime {
  /** Work that must happen: it is tried again later when the world broke under it. */
  enqueue(work: () => Promise<void>): void;
  /** Work that somebody will ask for again: when the world breaks, or too much waits, `lost` is called. */
  offer(work: () => Promise<void>, lost: (error: HalError) => void): void;
  /** Resolves when nothing waits any more. */
  idle(): Promise<void>;
  /** Takes no more work and lets what waits go. */
  close(): void;
}

export function openRuntime(clock: Clock, log: Log, onBug: (error: unknown) => void): Runtime {
  const queue = new InputQueue(clock, log, onBug);
  // Loose functions and no methods, because they are there to be handed on to whoever has inputs.
  return {
    enqueue: (work) => queue.enqueue(work),
    offer: (work, lost) => queue.offer(work, lost),
    idle: () => queue.idle(),
    close: () => queue.close(),
  };
}

interface Input {
  work: () => Promise<void>;
  lost?: (error: HalError) => void;
}

class InputQueue implements Runtime {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #onBug: (error: unknown) => void;
  readonly #waiting: Input[] = [];
  #working = false;
  #closed = false;
  #idleWaiters: (() => void)[] = [];

  constructor(clock: Clock, log: Log, onBug: (error: unknown) => void) {
    this.#clock = clock;
    this.#log = log;
    this.#onBug = onBug;
  }

  enqueue(work: () => Promise<void>): void {
    this.#accept({ work });
  }

  offer(work: () => Promise<void>, lost: (error: HalError) => void): void {
    if (this.#waiting.length >= WAITING_MAX) lost(new HalError("full", "too many inputs wait"));
    else this.#accept({ work, lost });
  }

  idle(): Promise<void> {
    if (!this.#working) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idleWaiters.push(resolve);
    });
  }

  close(): void {
    this.#closed = true;
    this.#waiting.length = 0;
  }

  #accept(input: Input): void {
    if (this.#closed) return;
    this.#waiting.push(input);
    if (!this.#working) void this.#run();
  }

  async #run(): Promise<void> {
    const waiting = this.#waiting;
    this.#working = true;
    for (let input = waiting.shift(); input !== undefined; input = waiting.shift()) {
      try {
        await input.work();
      } catch (error) {
        if (!this.#closed) this.#failed(input, error);
      }
    }
    this.#working = false;
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const resolve of waiters) resolve();
  }

  #failed(input: Input, error: unknown): void {
    if (!(error instanceof HalError)) {
      this.#onBug(error);
      return;
    }
    this.#log("error", "world-broke", { kind: error.kind, message: error.message });
    if (input.lost !== undefined) input.lost(error);
    else after(this.#clock, RETRY_MS, () => this.#accept(input));
  }
}
