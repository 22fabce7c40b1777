// What the measurements of the metering loop's process share: named pipes as lines, the loop behind its real host, and
// another process that makes the pulses. This process is the device's side.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { LOOP_NODE_ARGS } from "../../firmware/loop-node-args.ts";
import { type LoopProcess, openLoopProcess } from "../../hal/linux/loop-process.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import type { LoopReport } from "../../hal/loop-host.ts";

export interface PulseTotals {
  /** By line. */
  generated: readonly number[];
  /** Of them, what the pipe had no room for. */
  dropped: number;
  seconds: number;
}

export interface PulseRequest {
  lines: number;
  perSecond: number;
  perLine: number;
  /** As in pulse-source-child.ts. */
  pace: "even" | "catch-up";
}

export interface EdgeBench {
  loop: LoopProcess;
  /** Makes so many pulses on each of the first lines, and resolves when all are made. */
  pulses(request: PulseRequest): Promise<PulseTotals>;
  /** The next report that is this. Rejects, as `said` does, when the loop is lost. */
  report(isIt: (report: LoopReport) => boolean): Promise<LoopReport>;
  /** The next line that the loop's process says. */
  said(): Promise<string>;
  /** Ends every process that it started. */
  close(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** A process that takes all of one core, until it is ended. */
export function startSpinner(): { stop(): void } {
  const child = startNode(["-e", "for (;;);"]);
  return { stop: () => void child.kill("SIGKILL") };
}

function startNode(args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  running.add(child);
  child.once("close", () => running.delete(child));
  return child;
}

/** Nothing runs in this process meanwhile, as while a disk does not answer. */
export function stall(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Resolves when the loop is ready. `cuts` as in edge-loop-child.ts. */
export async function openEdgeBench(outlets: number, cuts: number): Promise<EdgeBench> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-edges-"));
  const pipes = Array.from({ length: outlets }, (_, i) => join(folder, `line-${i}`));
  execFileSync("mkfifo", pipes);
  const reports = new Waiting<LoopReport>();
  const lines = new Waiting<string>();
  const loop = openLoopProcess({
    entry: fileURLToPath(new URL("edge-loop-child.js", import.meta.url)),
    args: [String(cuts), ...pipes],
    clock: openSystemClock(),
    nodeArgs: LOOP_NODE_ARGS,
    onLine: (line) => lines.push(line),
  });
  loop.onReport((report) => {
    reports.push(report);
    if (report.on !== "lost") return;
    for (const waiting of [reports, lines]) waiting.fail(new Error(report.why));
  });
  let source: ChildProcess | undefined;
  const bench: EdgeBench = {
    loop,
    pulses: async ({ lines: count, perSecond, perLine, pace }) => {
      const entry = fileURLToPath(new URL("pulse-source-child.js", import.meta.url));
      const args = [entry, String(perSecond), String(perLine), pace, ...pipes.slice(0, count)];
      const child = startNode(args);
      source = child;
      const [said] = await Promise.all([
        text(child.stdout as NodeJS.ReadableStream),
        once(child, "close"),
      ]);
      return JSON.parse(said) as PulseTotals;
    },
    report: (isIt) => reports.next(isIt),
    said: () => lines.next(() => true),
    close: async () => {
      source?.kill("SIGKILL");
      await loop.close();
      rmSync(folder, { recursive: true });
    },
  };
  try {
    await bench.report(({ on }) => on === "ready");
  } catch (error) {
    await bench.close();
    throw error;
  }
  return bench;
}

interface Wait<T> {
  isIt: (value: T) => boolean;
  resolve: (value: T) => void;
  reject: (error: Error) => void;
}

/** Who waits for something that is still to come. */
class Waiting<T> {
  #waits: Wait<T>[] = [];

  next(isIt: (value: T) => boolean): Promise<T> {
    return new Promise((resolve, reject) => this.#waits.push({ isIt, resolve, reject }));
  }

  push(value: T): void {
    const waits = this.#waits;
    this.#waits = waits.filter(({ isIt }) => !isIt(value));
    for (const wait of waits) if (wait.isIt(value)) wait.resolve(value);
  }

  fail(error: Error): void {
    for (const { reject } of this.#waits.splice(0)) reject(error);
  }
}
