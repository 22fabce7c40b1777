// The steps of both flows as docs/flows.md tells them: what may come right after what.

import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface FlowStep {
  name: string;
  /** The other cells of its row, by the head of their column. */
  cells: Readonly<Record<string, string>>;
  /** Steps right after which it may come; "" is the very beginning. */
  after: ReadonlySet<string>;
}

export const FLOWS = readFileSync(
  join(import.meta.dirname, "..", "..", "docs", "flows.md"),
  "utf8",
);

/** The shortest way to a step, itself the last. */
export function wayTo(steps: readonly FlowStep[], name: string): readonly string[] {
  let ways: (readonly string[])[] = [[]];
  for (let length = 0; length <= steps.length; length++) {
    const found = ways.find((way) => (way.at(-1) ?? "") === name);
    if (found !== undefined) return found;
    ways = ways.flatMap((way) =>
      steps
        .filter(({ after, name: next }) => after.has(way.at(-1) ?? "") && !way.includes(next))
        .map((next) => [...way, next.name]),
    );
  }
  throw new Error(`docs/flows.md tells no way to ${name}`);
}

/** The rows of the first table under a heading. */
export function flowSteps(heading: string): readonly FlowStep[] {
  const part = FLOWS.split(`\n## ${heading}\n`)[1] ?? "";
  const [head = "", , ...rows] = (/(?:^\|.*\n)+/m.exec(part)?.[0] ?? "").trim().split("\n");
  const cellsOf = (row: string): string[] =>
    row
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim().replaceAll("`", ""));
  const heads = cellsOf(head);
  const read = rows.map((row) => {
    const cells = cellsOf(row);
    return Object.fromEntries(heads.map((one, index) => [one, cells[index] ?? ""]));
  });
  const order = read.map(({ step = "" }) => step);
  return read.map((cells) => {
    const { step = "", "right after": after = "" } = cells;
    return { name: step, cells, after: rangesOf(after, order) };
  });
}

/** "a to c, e" by the order of the table; "nothing" for the very beginning. */
function rangesOf(text: string, order: readonly string[]): ReadonlySet<string> {
  const place = (name: string): number => {
    const at = order.indexOf(name.trim());
    if (at < 0) throw new Error(`docs/flows.md names no step ${name}`);
    return at;
  };
  return new Set(
    text.split(",").flatMap((range) => {
      if (range.trim() === "nothing") return [""];
      const [from = "", to = from] = range.split(" to ");
      return order.slice(place(from), place(to) + 1);
    }),
  );
}
