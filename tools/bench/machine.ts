// What the figures were measured on. Without it none of them means anything.

import { arch, cpus, loadavg, release, totalmem, type } from "node:os";

export interface Machine {
  cpu: string;
  cores: number;
  memoryMiB: number;
  node: string;
  os: string;
  /** Processes that wanted to run, over the last 1 and 5 minutes: at the start, and at the end. */
  loadAtStart: readonly number[];
  loadAtEnd: readonly number[];
}

export type MachineAtStart = Omit<Machine, "loadAtEnd">;

export function machineAtStart(): MachineAtStart {
  const [first] = cpus();
  return {
    cpu: first?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    node: process.version,
    os: `${type()} ${release()} ${arch()}`,
    loadAtStart: load(),
  };
}

export function machineAtEnd(start: MachineAtStart): Machine {
  return { ...start, loadAtEnd: load() };
}

function load(): readonly number[] {
  return loadavg()
    .slice(0, 2)
    .map((one) => Math.round(one * 100) / 100);
}
