// The figures of a bench: by which name they go into its file, how they are counted, and which budget they are
// held against.

import type { Summary } from "./sample.ts";

export interface Figure {
  /** Names of the median and of the 99th percentile in the file; what is only printed has none. */
  key?: string;
  keyP99?: string;
  what: string;
  unit: "B" | "B/unit" | "ms" | "us" | "MiB" | "ratio" | "pulses" | "minor" | "per s" | "share";
  samples: Summary;
  /** The most that the median may be, and what we aim at. */
  budget?: number;
  aim?: number;
  /** The least that it may be. */
  least?: number;
}

const DIGITS: Readonly<Record<Figure["unit"], number>> = {
  B: 0,
  "B/unit": 2,
  ms: 2,
  us: 1,
  MiB: 1,
  ratio: 3,
  pulses: 0,
  minor: 0,
  "per s": 0,
  share: 6,
};

function rounded(value: number, unit: Figure["unit"]): number {
  const factor = 10 ** DIGITS[unit];
  return Math.round(value * factor) / factor;
}

function shown(value: number, unit: Figure["unit"]): string {
  return rounded(value, unit).toLocaleString("en", { minimumFractionDigits: DIGITS[unit] });
}

function verdict(figure: Figure): string {
  const { budget, least, aim, unit, samples } = figure;
  const value = samples.median;
  if (least !== undefined) {
    const missed = value < least ? `MISSED by ${shown(least - value, unit)}` : "met";
    return `>= ${shown(least, unit)}: ${missed}`;
  }
  if (budget === undefined) return "";
  const aimed = aim === undefined ? "" : `, aim ${shown(aim, unit)}`;
  const limit = `<= ${shown(budget, unit)}${aimed}`;
  if (value > budget) return `${limit}: MISSED by ${shown(value - budget, unit)}`;
  return `${limit}: met${aim !== undefined && value <= aim ? ", aim too" : ""}`;
}

export function figureTable(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => {
    const { what, unit, samples } = figure;
    const { count, median, p99 } = samples;
    const both = count === 1 ? "" : shown(p99, unit);
    return [what, shown(median, unit), both, unit, String(count), verdict(figure)];
  });
  return table([["", "median", "p99", "", "samples", "budget"], ...rows], [0, 5]);
}

/** What goes into the file: a number for each key, and under `samples` how many it rests on. */
export function figureFile(figures: readonly Figure[]): {
  numbers: Readonly<Record<string, number>>;
  samples: Readonly<Record<string, number>>;
} {
  const numbers: Record<string, number> = {};
  const counts: Record<string, number> = {};
  for (const { key, keyP99, unit, samples } of figures) {
    for (const [name, value] of [
      [key, samples.median],
      [keyP99, samples.p99],
    ] as const) {
      if (name === undefined) continue;
      numbers[name] = rounded(value, unit);
      counts[name] = samples.count;
    }
  }
  return { numbers, samples: counts };
}

/** Columns as wide as they need to be; those named are aligned left, the others right. */
export function table(rows: readonly (readonly string[])[], left: readonly number[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (left.includes(i) ? cell.padEnd : cell.padStart).call(cell, widths[i] ?? 0))
      .join("  ")
      .trimEnd();
  return rows.map(line).join("\n");
}
