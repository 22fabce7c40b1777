// Runs the metering loop over so many pulses in a process of its own and says, in a line of JSON, what the garbage
// collector had to do meanwhile.
//   garbage-child.js PULSES PULSES_PER_SECOND WARM_UP_PULSES

import { PerformanceObserver } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { getHeapStatistics } from "node:v8";
import { runLoop } from "../../firmware/metering/loop-runner.ts";
import { openOutlets } from "../../hal/drivers/open-outlets.ts";
import type { LoopCommand, LoopReport } from "../../hal/loop-host.ts";
import { QuietClock, QuietLines, quietBoard } from "./quiet-board.ts";
import { summarise } from "./sample.ts";

/** Each a measurement of its own: somewhere in them the compiler may still have a last thought. */
const ROUNDS = 5;

const pulses = Number(process.argv[2]);
const rate = Number(process.argv[3]);
/** Until the optimising compiler has done its work on all that runs. */
const warmUpPulses = Number(process.argv[4]);
const clock = new QuietClock();
const lines = new QuietLines();
let reports = 0;
let progress = 0;
let command: (command: LoopCommand) => void = () => {};
const channel = {
  onCommand: (listener: (command: LoopCommand) => void) => {
    command = listener;
  },
  report: (report: LoopReport) => {
    reports++;
    if (report.on === "progress") progress = report.pulses;
  },
};

function flow(count: number): void {
  const betweenMs = 1000 / rate;
  for (let i = 0; i < count; i++) {
    clock.advance(betweenMs);
    lines.pulse(clock.now);
  }
}

const runner = runLoop(openOutlets(quietBoard(2 * rate), clock, lines), channel);
for (let i = 0; i < 200; i++) clock.advance(1);
const total = 1e12;
command({ do: "grant", session: "s", outlet: "nozzle", meter: "flow", pulses: total, total });
for (let i = 0; i < 20; i++) clock.advance(1);
const seenAtMs: number[] = [];
const observer = new PerformanceObserver((list) => {
  for (const { startTime } of list.getEntries()) seenAtMs.push(startTime);
});
for (let done = 0; done < warmUpPulses; done += 100_000) {
  flow(100_000);
  // Lets what was compiled beside us come into use.
  await sleep(20);
}
observer.observe({ entryTypes: ["gc"] });
await sleep(50);
const reportsBefore = reports;
const growths: number[] = [];
const spans: [number, number][] = [];
for (let round = 0; round < ROUNDS; round++) {
  // What is left of the round before is no part of this one.
  gc?.({ type: "minor" });
  const startMs = performance.now();
  const usedBytes = getHeapStatistics().used_heap_size;
  flow(pulses);
  growths.push(getHeapStatistics().used_heap_size - usedBytes);
  spans.push([startMs, performance.now()]);
}
// What was collected is told a moment later.
await sleep(200);
const isWithin = (atMs: number): boolean =>
  spans.some(([startMs, endMs]) => atMs >= startMs && atMs <= endMs);
process.stdout.write(
  `${JSON.stringify({
    pulses,
    rounds: ROUNDS,
    reportsARound: (reports - reportsBefore) / ROUNDS,
    delivered: progress,
    collections: seenAtMs.filter(isWithin).length,
    heapGrowthBytes: summarise(growths).median,
  })}\n`,
);
runner.close();
