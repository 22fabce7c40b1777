// What happens on a bench, told in order to whoever listens. While nobody does, nothing is made of it.

import type { SimWorld } from "../hal/sim/world.ts";
import type { BenchEvent } from "./bench-state.ts";

type Plain<T> = T extends unknown ? Omit<T, "atMs" | "seq" | "board"> : never;
export type BenchFact = Plain<BenchEvent>;

export class BenchNews {
  /** Set as soon as there is a world. */
  world: SimWorld | undefined;
  readonly #listeners = new Set<(event: BenchEvent) => void>();
  #seq = 0;

  get isHeard(): boolean {
    return this.#listeners.size > 0;
  }

  onEvent(listener: (event: BenchEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** `make` is called when somebody listens. What it gives may have getters, for what is dear to make. */
  tell(board: string, make: () => BenchFact): void {
    if (this.#listeners.size === 0) return;
    this.#seq += 1;
    const head = { atMs: this.world?.nowMs() ?? 0, seq: this.#seq, board };
    const event = Object.assign(make(), head) as BenchEvent;
    for (const listener of this.#listeners) listener(event);
  }
}
