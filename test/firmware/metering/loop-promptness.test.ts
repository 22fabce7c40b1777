// How soon the loop notices what nobody wakes it for: a contact that has followed its coil.

import { expect, test } from "vitest";
import { virtualInstant } from "../../../boards/virtual-instant.ts";
import type { LoopCommand } from "../../../hal/loop-host.ts";
import { loopBench } from "./bench.ts";

const GRANT: LoopCommand = {
  do: "grant",
  session: "s1",
  outlet: "slot",
  meter: "items",
  pulses: 10,
  total: 10,
};

test("a switch that follows at once costs no wait: the session is over with its last pulse", () => {
  const bench = loopBench({ board: virtualInstant, delayMs: 0 });
  const startMs = bench.world.nowMs();
  bench.send(GRANT);
  const stopped = bench.untilStopped("s1");
  expect(stopped).toMatchObject({ reason: "exhausted", pulses: 10 });
  // Ten pulses at 5,000 a second.
  expect(stopped.atMs - startMs).toBeCloseTo(2, 1);
});

test("a contact that moves is looked at every millisecond until it is where it should be", () => {
  const bench = loopBench({ board: virtualInstant, delayMs: 0, operateMs: [4.5, 4.5] });
  const startMs = bench.world.nowMs();
  bench.send(GRANT);
  const stopped = bench.untilStopped("s1");
  expect(stopped).toMatchObject({ reason: "exhausted", pulses: 10 });
  // 4.5 to close, 2 to deliver, 4.5 to open; the closing reading is taken within a millisecond of that.
  expect(stopped.atMs - startMs).toBeGreaterThanOrEqual(11);
  expect(stopped.atMs - startMs).toBeLessThanOrEqual(12);
});
