// Starts and feeds the guard program (native/guard.c), which opens the outputs when this process dies or stalls.

import { type ChildProcess, spawn } from "node:child_process";
import { HalError } from "../hal-error.ts";
import { nativePath } from "./native.ts";

export interface GuardOptions {
  /** Of `guardedOutputs`. */
  outputs: readonly string[];
  /** Without a beat for this long this process is killed and its outputs are opened. */
  silentMsMax: number;
  /** The guard itself died: nobody would open the outputs any more. */
  onLost: () => void;
}

export interface Guard {
  /** Says that the loop is alive; to be said by what proves it, not by a bare timer. */
  beat(): void;
  /** Lets the guard go: call it when every output was closed. Idempotent. */
  close(): void;
  /** Where that could not be done: has it drive every output safe, and hold them for the next loop. Idempotent. */
  abandon(): void;
}

const START_MS_MAX = 5_000;

/**
 * Resolves when the guard is armed: only then may an output be driven. Rejects with HalError `refused` when it cannot
 * be started, with the reason that it gave.
 */
export function startGuard(options: GuardOptions): Promise<Guard> {
  const { outputs, silentMsMax } = options;
  // A group of its own: a signal to ours must leave it alive. Nothing of ours is held open by it.
  const args = [String(process.pid), String(silentMsMax), ...outputs];
  const child = spawn(nativePath("guard"), args, {
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  return new Promise((resolve, reject) => {
    let said = "";
    let guard: RunningGuard | undefined;
    const fail = (why: string): void => {
      clearTimeout(limit);
      if (guard === undefined) {
        reject(
          new HalError("refused", `the guard of the outputs did not start: ${said.trim() || why}`),
        );
      } else guard.lost();
    };
    const limit = setTimeout(() => {
      fail("no answer");
      child.kill("SIGKILL");
    }, START_MS_MAX);
    child.on("error", (error) => fail(error.message));
    child.on("exit", (code, signal) => setImmediate(fail, `exit ${signal ?? code}`));
    child.stdin.on("error", () => {});
    child.stderr.on("data", (chunk: Buffer) => {
      said = (said + chunk.toString("utf8")).slice(0, 1_000);
    });
    child.stdout.once("data", () => {
      clearTimeout(limit);
      guard = new RunningGuard(child, options.onLost);
      resolve(guard);
    });
  });
}

class RunningGuard implements Guard {
  readonly #child: ChildProcess;
  readonly #onLost: () => void;
  #closed = false;

  constructor(child: ChildProcess, onLost: () => void) {
    this.#child = child;
    this.#onLost = onLost;
  }

  beat(): void {
    // A guard that does not read has beats enough.
    const input = this.#child.stdin;
    if (!this.#closed && input !== null && input.writableLength === 0) input.write(".");
  }

  close(): void {
    this.#end("q");
  }

  abandon(): void {
    // As if this process had died.
    this.#end("");
  }

  #end(last: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#child.stdin?.end(last);
    // It must not keep this process from ending.
    this.#child.unref();
  }

  lost(): void {
    if (!this.#closed) this.#onLost();
  }
}
