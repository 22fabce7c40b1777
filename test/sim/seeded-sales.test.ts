// Ten whole sales on a network that repeats and reorders, each on a seed of its own: the same seed sends the same bytes, in a second run and on
// every processor. DIGESTS names a file: written where there is none, else what is expected.

import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { recordSale } from "./recorded-sale.ts";
import { story } from "./story.ts";

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
const FILE = process.env["DIGESTS"];

const written: Record<string, string> = {};
const expected =
  FILE !== undefined && existsSync(FILE)
    ? (JSON.parse(readFileSync(FILE, "utf8")) as Record<string, string>)
    : undefined;

afterAll(() => {
  if (FILE !== undefined && expected === undefined) writeFileSync(FILE, JSON.stringify(written));
});

/** Of every byte that went over the broker and of what the device had on disk at the end. */
async function digestOfSale(seed: number): Promise<string> {
  const bytes: Uint8Array[] = [];
  const site = await story(
    async (met) => {
      const { announcements, requests, replies } = await recordSale(met);
      expect(replies.length).toBeGreaterThan(20);
      bytes.push(...announcements, ...requests, ...replies);
    },
    { seed, network: { duplicationPerMille: 50, reorderingPerMille: 50, reorderMs: 20 } },
  );
  bytes.push(new TextEncoder().encode(JSON.stringify(site.store.durable("receipt"))));
  return createHash("sha256").update(Buffer.concat(bytes)).digest("hex");
}

describe("the same seed is the same sale", () => {
  test.each(SEEDS)("seed %i", async (seed) => {
    const digest = await digestOfSale(seed);
    written[seed] = digest;
    expect(await digestOfSale(seed)).toBe(digest);
    if (expected !== undefined) expect(digest).toBe(expected[seed]);
  });

  test("another seed is another sale", async () => {
    expect(await digestOfSale(1)).not.toBe(await digestOfSale(2));
  });
});
