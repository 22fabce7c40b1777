// How fast the world really goes by: a computer may be too slow for the rate that is set.

const LEAST_MS = 1_000;
const MOST_MS = 3_000;

interface Passing {
  /** Of the world. */
  nowMs: number;
  rate: number;
  paused: boolean;
}

export class Speed {
  /** When each was seen, and the world's time then; of one rate. */
  #seen: { atMs: number; worldMs: number }[] = [];
  #rate = 0;

  /** World milliseconds per real one. */
  get value(): number | undefined {
    const [first] = this.#seen;
    const last = this.#seen.at(-1);
    if (first === undefined || last === undefined) return undefined;
    const passedMs = last.atMs - first.atMs;
    return passedMs < LEAST_MS ? undefined : (last.worldMs - first.worldMs) / passedMs;
  }

  see({ nowMs: worldMs, rate, paused }: Passing, atMs: number): void {
    const before = this.#seen.at(-1);
    const isOther = rate !== this.#rate || paused || worldMs < (before?.worldMs ?? 0);
    this.#rate = rate;
    if (isOther) this.#seen = [];
    if (paused) return;
    this.#seen.push({ atMs, worldMs });
    this.#seen = this.#seen.filter((one) => atMs - one.atMs <= MOST_MS);
  }
}
