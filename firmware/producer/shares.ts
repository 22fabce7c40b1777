// What one client may have of a device at once, so that a flood of one does not shut out the others: so many
// requests waiting, so many new connections, so many hints.

import type { Clock } from "../../hal/clock.ts";

/** True as often as `perSecond` allows, with `atOnce` after a rest. */
export function allowance(clock: Clock, perSecond: number, atOnce = perSecond): () => boolean {
  let left = atOnce;
  let atMs = clock.monotonicMs();
  return () => {
    const nowMs = clock.monotonicMs();
    left = Math.min(atOnce, left + ((nowMs - atMs) * perSecond) / 1000);
    atMs = nowMs;
    if (left < 1) return false;
    left -= 1;
    return true;
  };
}

/** An allowance for each name; those of the names that came first are forgotten when there are too many. */
export function allowances(
  clock: Clock,
  perSecond: number,
  atOnce: number,
  namesMax: number,
): (name: string) => boolean {
  const byName = new Map<string, () => boolean>();
  return (name) => {
    const mine = byName.get(name) ?? allowance(clock, perSecond, atOnce);
    byName.set(name, mine);
    for (const first of byName.keys()) {
      if (byName.size <= namesMax) break;
      byName.delete(first);
    }
    return mine();
  };
}

/** Counts what each name has under way; holds no name that has nothing. */
export class Shares {
  readonly #atOnce: number;
  readonly #held = new Map<string, number>();

  constructor(atOnce: number) {
    this.#atOnce = atOnce;
  }

  /** What gives the share back, once; undefined for a name that has all it may have. */
  take(name: string): (() => void) | undefined {
    const held = this.#held.get(name) ?? 0;
    if (held >= this.#atOnce) return undefined;
    this.#held.set(name, held + 1);
    let given = false;
    return () => {
      if (given) return;
      given = true;
      const left = (this.#held.get(name) ?? 1) - 1;
      if (left > 0) this.#held.set(name, left);
      else this.#held.delete(name);
    };
  }
}
