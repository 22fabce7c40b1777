// Which programs of this machine have a board's ports: metering loops that run, and who has a device file open.

import { readdirSync, readFileSync, readlinkSync, realpathSync } from "node:fs";

export interface Holder {
  pid: number;
  /** As it was called, cut to a line's length. */
  command: string;
  /** It is a process of a running device. */
  ours: boolean;
}

const COMMAND_MAX = 60;
const OURS = /sluice|loop-main\.[jt]s/;

/** Loops that run the metal of a board; those of virtual boards hold none. By process id. */
export function runningLoops(isReal: (board: string) => boolean): readonly number[] {
  return pids().filter((pid) => {
    const words = wordsOf(pid);
    const at = words.findIndex((word) => /(^|\/)loop-main\.[jt]s$/.test(word));
    return at >= 0 && isReal(words[at + 1] ?? "");
  });
}

/** Processes that have the file open, as far as we may see; our own is none of them. */
export function holdersOf(path: string): readonly Holder[] {
  let real: string;
  try {
    real = realpathSync(path);
  } catch {
    return [];
  }
  return pids().flatMap((pid) => {
    if (pid === process.pid || !hasOpen(pid, real)) return [];
    const command = wordsOf(pid).join(" ");
    return [{ pid, command: command.slice(0, COMMAND_MAX), ours: OURS.test(command) }];
  });
}

function pids(): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function wordsOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    // It has ended meanwhile.
    return [];
  }
}

function hasOpen(pid: number, real: string): boolean {
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).some((fd) => linkOf(`${folder}/${fd}`) === real);
  } catch {
    // It has ended, or is somebody else's.
    return false;
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
