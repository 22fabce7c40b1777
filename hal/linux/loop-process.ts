// Loop host port over a process of its own, so that nothing which blocks this process can hold up a
// cut-off. The two are joined by one socket (see loop-channel.ts); closing it is the order to stop, and
// also what the kernel does when this process dies. A loop that died or fell silent is started again.

import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import { after, type Clock, type Timer } from "../clock.ts";
import type { LoopHost, LoopReport } from "../loop-host.ts";
import { parseLoopReport } from "../loop-message.ts";
import { splitLines } from "./line-split.ts";
import { LOOP_CHANNEL_FD, LOOP_LINE_CHARACTERS_MAX } from "./loop-channel.ts";

export interface LoopProcessOptions {
  /** JavaScript file of the child; it opens its end with `openLoopChannel`. */
  entry: string;
  args: readonly string[];
  clock: Clock;
  /** Options of Node itself for the child, such as those that save memory. */
  nodeArgs?: readonly string[];
  /** A loop that reports nothing for this long is killed and started again; ten times as long until its first report. */
  silentMsMax?: number;
  /** Lines that the child wrote for people; standard error of this process unless stated. */
  onLine?: (line: string) => void;
}

export interface LoopProcess extends LoopHost {
  /** Of the running child. */
  pid(): number | undefined;
  /** Lines from the child that were no reports. */
  refused(): number;
}

const SILENT_MS_MAX = 5_000;
/** A cold disk may take long to hand the program over, and until then no output is driven. */
const START_TIMES = 10;
const RESTART_MS_MIN = 100;
const RESTART_MS_MAX = 5_000;
/** A loop that lived this long has started well: the next restart is quick again. */
const SETTLED_MS = 10_000;
const CLOSE_MS_MAX = 2_000;
const OUTPUT_CHARACTERS_MAX = 4_096;

/** Starts the child at once; the first report is `ready`, or `lost` when it cannot run. */
export function openLoopProcess(options: LoopProcessOptions): LoopProcess {
  return new RespawningLoop(options);
}

class RespawningLoop implements LoopProcess {
  readonly #options: LoopProcessOptions;
  readonly #clock: Clock;
  #child: ChildProcess | undefined;
  #channel: Socket | undefined;
  #onReport: (report: LoopReport) => void = () => {};
  #startedAtMs = 0;
  #heardAtMs = 0;
  #heard = false;
  #failures = 0;
  #refused = 0;
  #tooLong: () => number = () => 0;
  #restart: Timer | undefined;
  #silence: Timer | undefined;
  #closing: Promise<void> | undefined;
  #gone: () => void = () => {};

  constructor(options: LoopProcessOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#start();
  }

  send(command: Parameters<LoopHost["send"]>[0]): void {
    if (this.#channel?.writable === true && this.#closing === undefined) {
      this.#channel.write(`${JSON.stringify(command)}\n`);
    }
  }

  onReport(listener: (report: LoopReport) => void): void {
    this.#onReport = listener;
  }

  pid(): number | undefined {
    return this.#child?.pid;
  }

  refused(): number {
    return this.#refused + this.#tooLong();
  }

  close(): Promise<void> {
    this.#closing ??= this.#stop();
    return this.#closing;
  }

  async #stop(): Promise<void> {
    this.#restart?.cancel();
    this.#silence?.cancel();
    const child = this.#child;
    if (child === undefined) return;
    await new Promise<void>((resolve) => {
      const limit = after(this.#clock, CLOSE_MS_MAX, () => child.kill("SIGKILL"));
      this.#gone = () => {
        limit.cancel();
        resolve();
      };
      this.#channel?.end();
    });
  }

  #start(): void {
    const { entry, args, nodeArgs = [] } = this.#options;
    // A session of its own: Ctrl-C in the terminal reaches this process only, which then stops the loop in order.
    const child = spawn(process.execPath, [...nodeArgs, entry, ...args], {
      stdio: ["ignore", "pipe", "pipe", "pipe"],
      detached: true,
    });
    const channel = child.stdio[LOOP_CHANNEL_FD] as Socket;
    this.#child = child;
    this.#channel = channel;
    this.#startedAtMs = this.#clock.monotonicMs();
    this.#heardAtMs = this.#startedAtMs;
    this.#heard = false;
    const lines = splitLines(LOOP_LINE_CHARACTERS_MAX, (line) => this.#hear(line));
    this.#tooLong = () => lines.refused();
    channel.on("data", (chunk) => lines.push(chunk));
    channel.on("error", () => {});
    this.#pass(child.stdout);
    this.#pass(child.stderr);
    let failure: Error | undefined;
    child.on("error", (error) => {
      failure = error;
      if (child.pid === undefined) this.#lost(child, error.message);
    });
    // `close` comes after everything that the child wrote has been read.
    child.on("close", (code, signal) => {
      this.#lost(child, failure?.message ?? (signal === null ? `exit code ${code}` : signal));
    });
    this.#watch(child);
  }

  #hear(line: string): void {
    this.#heardAtMs = this.#clock.monotonicMs();
    if (!this.#heard && this.#child !== undefined) {
      this.#heard = true;
      this.#silence?.cancel();
      this.#watch(this.#child);
    }
    let report: LoopReport;
    try {
      report = parseLoopReport(JSON.parse(line));
    } catch {
      this.#refused++;
      return;
    }
    // Only this side can say that the loop is lost.
    if (report.on === "lost") this.#refused++;
    else this.#onReport(report);
  }

  #watch(child: ChildProcess): void {
    const silentMs = this.#options.silentMsMax ?? SILENT_MS_MAX;
    const limitMs = this.#heard ? silentMs : silentMs * START_TIMES;
    this.#silence = this.#clock.at(this.#heardAtMs + limitMs, () => {
      const heardAtMs = this.#heardAtMs;
      if (this.#clock.monotonicMs() - heardAtMs < limitMs) {
        this.#watch(child);
        return;
      }
      // It may be this process that was held up, and reports wait unread: first let them in.
      this.#silence = after(this.#clock, limitMs / 10, () => {
        if (this.#heardAtMs === heardAtMs) child.kill("SIGKILL");
        else this.#watch(child);
      });
    });
  }

  #lost(child: ChildProcess, why: string): void {
    if (child !== this.#child) return;
    this.#child = undefined;
    this.#channel?.destroy();
    this.#channel = undefined;
    this.#refused += this.#tooLong();
    this.#tooLong = () => 0;
    this.#silence?.cancel();
    if (this.#closing !== undefined) {
      this.#gone();
      return;
    }
    const livedMs = this.#clock.monotonicMs() - this.#startedAtMs;
    if (livedMs >= SETTLED_MS) this.#failures = 0;
    const delayMs = Math.min(RESTART_MS_MAX, RESTART_MS_MIN * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 16);
    this.#restart = after(this.#clock, delayMs, () => this.#start());
    this.#onReport({ on: "lost", why: `the metering loop ended: ${why}` });
  }

  #pass(output: Readable | null): void {
    const onLine = this.#options.onLine ?? ((line) => process.stderr.write(`loop: ${line}\n`));
    const lines = splitLines(OUTPUT_CHARACTERS_MAX, onLine);
    output?.on("data", (chunk: Buffer) => lines.push(chunk));
  }
}
