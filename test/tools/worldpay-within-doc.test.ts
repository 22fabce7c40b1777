// docs/worldpay-within.md says of every feature of the first ancestor what became of it. A row that says "works"
// names a test, which must be there; what is left out has a reason of a closed list.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "..", "..");
const DOC = readFileSync(join(ROOT, "docs", "worldpay-within.md"), "utf8");

/** How many features each group has. */
const GROUPS: Readonly<Record<string, number>> = {
  "1": 16,
  "2": 14,
  "3": 17,
  "4": 9,
  "5": 20,
  "6": 13,
  "7": 18,
  "8": 10,
  "9": 11,
  "10": 15,
  "11": 14,
};
const REASONS = ["remote procedures", "never specified"];
const LEFT_OUT_MAX = 20;

interface Row {
  group: string;
  place: number;
  says: string;
}

const rows: Row[] = [...DOC.matchAll(/^\| (\d+)\.(\d+) \| [^|]+ \| (.+) \|$/gm)].map((found) => {
  const [, group = "", place, says = ""] = found;
  return { group, place: Number(place), says };
});

describe("every feature", () => {
  test.each(Object.entries(GROUPS))("of group %s has its row, in order", (group, count) => {
    const places = rows.filter((row) => row.group === group).map(({ place }) => place);
    expect(places).toEqual(Array.from({ length: count }, (_, index) => index + 1));
  });

  test("works, or is left out for a reason of the list", () => {
    const odd = rows.filter(({ says }) => {
      const leftOut = /^left out: (.+)$/.exec(says);
      if (leftOut !== null) return !REASONS.includes(leftOut[1] ?? "");
      return !/^works: .*`test\/.+`/.test(says);
    });
    expect(odd).toEqual([]);
    expect(rows.filter(({ says }) => says.startsWith("left out")).length).toBeLessThanOrEqual(
      LEFT_OUT_MAX,
    );
  });

  const proofs = [...DOC.matchAll(/`(test\/[\w./-]+\.test\.ts)` "([^"]+)"/g)].map(
    ([, file = "", name = ""]) => ({ file, name }),
  );

  test("that works names its test by file and words", () => {
    const unnamed = rows.filter(
      ({ says }) => says.startsWith("works") && !/`test\/[\w./-]+\.test\.ts` "[^"]+"/.test(says),
    );
    expect(unnamed).toEqual([]);
    expect(proofs.length).toBeGreaterThan(100);
  });

  test.each(proofs)('$file has "$name"', ({ file, name }) => {
    const path = join(ROOT, file);
    expect(existsSync(path), path).toBe(true);
    const flat = readFileSync(path, "utf8").replace(/"\s*\+\s*"|\s+/g, (cut) =>
      cut.includes("+") ? "" : " ",
    );
    expect(flat.includes(name), `a test of ${file} is called so`).toBe(true);
  });
});
