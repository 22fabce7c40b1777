// Items that were started and that nobody could watch to their end, because the loop or the power went: each comes
// out all the same. Until it has, or its time is over, it would count for whoever began next.

import type { OutletPart } from "../../hal/board.ts";
import type { Clock } from "../../hal/clock.ts";
import type { Order } from "./order.ts";

interface Left {
  order: string;
  /** Of the meter, before it is done. */
  reading: number;
  untilMs: number;
}

export class LeftItems {
  readonly #clock: Clock;
  readonly #outlets: readonly OutletPart[];
  readonly #left = new Map<string, Left>();

  constructor(clock: Clock, outlets: readonly OutletPart[]) {
    this.#clock = clock;
    this.#outlets = outlets;
  }

  isItem({ outlet, meter }: Order): boolean {
    return this.#timeoutMs(outlet, meter) !== undefined;
  }

  /** A session of the order ended unwatched, with an item that may be under way. */
  note({ id, outlet, meter }: Order, reading: number): void {
    const timeoutMs = this.#timeoutMs(outlet, meter);
    if (timeoutMs === undefined) return;
    this.#left.set(outlet, { order: id, reading, untilMs: this.#clock.monotonicMs() + timeoutMs });
  }

  /** Whether another order's item may still come out. Its own payer goes on: what comes out is his. */
  blocks({ id, outlet }: Order, reading: number): boolean {
    const left = this.#left.get(outlet);
    if (left === undefined) return false;
    const isOver =
      left.order === id || reading > left.reading || this.#clock.monotonicMs() >= left.untilMs;
    if (isOver) this.#left.delete(outlet);
    return !isOver;
  }

  #timeoutMs(outlet: string, meter: string): number | undefined {
    const meters = this.#outlets.find(({ id }) => id === outlet)?.meters ?? [];
    const part = meters.find(({ id }) => id === meter);
    return part?.kind === "item" ? part.timeoutMs : undefined;
  }
}
