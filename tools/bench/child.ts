// Processes that a bench starts. Each says on a line of JSON when it is ready, and none outlives the bench:
// they are ended one by one, by the id they were started with, also when the bench fails.

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

const READY_MS_MAX = 20_000;
const STOP_MS_MAX = 10_000;

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => process.exit(1));
}

export interface Child {
  pid: number;
  /** The line that said so. */
  ready: Readonly<Record<string, unknown>>;
  /** From just before it was spawned until that line was here. */
  readyMs: number;
  /** Asks it to end, and waits; kills it when it does not. */
  stop(): Promise<void>;
}

/** Runs an executable of ours as it is shipped, with the flags of its first line. Rejects with what it said, when it ends or takes too long before it is ready. */
export async function startChild(
  file: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Child> {
  const startMs = performance.now();
  const child = spawn(file, args, {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...environment },
  });
  running.add(child);
  const ended = new Promise<void>((resolve) => {
    child.once("close", () => {
      running.delete(child);
      resolve();
    });
  });
  const said: string[] = [];
  const ready = await new Promise<Record<string, unknown>>((resolve, reject) => {
    const fail = (why: string): void =>
      reject(new Error(`${args.join(" ")} ${why}:\n${said.join("\n")}`));
    const limit = setTimeout(() => fail("was not ready in time"), READY_MS_MAX);
    child.once("error", (error) => fail(error.message));
    void ended.then(() => {
      clearTimeout(limit);
      fail("ended");
    });
    createInterface({ input: child.stdout }).on("line", (line) => {
      const fact = parse(line);
      if (fact?.["type"] !== "ready") {
        if (said.length < 50) said.push(line);
        return;
      }
      clearTimeout(limit);
      resolve(fact);
    });
  });
  const readyMs = performance.now() - startMs;
  return {
    pid: child.pid ?? 0,
    ready,
    readyMs,
    stop: async () => {
      child.kill("SIGTERM");
      const limit = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
      await ended;
      clearTimeout(limit);
    },
  };
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
