// Half of the flows by chance, those of even seeds: see test/sim/chance-flow.ts. The other half is in the file beside
// this one, so that two processes share the work.

import { expect, test } from "vitest";
import { manyFlows } from "../../../sim/chance-many.ts";

test("I1 I4 I14 I15: flows by chance end, keep to what was signed, and leave no money behind", async () => {
  const { flows, wrong, told } = await manyFlows(0);
  console.log(told);
  expect(wrong).toEqual([]);
  expect(flows).toBeGreaterThan(50_000);
}, 600_000);
