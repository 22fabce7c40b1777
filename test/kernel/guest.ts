// What the tests of the real kernel share in its guest: pulses of a simulated meter, the metering loop as a process of
// its own on simulated lines, and figures for the table that is printed at the end.

import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { LineWiring } from "../../hal/board.ts";
import type { LoopCommand, LoopReport } from "../../hal/loop-host.ts";
import { requireBuilt } from "../support/built.ts";
import { type GpioSim, gpioSimMissing } from "./gpio-sim-bench.ts";

const GUEST = "/run/sluice-kernel";
const LOOP = "firmware/loop-main.js";
/** An emulated machine may be fifty times slower than this one. */
const UNTIL_MS = 40_000;

/** Why there is no such guest here; undefined in it. */
export function guestMissing(): string | undefined {
  const missing = gpioSimMissing();
  if (missing !== undefined) return missing;
  return existsSync(GUEST) ? undefined : "not in the guest of `make test-kernel`";
}

/** A row of the table at the end. */
export function figure(row: Readonly<Record<string, string | number>>): void {
  appendFileSync(join(GUEST, "figures"), `${JSON.stringify(row)}\n`);
}

export interface Pulses {
  /** As many as there are at the end, which is when N of them were asked for. */
  ended: Promise<number>;
  generated(): number;
  stop(): Promise<void>;
}

export interface PulseOptions {
  rate: number;
  /** Lines that get the same pulses. */
  lines: readonly number[];
  /** Only while this line is high. */
  whileHigh?: number;
  pulses?: number;
}

let generators = 0;

/** Starts the meter (test/kernel/pulse-generator.c). */
export function startPulses(sim: GpioSim, options: PulseOptions): Pulses {
  const { rate, lines, whileHigh, pulses } = options;
  const tally = join(GUEST, `pulses-${process.pid}-${generators++}`);
  const child = spawn(
    join(GUEST, "pulse-generator"),
    [
      tally,
      String(rate),
      ...(whileHigh === undefined
        ? []
        : ["--while", `${sim.path}/sim_gpio${whileHigh}/value`, "1"]),
      ...(pulses === undefined ? [] : ["--pulses", String(pulses)]),
      ...lines.map((line) => `${sim.path}/sim_gpio${line}/pull`),
    ],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  const generated = (): number =>
    existsSync(tally) ? Number(readFileSync(tally).readBigUInt64LE(0)) : 0;
  const gone = new Promise<void>((resolve) => child.once("close", () => resolve()));
  return {
    ended: gone.then(generated),
    generated,
    stop: async () => {
      child.kill("SIGKILL");
      await gone;
      rmSync(tally, { force: true });
    },
  };
}

/** The metering loop of the compiled program; this process is its device. */
export class LoopUnderTest {
  readonly #child: ChildProcess;
  readonly #channel: Socket;
  readonly #reports: LoopReport[] = [];
  readonly #ended: Promise<string>;
  #said = "";
  #unread = "";
  #isOver = false;

  constructor(lines: Readonly<Record<string, LineWiring>>) {
    requireBuilt(LOOP);
    const entry = fileURLToPath(new URL(`../../build/${LOOP}`, import.meta.url));
    const fitting = JSON.stringify({ serial: {}, lines });
    const child = spawn(process.execPath, [entry, "generic-pump", "1", "/dev/null", fitting], {
      stdio: ["ignore", "pipe", "pipe", "pipe"],
    });
    this.#child = child;
    this.#channel = child.stdio[3] as Socket;
    this.#channel.on("data", (chunk: Buffer) => this.#hear(String(chunk)));
    this.#channel.on("error", () => {});
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        this.#said += String(chunk);
      });
    }
    this.#ended = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        this.#isOver = true;
        resolve(signal ?? `exit ${code}`);
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What it wrote for people. */
  get said(): string {
    return this.#said;
  }

  send(command: LoopCommand): void {
    this.#channel.write(`${JSON.stringify(command)}\n`);
  }

  async until(on: LoopReport["on"]): Promise<LoopReport> {
    return this.#await(on, (report) => report.on === on);
  }

  /** Its outlet can be granted: the contact had the time that its part may take to fall open. */
  async untilHealthy(): Promise<void> {
    await this.#await(
      "healthy",
      (report) => "outlets" in report && report.outlets[0]?.healthy === true,
    );
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** As the kernel does when the device process dies. */
  abandon(): void {
    this.#channel.destroy();
  }

  /** "exit CODE" or the signal. */
  ended(): Promise<string> {
    return this.#ended;
  }

  async kill(): Promise<void> {
    if (!this.#isOver) this.#child.kill("SIGKILL");
    this.#channel.destroy();
    await this.#ended;
  }

  async #await(what: string, fits: (report: LoopReport) => boolean): Promise<LoopReport> {
    const endMs = performance.now() + UNTIL_MS;
    for (;;) {
      const report = this.#reports.find(fits);
      if (report !== undefined) return report;
      if (this.#isOver || performance.now() > endMs) {
        throw new Error(`the loop is never ${what}: ${this.#said}`);
      }
      await pause(5);
    }
  }

  #hear(text: string): void {
    const parts = (this.#unread + text).split("\n");
    this.#unread = parts.pop() ?? "";
    for (const part of parts) this.#reports.push(JSON.parse(part) as LoopReport);
  }
}

/** The guards that run now. */
export function guards(): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && commOf(name) === "sluice-guard")
    .map(Number);
}

export async function endGuards(): Promise<void> {
  for (let left = guards(); left.length > 0; left = guards()) {
    for (const pid of left) signalIfThere(pid, "SIGKILL");
    await pause(5);
  }
}

function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has gone by itself.
  }
}

function commOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return "";
  }
}

/** Milliseconds until the line is low. Holds this thread, so as to see it at once. */
export function msUntilLow(sim: GpioSim, offset: number, limitMs = 10_000): number {
  const startMs = performance.now();
  while (sim.level(offset)) {
    if (performance.now() - startMs > limitMs) throw new Error(`line ${offset} stays high`);
  }
  return performance.now() - startMs;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
