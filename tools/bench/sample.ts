// Many measurements of one thing, and what is told of them.

export interface Summary {
  count: number;
  median: number;
  p99: number;
}

/** Nearest rank: each figure is one that was really measured. There must be at least one. */
export function summarise(samples: readonly number[]): Summary {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
  return { count: sorted.length, median: at(0.5), p99: at(0.99) };
}

/** A figure that is measured once. */
export function single(value: number): Summary {
  return { count: 1, median: value, p99: value };
}
