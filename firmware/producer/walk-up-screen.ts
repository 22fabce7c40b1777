// What stands on the board's display: what somebody who pays is to do before all else, words for a moment, what is
// delivered now (one outlet after the other where there are several), else what is sold here.

import { type Clock, every, type Timer } from "../../hal/clock.ts";
import type { Display, DisplayPage } from "../../hal/display.ts";

const REFRESH_MS = 1_000;
/** Of several pages that stand, each is shown so long. */
const TURN_MS = 3_000;

interface Standing {
  page: DisplayPage;
  untilMs: number;
}

export class BoardScreen {
  readonly #clock: Clock;
  readonly #display: Display | undefined;
  readonly #idle: () => DisplayPage;
  readonly #standing = new Map<string, Standing>();
  #asking: DisplayPage | undefined;
  #passing: Standing | undefined;
  #shown = "";
  #closed = false;
  readonly #refresh: Timer | undefined;

  /** `idle` is what stands there when there is nothing else to say. */
  constructor(clock: Clock, display: Display | undefined, idle: () => DisplayPage) {
    this.#clock = clock;
    this.#display = display;
    this.#idle = idle;
    if (display !== undefined) this.#refresh = every(clock, REFRESH_MS, () => this.render());
  }

  /** Shown at once, before all else, until it is asked for something else or for nothing. */
  ask(page: DisplayPage | undefined): void {
    this.#asking = page;
    this.#passing = undefined;
    this.render();
  }

  /** Shown at once, and for so long. */
  pass(page: DisplayPage, forMs: number): void {
    this.#passing = { page, untilMs: this.#clock.monotonicMs() + forMs };
    this.render();
  }

  /** Ends what `pass` shows. */
  clear(): void {
    this.#passing = undefined;
    this.render();
  }

  /** Stands until it is dropped, or for so long; what it says anew is shown within a second. */
  stand(id: string, page: DisplayPage, forMs = Number.POSITIVE_INFINITY): void {
    this.#standing.set(id, { page, untilMs: this.#clock.monotonicMs() + forMs });
  }

  drop(id: string): void {
    this.#standing.delete(id);
  }

  render(): void {
    const page = this.#page();
    const text = JSON.stringify(page);
    if (this.#display === undefined || this.#closed || text === this.#shown) return;
    this.#shown = text;
    this.#display.show(page);
  }

  /** Leaves these words standing. */
  close(last: DisplayPage): void {
    this.#refresh?.cancel();
    this.#closed = true;
    this.#display?.show(last);
  }

  #page(): DisplayPage {
    const nowMs = this.#clock.monotonicMs();
    if (this.#passing !== undefined && this.#passing.untilMs <= nowMs) this.#passing = undefined;
    for (const [id, { untilMs }] of this.#standing) {
      if (untilMs <= nowMs) this.#standing.delete(id);
    }
    if (this.#asking !== undefined) return this.#asking;
    if (this.#passing !== undefined) return this.#passing.page;
    const pages = [...this.#standing.values()];
    return pages[Math.floor(nowMs / TURN_MS) % Math.max(1, pages.length)]?.page ?? this.#idle();
  }
}
