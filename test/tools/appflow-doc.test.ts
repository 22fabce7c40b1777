// docs/appflow.md says of every feature of the second ancestor, of each of its tests, defects and open points, what
// became of it. Each row names a test, which must be there.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "..", "..");
const DOC = readFileSync(join(ROOT, "docs", "appflow.md"), "utf8");

const PROOF = /`(test\/[\w./-]+\.test\.ts)` "([^"]+)"/g;

interface Row {
  id: string;
  cells: readonly string[];
}

const rows: Row[] = [...DOC.matchAll(/^\| ([A-Z\d.]+) \| (.+) \|$/gm)].map(
  ([, id = "", rest = ""]) => ({ id, cells: rest.split(" | ") }),
);

function numbered(prefix: string, count: number, digits: number): string[] {
  const number = (index: number): string => String(index + 1).padStart(digits, "0");
  return Array.from({ length: count }, (_, index) => `${prefix}${number(index)}`);
}

describe("every row", () => {
  test.each([
    ["feature", numbered("F", 132, 2)],
    ["group of tests", numbered("8.", 21, 1)],
    ["defect", numbered("D", 24, 2)],
    ["open point", numbered("P", 22, 2)],
  ])("of a %s is there once, in order", (_, wanted) => {
    const first = (wanted[0] ?? "").replace(/\d+$/, "");
    const found = rows.map(({ id }) => id).filter((id) => id.startsWith(first));
    expect(found).toEqual(wanted);
  });

  test("says what became of it, and names its test by file and words", () => {
    const proven = (cell: string | undefined): boolean =>
      cell !== undefined && new RegExp(PROOF.source).test(cell);
    const odd = rows.filter(({ id, cells }) => {
      const [what, here, more] = cells;
      if (what === undefined || here === undefined) return true;
      if (id.startsWith("P")) return cells.length !== 3 || !proven(more);
      return cells.length !== 2 || !here.startsWith("works: ") || !proven(here);
    });
    expect(odd).toEqual([]);
  });
});

describe("tests that are named", () => {
  const names = new Map<string, { file: string; name: string }>();
  for (const [whole, file = "", name = ""] of DOC.matchAll(PROOF)) names.set(whole, { file, name });

  test("are many", () => {
    expect(names.size).toBeGreaterThan(250);
  });

  test.each([...names.values()])('$file has "$name"', ({ file, name }) => {
    const path = join(ROOT, file);
    expect(existsSync(path), path).toBe(true);
    const flat = readFileSync(path, "utf8").replace(/"\s*\+\s*"|\s+/g, (cut) =>
      cut.includes("+") ? "" : " ",
    );
    expect(flat.includes(name), `a test of ${file} is called so`).toBe(true);
  });
});
