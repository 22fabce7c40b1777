// The metal in a world that is late, as one that is paced on a busy machine: what a program reads is what should
// have happened by then, so that its own lateness never looks like a meter that jumps.

import { expect, test } from "vitest";
import { BOARDS } from "../../../boards/registry.ts";
import { openOutlets } from "../../../hal/drivers/open-outlets.ts";
import { openSimBoard } from "../../../hal/sim/open-board.ts";
import { simWorld } from "../../../hal/sim/world.ts";

const board = BOARDS.find(({ name }) => name === "virtual-charger");

test("a late program reads at once all that has flowed, and the contact as it is by then", async () => {
  if (board === undefined) throw new Error("the board is gone");
  const world = simWorld({ seed: 1 });
  const { pins, metal } = openSimBoard(world, board);
  const [outlet] = openOutlets(board, world.clock, pins.lines).outlets;
  const meter = outlet?.meters.get("energy");
  if (outlet === undefined || meter === undefined) throw new Error("the board has changed");
  let nowMs = 0;
  world.bindTime(() => nowMs);
  outlet.switch.set(true);
  // Nothing of the queue has run: contact and pulses are all overdue.
  nowMs = 10_050;
  expect(outlet.switch.state()).toEqual({ closed: true, contact: "closed" });
  const { count, atMs } = meter.read();
  expect(count).toBe(60);
  expect(atMs).toBeGreaterThan(nowMs - 1000 / 6);
  expect(atMs).toBeLessThan(nowMs);
  let wakes = 0;
  meter.onChange(() => {
    wakes += 1;
  });
  outlet.switch.set(false);
  nowMs = 20_000;
  expect(meter.read().count).toBe(60);
  expect(metal.outlet("socket-1")).toMatchObject({ coil: false, contact: false });
  await world.runFor(0);
  // What was made up for is not counted again.
  expect(meter.read().count).toBe(60);
  expect(wakes).toBe(0);
});
