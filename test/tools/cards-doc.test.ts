// The page on cards: it names every card of the bench with its way, every tag that is sealed, and the test keys.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { SEALED_TAGS } from "../../hal/sealed-card.ts";
import { TEST_CARD_LIST } from "../../hal/sim/test-cards.ts";
import { TEST_ISSUER_KEYS } from "../../hal/sim/test-issuers.ts";

const PAGE = readFileSync(join(import.meta.dirname, "../../docs/cards.md"), "utf8");

test("cards, tags and keys are those of the code", () => {
  const rows = PAGE.split("\n").filter((line) => /^\| `[a-z]/.test(line));
  const named = rows.flatMap((row) => {
    const [, names = "", ways = ""] = row.split("|");
    const way = ways.trim().split(", ");
    return [...names.matchAll(/`([^`]+)`/g)].map(([, name], i) => [name, way[i] ?? way[0]]);
  });
  expect(named.sort()).toEqual(TEST_CARD_LIST.map(({ name, way }) => [name, way]).sort());
  const tags = SEALED_TAGS.map((tag) => tag.toString(16).toUpperCase()).join(" ");
  expect(PAGE.replaceAll("\n", " ")).toContain(`\`${tags}\``);
  for (const key of Object.values(TEST_ISSUER_KEYS)) expect(PAGE).toContain(key.toUpperCase());
});
