// Time of a bench that people watch: the world runs in turns, each to a whole moment that real time says, and stands between
// them. What is done to it is done while it stands, so that all of it can be done again at the same moments.
// (hal/sim/pace.ts lets a program see how late it is, and is never the same twice.)

import { after, type Clock, every, type Timer } from "../../hal/clock.ts";
import { type SimWorld, settlePromises } from "../../hal/sim/world.ts";

const TURN_MS = 20;
/** Of real time, that one turn may take: what asks from outside waits no longer. */
const BUSY_MS_MAX = 15;
/** After a turn that was cut short, the next one comes as soon as those outside had their chance. */
const AGAIN_MS = 1;
/** Of real time: a computer that slept, or is too slow, makes up for no more. */
const BEHIND_MS_MAX = 250;
/** Of the world: a step goes on to the next thing that is told, and no further. */
const STEP_MS_MAX = 1_000;

export interface BenchTimeOptions {
  world: SimWorld;
  /** Of this computer. */
  clock: Clock;
  rate: number;
  /** Called while the world stands, after every turn. */
  onTurn(): void;
  /** An event of the world has thrown: it stands still from then on. */
  onError(error: unknown): void;
}

interface Awaited {
  untilMs: number;
  /** Ends the wait before that. */
  isSo?: () => boolean;
  resolve(isSo: boolean): void;
}

export class BenchTime {
  readonly #options: BenchTimeOptions;
  readonly #timer: Timer;
  readonly #waiting: ((stands: boolean) => void)[] = [];
  #rate: number;
  #paused = false;
  #stopped = false;
  #isRunning = false;
  #lastMs: number;
  /** World time that is due, with what was not whole. */
  #dueMs: number;
  #awaited: Awaited | undefined;
  /** A program drives the world: it stands until that waits for something. */
  #isDriven = false;
  #wakeStep: (() => void) | undefined;
  #stepTold = false;

  constructor(options: BenchTimeOptions) {
    this.#options = options;
    this.#rate = options.rate;
    this.#lastMs = options.clock.monotonicMs();
    this.#dueMs = options.world.nowMs();
    this.#timer = every(options.clock, TURN_MS, () => void this.#turn());
  }

  get rate(): number {
    return this.#rate;
  }

  get isStopped(): boolean {
    return this.#stopped;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** World milliseconds per real one. Ends a pause. */
  setRate(rate: number): void {
    this.#rate = rate;
    this.#paused = false;
    this.#dueMs = this.#options.world.nowMs();
  }

  pause(): void {
    this.#paused = true;
  }

  /** While paused: until something is told, or for a second of the world. Resolves when it stands again. */
  step(): Promise<void> {
    this.#paused = true;
    this.#wakeStep?.();
    if (this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wakeStep = resolve;
    });
  }

  /** Something was told. */
  told(): void {
    this.#stepTold = true;
  }

  /**
   * The world's own calls for a program that is not to be faster than it is watched: one of them at a time. It goes on
   * only while one of them waits, until `free`.
   */
  paced(): SimWorld {
    const { world } = this.#options;
    this.#isDriven = true;
    const wait = (untilMs: number, isSo?: () => boolean): Promise<boolean> =>
      new Promise((resolve) => {
        this.#awaited = { untilMs, resolve, ...(isSo && { isSo }) };
      });
    const runUntil = async (timeMs: number): Promise<void> => void (await wait(timeMs));
    return {
      ...world,
      runUntil,
      runFor: (durationMs) => runUntil(world.nowMs() + durationMs),
      runWhile: async (holds, limitMs) => {
        await settlePromises();
        return !holds() || wait(world.nowMs() + limitMs, () => !holds());
      },
    };
  }

  /** Nobody drives it any more: it goes on by itself. */
  free(): void {
    this.#isDriven = false;
  }

  /** Called as soon as the world stands: between two calls all comes that is due at that moment. False: it was stopped. */
  whenStanding(work: (stands: boolean) => void): void {
    if (this.#stopped) work(false);
    else this.#waiting.push(work);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer.cancel();
    this.#wakeStep?.();
    for (const work of this.#waiting.splice(0)) work(false);
  }

  async #turn(): Promise<void> {
    if (this.#isRunning || this.#stopped) return;
    this.#isRunning = true;
    const { clock, world } = this.#options;
    try {
      await this.#pass();
      if (world.nextMs() > world.nowMs()) await this.#work();
      if (!this.#stopped) this.#options.onTurn();
    } catch (error) {
      this.stop();
      this.#options.onError(error);
    } finally {
      this.#isRunning = false;
    }
    const isBehind = Math.floor(this.#dueMs) > world.nowMs();
    if (isBehind && !this.#stopped) after(clock, AGAIN_MS, () => void this.#turn());
  }

  async #pass(): Promise<void> {
    const { clock, world } = this.#options;
    const nowMs = clock.monotonicMs();
    const passedMs = Math.min(nowMs - this.#lastMs, BEHIND_MS_MAX);
    this.#lastMs = nowMs;
    if (this.#wakeStep !== undefined) {
      this.#stepTold = false;
      await this.#goOn(world.nowMs() + STEP_MS_MAX, () => this.#stepTold);
      this.#wakeStep?.();
      this.#wakeStep = undefined;
    } else if (!this.#paused) {
      this.#dueMs += passedMs * this.#rate;
      const isLate = (): boolean => clock.monotonicMs() - nowMs > BUSY_MS_MAX;
      await this.#goOn(Math.floor(this.#dueMs), isLate);
    } else {
      // What went on by itself when it stood last may have left something due at this very moment.
      await world.runUntil(world.nowMs());
    }
    // What a turn left, because it was cut short or somebody waited for a moment within it, is due in the next one.
    const behindMs = Math.floor(this.#dueMs) - world.nowMs();
    if (this.#paused || behindMs < 0) this.#dueMs = world.nowMs();
    else this.#dueMs = Math.min(this.#dueMs, world.nowMs() + BEHIND_MS_MAX * this.#rate);
  }

  /** To that time, from one moment that is waited for to the next, or as far as it is enough. */
  async #goOn(timeMs: number, isEnough: () => boolean): Promise<void> {
    const { world } = this.#options;
    do {
      if (this.#isDriven && this.#awaited === undefined) return;
      await this.#advance(timeMs, isEnough);
    } while (world.nowMs() < timeMs && !isEnough() && !this.#stopped);
  }

  /** To that time or what is waited for, or as far as it is enough; it stands then at a moment of which all has come. */
  async #advance(timeMs: number, isEnough: () => boolean): Promise<void> {
    const { world } = this.#options;
    const untilMs = Math.max(world.nowMs(), Math.min(timeMs, this.#awaited?.untilMs ?? timeMs));
    await settlePromises();
    while (world.nextMs() <= untilMs) {
      await world.step();
      if (this.#awaited?.isSo?.() === true) return this.#fulfil(true);
      if (this.#stopped) return;
      if (isEnough() && world.nextMs() > world.nowMs()) return;
    }
    await world.runUntil(untilMs);
    if (this.#awaited !== undefined && untilMs >= this.#awaited.untilMs) return this.#fulfil(false);
  }

  /** Whoever waited goes on at once, while the world stands. */
  async #fulfil(isSo: boolean): Promise<void> {
    const { resolve } = this.#awaited ?? {};
    this.#awaited = undefined;
    resolve?.(isSo);
    await settlePromises();
  }

  async #work(): Promise<void> {
    const { world } = this.#options;
    for (let work = this.#waiting.shift(); work !== undefined; work = this.#waiting.shift()) {
      if (this.#stopped) return;
      work(true);
      await world.runUntil(world.nowMs());
    }
  }
}
