// `sluice` commands as child processes whose lines are read as they come.

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const SLUICE = fileURLToPath(new URL("./sluice.js", import.meta.url));
const ERROR_CHARACTERS_MAX = 4096;

export type Fact = Readonly<Record<string, unknown>>;

export interface Child {
  process: ChildProcess;
  /** Exit code, or 1 for a process that a signal ended; what it wrote to standard error. */
  ended: Promise<{ code: number; error: string }>;
}

/** Starts `sluice ARGS --json` with nothing of this user's own state in its environment. */
export function startSluice(
  args: readonly string[],
  runtimeFolder: string,
  onFact: (fact: Fact) => void,
): Child {
  const { SLUICE_BROKER: _, ...environment } = process.env;
  const child = spawn(process.execPath, [SLUICE, ...args, "--json"], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...environment, XDG_RUNTIME_DIR: runtimeFolder, XDG_STATE_HOME: runtimeFolder },
  });
  let error = "";
  child.stderr.on("data", (chunk: Buffer) => {
    error = `${error}${chunk.toString()}`.slice(-ERROR_CHARACTERS_MAX);
  });
  createInterface({ input: child.stdout }).on("line", (line) => {
    try {
      onFact(JSON.parse(line) as Fact);
    } catch {
      error += `${line}\n`;
    }
  });
  const ended = new Promise<{ code: number; error: string }>((resolve) => {
    child.on("error", (trouble) => resolve({ code: 1, error: trouble.message }));
    child.on("close", (code) => resolve({ code: code ?? 1, error: error.trim() }));
  });
  return { process: child, ended };
}
