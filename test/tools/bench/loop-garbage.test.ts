// The metering loop in a process of its own, over a million pulses: nothing is collected, and next to nothing allocated.

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { LOOP_NODE_ARGS } from "../../../firmware/loop-node-args.ts";
import type { LoopGarbage } from "../../../tools/bench/loop-garbage.ts";
import { requireBuilt } from "../../support/built.ts";

const ENTRY = fileURLToPath(
  new URL("../../../build/tools/bench/garbage-child.js", import.meta.url),
);

function measure(nodeArgs: readonly string[], pulses: number, warmUpPulses: number): LoopGarbage {
  requireBuilt("tools/bench/garbage-child.js");
  const args = [...nodeArgs, "--expose-gc", ENTRY, pulses, 250_000, warmUpPulses].map(String);
  return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" }));
}

test("a million pulses: no collection, and less than 64 KiB allocated", () => {
  const { collections, heapGrowthBytes, reportsARound, rounds } = measure(
    LOOP_NODE_ARGS,
    1_000_000,
    6_000_000,
  );
  process.stdout.write(
    `1,000,000 pulses, ${rounds} times: ${collections} collections, ${heapGrowthBytes} B of heap growth, of ${reportsARound} reports\n`,
  );
  expect(collections).toBe(0);
  expect(heapGrowthBytes).toBeLessThan(64 * 1024);
  expect(reportsARound).toBeGreaterThan(20);
}, 120_000);

test("the measurement sees garbage where there is some: without the optimising compiler", () => {
  const { collections } = measure(["--no-opt", "--max-semi-space-size=1"], 100_000, 1_000);
  expect(collections).toBeGreaterThan(10);
}, 120_000);
