// Requests that need nobody: one at a time, in their order, beside everything else.

/** Waiting, the one at work not counted. */
const WAITING_MAX = 32;

export class BackgroundQueue {
  readonly #waiting: (() => void)[] = [];
  #isBusy = false;

  get isFull(): boolean {
    return this.#waiting.length >= WAITING_MAX;
  }

  /** Runs it when its turn comes. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isBusy) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#isBusy = true;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // Busy stays set when somebody is next, so that nobody comes between.
      if (next === undefined) this.#isBusy = false;
      else next();
    }
  }
}
