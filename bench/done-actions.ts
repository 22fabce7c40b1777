// All that was done to a bench since its world began, so far as it can be done again: a recording of more could not be replayed.

import type { DoneAction } from "./bench-action.ts";

/** As many steps as a scenario may have. */
export const DONE_STEPS_MAX = 5_000;
/** As they stand in a scenario that a page sends back, which may have 1 MiB with all that is around them. */
export const DONE_BYTES_MAX = 900_000;
/** Of a step, beside its words: its time, and what separates it. */
const STEP_BYTES = 48;

export interface DoneSize {
  steps: number;
  bytes: number;
  /** More was done than is kept. */
  isTooLong: boolean;
}

export class DoneActions {
  readonly #actions: DoneAction[] = [];
  #bytes = 0;
  #isTooLong = false;

  add(done: DoneAction): void {
    if (this.#isTooLong) return;
    // Escaped once more on its way from a page.
    const bytes = STEP_BYTES + JSON.stringify(JSON.stringify(done.action)).length;
    const isFull = this.#actions.length >= DONE_STEPS_MAX || this.#bytes + bytes > DONE_BYTES_MAX;
    if (isFull) {
      this.#isTooLong = true;
      return;
    }
    this.#actions.push(done);
    this.#bytes += bytes;
  }

  list(): readonly DoneAction[] {
    return this.#actions;
  }

  size(): DoneSize {
    return { steps: this.#actions.length, bytes: this.#bytes, isTooLong: this.#isTooLong };
  }
}
