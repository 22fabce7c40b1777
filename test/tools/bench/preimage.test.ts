// The figure of a proof's check: so many samples as were asked for, of checks that came out good.

import { expect, test } from "vitest";
import { measurePreimage } from "../../../tools/bench/preimage.ts";

test("each sample is one check, and takes its time", () => {
  const { count, median, p99 } = measurePreimage(500);
  expect(count).toBe(500);
  expect(median).toBeGreaterThan(0);
  expect(p99).toBeGreaterThanOrEqual(median);
});
