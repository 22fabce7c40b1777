// Buying without a quantity at a price that has a minimum.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Line } from "./program.ts";
import { Site } from "./site.ts";

const site = new Site();
afterAll(() => site.close());

async function only(args: readonly string[], name: string, exitCode = 0): Promise<Line> {
  const program = await site.run([...args, "--json"]);
  expect(await program.ended(), program.output).toBe(exitCode);
  const found = program.of(name);
  expect(found).toHaveLength(1);
  return found[0] ?? {};
}

test("who names none is sold the least that there is; one that was named is not changed", {
  timeout: 30_000,
}, async () => {
  await site.startDevice();
  const file = join(site.folder, "least.yaml");
  writeFileSync(
    file,
    "{ id: 3, name: Box, amountMinor: 45, currency: EUR, minUnits: 2, stepUnits: 2 }",
  );
  await only(["price", "set", "--service", "1", "--file", file], "price-set");
  const box = ["buy", "--service", "1", "--price", "3"];
  expect(await only([...box, "--units", "1"], "fault", 1)).toMatchObject({
    kind: "units-out-of-range",
    message: expect.stringContaining("--units 2"),
  });
  expect(await only([...box, "--max", "89"], "fault", 1)).toMatchObject({ kind: "over-limit" });
  expect(await only(box, "select")).toMatchObject({ units: 2, totalMinor: 90 });
});
