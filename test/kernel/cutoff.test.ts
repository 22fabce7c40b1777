// How long the cut takes on a real kernel: from the stamp that the kernel gives an edge to the call that drives the switch.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { LOOP_NODE_ARGS } from "../../firmware/loop-node-args.ts";
import { listChips } from "../../hal/linux/gpio-chip.ts";
import { requireBuilt } from "../support/built.ts";
import { openGpioSim } from "./gpio-sim-bench.ts";
import { figure, guestMissing, startPulses } from "./guest.ts";

const LOOP = "tools/bench/edge-loop-child.js";
const FLOW = 2;
const CUTS = 200;
const RATE = 50;

const missing = guestMissing();

async function measure() {
  requireBuilt(LOOP);
  const sim = openGpioSim();
  const chip = listChips().chips.find(({ label }) => label === sim.label);
  const entry = fileURLToPath(new URL(`../../build/${LOOP}`, import.meta.url));
  const args = [...LOOP_NODE_ARGS, entry, String(CUTS), `${chip?.path}:${FLOW}`];
  const loop = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit", "pipe"] });
  const gone = once(loop, "close");
  const said = once(createInterface({ input: loop.stdout as NodeJS.ReadableStream }), "line");
  const channel = loop.stdio[3] as NodeJS.ReadableStream;
  // The generator has the interrupts of lines that are open when it starts on its own processor.
  await Promise.race([once(channel, "data"), gone]);
  channel.resume();
  // Some pulses come while the switch is open, and cut nothing.
  const meter = startPulses(sim, { rate: RATE, lines: [FLOW] });
  try {
    const ended = gone.then(([code]) => {
      throw new Error(`the loop ended by itself: ${code}`);
    });
    return JSON.parse(String((await Promise.race([said, ended]))[0]));
  } finally {
    await meter.stop();
    loop.kill("SIGKILL");
    await gone;
    sim.close();
  }
}

test("I8: cut-off on the character device", async ({ skip }) => {
  if (missing !== undefined) skip(missing);
  const { cuts, p50, p99, max } = await measure();
  const us = (value: number): number => Math.round(value);
  figure({
    what: "cut-off, edge to switch write",
    ...{ cuts, "p50, us": us(p50), "p99, us": us(p99), "max, us": us(max) },
  });
  expect(cuts).toBe(CUTS);
  // Of an emulated machine.
  expect(p50).toBeGreaterThan(1);
  expect(p50).toBeLessThan(100_000);
}, 60_000);
