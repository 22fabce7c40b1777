// What the kernel knows of a running process: memory, and bytes it caused to be written to the disk.
// Relies on /proc of Linux.

import { readFileSync } from "node:fs";

function field(file: string, name: string): number {
  const line = readFileSync(file, "utf8")
    .split("\n")
    .find((one) => one.startsWith(`${name}:`));
  const value = Number(/\d+/.exec(line?.slice(name.length) ?? "")?.[0]);
  if (!Number.isFinite(value)) throw new Error(`${file} says nothing of ${name}`);
  return value;
}

export function residentMiB(pid: number): number {
  return field(`/proc/${pid}/status`, "VmRSS") / 1024;
}

/** Like resident memory, but what several processes share is counted for each in proportion. */
export function proportionalMiB(pid: number): number {
  return field(`/proc/${pid}/smaps_rollup`, "Pss") / 1024;
}

/** Bytes of pages that the process, all threads of it, has made dirty for the disk since it started. */
export function diskBytesWritten(pid: number): number {
  return field(`/proc/${pid}/io`, "write_bytes");
}
