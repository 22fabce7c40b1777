// Starts, kills and watches programs that hold outputs under a guard (guarded-loop.mjs).

import { type ChildProcess, fork } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { genericLinux } from "../../boards/computers/generic-linux.ts";
import type { Board, LineWiring } from "../../hal/board.ts";
import { requireBuilt } from "./built.ts";

const ENTRY = "test/support/guarded-loop.mjs";

/** Lines go by the names of a generic computer. */
export function forkLoop(silentMsMax: number, board?: Board): ChildProcess {
  requireBuilt("hal/linux/gpio-guard.js");
  return fork(ENTRY, [JSON.stringify({ board, computer: genericLinux, silentMsMax })]);
}

/** Resolves when its guard is armed and its outputs are open. */
export async function startLoop(silentMsMax: number, board?: Board): Promise<ChildProcess> {
  const child = forkLoop(silentMsMax, board);
  await new Promise((resolve, reject) => {
    child.once("message", resolve);
    child.once("exit", (code) => reject(new Error(`exit ${code}`)));
  });
  return child;
}

/** Resolves when it was done. */
export function order(child: ChildProcess, what: "close" | "end"): Promise<unknown> {
  child.send(what);
  return new Promise((resolve) => child.once(what === "end" ? "exit" : "message", resolve));
}

export function ended(child: ChildProcess): Promise<NodeJS.Signals | number | null> {
  return new Promise((resolve) => child.once("exit", (code, signal) => resolve(signal ?? code)));
}

/** Process ids of the guards that these programs started. */
export function guardsOf(...children: readonly { pid?: number | undefined }[]): number[] {
  const found: number[] = [];
  for (const name of readdirSync("/proc")) {
    const file = `/proc/${name}/cmdline`;
    if (!/^\d+$/.test(name) || !existsSync(file)) continue;
    try {
      const [program = "", loop = ""] = readFileSync(file, "utf8").split("\0");
      const ours = children.some(({ pid }) => pid === Number(loop));
      if (program.endsWith("/guard") && ours) found.push(Number(name));
    } catch {
      // It ended meanwhile.
    }
  }
  return found;
}

/** An outlet with a pulse meter for each entry: lines `NAME` and `NAME-flow`. */
export function boardOf(lines: Readonly<Record<string, LineWiring>>): Board {
  const outlets = Object.keys(lines).filter((line) => !line.endsWith("-flow"));
  return {
    name: "bench",
    title: "Bench",
    lines,
    outlets: outlets.map((line) => ({
      id: line,
      switch: { kind: "contactor", line, operateMsMax: 100 },
      meters: [
        {
          kind: "pulse",
          id: "flow",
          line: `${line}-flow`,
          unit: "L",
          pulsesPerUnit: { numerator: 1, denominator: 1 },
          pulsesPerSecondMax: 1_000,
          stuckAfterMs: 5_000,
          retains: false,
        },
      ],
      settleMs: 0,
    })),
  };
}
