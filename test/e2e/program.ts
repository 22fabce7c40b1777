// A process of the compiled `sluice` command under test: its JSON lines as they come, signals, its end.

import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { requireBuilt } from "../support/built.ts";

export type Line = Readonly<Record<string, unknown>>;

const ENTRY = "tools/sluice.js";
const UNTIL_MS = 12_000;
const LOOK_MS = 10;

export class Program {
  readonly #child: ChildProcess;
  readonly #lines: Line[] = [];
  readonly #ended: Promise<number | NodeJS.Signals>;
  readonly #name: string;
  #output = "";
  #partial = "";
  #isOver = false;

  /** `within` is put in front: a command that runs it elsewhere, under the same process id. */
  constructor(args: readonly string[], env: NodeJS.ProcessEnv, within: readonly string[] = []) {
    requireBuilt(ENTRY);
    const entry = fileURLToPath(new URL(`../../build/${ENTRY}`, import.meta.url));
    this.#name = `sluice ${args.join(" ")}`;
    const [command = process.execPath, ...rest] = [...within, process.execPath, entry, ...args];
    const child = spawn(command, rest, {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    child.stdout?.on("data", (chunk: Buffer) => this.#hear(String(chunk)));
    child.stderr?.on("data", (chunk: Buffer) => {
      this.#output += String(chunk);
    });
    this.#ended = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        this.#isOver = true;
        resolve(signal ?? code ?? 0);
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What it wrote so far, both streams. */
  get output(): string {
    return this.#output;
  }

  get lines(): readonly Line[] {
    return this.#lines;
  }

  /** Those of one `step` or `type`. */
  of(name: string): readonly Line[] {
    return this.#lines.filter((line) => isCalled(line, name));
  }

  /** The first line of that `step` or `type` that fits; throws when it ended, or the time passed, without. */
  async until(
    name: string,
    fits: (line: Line) => boolean = () => true,
    limitMs = UNTIL_MS,
  ): Promise<Line> {
    const deadlineMs = performance.now() + limitMs;
    for (;;) {
      const isOver = this.#isOver;
      const line = this.#lines.find((one) => isCalled(one, name) && fits(one));
      if (line !== undefined) return line;
      if (isOver || performance.now() > deadlineMs) {
        const how = isOver ? "ended" : `said in ${limitMs} ms`;
        throw new Error(`${this.#name} ${how} without "${name}":\n${this.#output}`);
      }
      await pause(LOOK_MS);
    }
  }

  /** Closes its output, as when the reader of a pipe goes away. */
  deafen(): void {
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Its exit code, or the signal that ended it. */
  async ended(limitMs = UNTIL_MS): Promise<number | NodeJS.Signals> {
    const late = pause(limitMs).then(() => "late" as const);
    const how = await Promise.race([this.#ended, late]);
    if (how !== "late") return how;
    throw new Error(`${this.#name} runs after ${limitMs} ms:\n${this.#output}`);
  }

  /** Ends it and the processes that it started, and waits until they are gone. */
  async kill(): Promise<void> {
    const children = this.#isOver ? [] : childrenOf(this.pid);
    if (!this.#isOver) this.#child.kill("SIGKILL");
    await this.#ended;
    for (const pid of children) await endProcess(pid);
  }

  #hear(text: string): void {
    this.#output += text;
    const parts = `${this.#partial}${text}`.split("\n");
    this.#partial = parts.pop() ?? "";
    for (const part of parts) {
      if (part.startsWith("{")) this.#lines.push(JSON.parse(part) as Line);
    }
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** False for a process that has ended, also when nobody has asked how. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) !== "Z";
  } catch {
    return false;
  }
}

function isCalled(line: Line, name: string): boolean {
  return line["step"] === name || line["type"] === name;
}

function childrenOf(pid: number): number[] {
  try {
    const listed = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").trim();
    return listed === "" ? [] : listed.split(" ").map(Number);
  } catch {
    return [];
  }
}

/** A loop that lost its device ends by itself; one that does not is ended. */
export async function endProcess(pid: number): Promise<void> {
  const deadlineMs = performance.now() + 2_000;
  while (isAlive(pid)) {
    if (performance.now() > deadlineMs) process.kill(pid, "SIGKILL");
    await pause(LOOK_MS);
  }
}
