// How soon the loop notices what nobody wakes it for: a contact that has followed its coil; and how soon who watches
// over it hears that it runs.

import { expect, test } from "vitest";
import { virtualInstant } from "../../../boards/virtual-instant.ts";
import { runLoop } from "../../../firmware/metering/loop-runner.ts";
import { openOutlets } from "../../../hal/drivers/open-outlets.ts";
import type { LoopCommand } from "../../../hal/loop-host.ts";
import { openSimBoard } from "../../../hal/sim/open-board.ts";
import { simWorld } from "../../../hal/sim/world.ts";
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

test("I7: who watches over the loop hears of it before a command that waited can close a switch", () => {
  const world = simWorld({ seed: 1 });
  const { pins, metal } = openSimBoard(world, virtualInstant);
  const said: string[] = [];
  metal.onChange(({ outlets: [first] }) => void (first?.coil && said.push("closed")));
  const channel = {
    onCommand: (listener: (command: LoopCommand) => void) => listener(GRANT),
    report: () => undefined,
  };
  const devices = openOutlets(virtualInstant, world.clock, pins.lines);
  const runner = runLoop(devices, channel, { onLooked: () => said.push("looked") });
  world.advance(100);
  runner.close();
  expect(said.slice(0, 2)).toEqual(["looked", "closed"]);
});
