// What the metering loop leaves to the garbage collector while nothing but pulses happens, measured in a process with
// the loop's own options: ideally nothing, so that no collection stands between a pulse and the cut.

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { LOOP_NODE_ARGS } from "../../firmware/loop-node-args.ts";

export interface LoopGarbage {
  pulses: number;
  rounds: number;
  /** Of progress, and that it is alive. */
  reportsARound: number;
  delivered: number;
  /** Over all rounds. */
  collections: number;
  /** Median of the rounds: all that was allocated, for nothing was collected. */
  heapGrowthBytes: number;
}

const WARM_UP = 6_000_000;

/** Blocks for some seconds. `pulsesPerSecond` in the time of the simulated devices. */
export function measureGarbage(pulses: number, pulsesPerSecond: number): LoopGarbage {
  const entry = fileURLToPath(new URL("garbage-child.js", import.meta.url));
  const args = [...LOOP_NODE_ARGS, "--expose-gc", entry, pulses, pulsesPerSecond, WARM_UP];
  return JSON.parse(execFileSync(process.execPath, args.map(String), { encoding: "utf8" }));
}
