// The lines of a board on the computer that it is plugged on, each by the driver that serves it best: pulses are
// counted by the character device; relays, buttons and interlocks go over onoff where there is sysfs, and over the
// character device where there is none or the line wants what sysfs has not: a pull, debouncing.

import { existsSync, readFileSync } from "node:fs";
import type { Board } from "../board.ts";
import type { Computer } from "../computer.ts";
import { HalError } from "../hal-error.ts";
import type { Lines } from "../pin.ts";
import { type GpioChips, lineInfo, listChips } from "./gpio-chip.ts";
import { openChipLines } from "./gpio-chip-lines.ts";
import { sysfsNumber } from "./gpio-sysfs.ts";
import { type LineUse, lineUses, locateLine, type WiredLine } from "./gpio-wiring.ts";
import { openOnoffLines } from "./onoff-lines.ts";

export type LineDriver = "onoff" | "gpiochip";

/**
 * Main thread only. The lines themselves throw HalError `refused` with words that say what to do. Throws it where the
 * native part was not built.
 */
export function openLinuxLines(board: Board, computer: Computer): Lines {
  const chips = listChips();
  const locate = (name: string): WiredLine => locateLine(board, computer, chips, name);
  const overChip = openChipLines(locate);
  // Not loaded before a line needs it.
  let overSysfs: Lines | undefined;
  const linesFor = (name: string, use: LineUse): Lines => {
    if (driverOf(locate(name), use) === "gpiochip") return overChip;
    overSysfs ??= openOnoffLines(locate);
    return overSysfs;
  };
  return {
    output: (name) => linesFor(name, "output").output(name),
    input: (name) => linesFor(name, "input").input(name),
    edges: (name) => overChip.edges(name),
  };
}

function driverOf(line: WiredLine, use: LineUse): LineDriver {
  const { bias, debounceMs } = line.wiring;
  if (use === "edges" || bias !== undefined || debounceMs !== undefined) return "gpiochip";
  return sysfsNumber(line.chip, line.offset) === undefined ? "gpiochip" : "onoff";
}

/** Every output of the board in the words of native/guard.c. Throws HalError as the lines do. */
export function guardedOutputs(board: Board, computer: Computer): readonly string[] {
  const chips = listChips();
  const outputs = [...lineUses(board)].filter(([, use]) => use === "output");
  return outputs.map(([name]) => {
    const line = locateLine(board, computer, chips, name);
    const safe = line.wiring.activeLow === true ? 1 : 0;
    return driverOf(line, "output") === "onoff"
      ? `sysfs:${sysfsNumber(line.chip, line.offset)}:${safe}`
      : `${line.chip.path}:${line.offset}:${safe}`;
  });
}

/** What `sluice board check` says of a line. */
export interface LineReport {
  line: string;
  use: LineUse;
  /** Pin of the header; "" where the board has none for it. */
  pin: string;
  /** Why it cannot be opened; absent where it can, or is held by us. */
  problem?: string;
  chip?: string;
  offset?: number;
  driver?: LineDriver;
  /** Who holds it now, as it called itself; "" when nobody does. */
  consumer?: string;
  direction?: "in" | "out";
}

/** Opens and changes nothing. Throws HalError `refused` where the native part was not built. */
export function reportLines(board: Board, computer: Computer): readonly LineReport[] {
  const chips = listChips();
  return [...lineUses(board)].map(([line, use]) => reportLine(board, computer, chips, line, use));
}

function reportLine(
  board: Board,
  computer: Computer,
  chips: GpioChips,
  line: string,
  use: LineUse,
): LineReport {
  const report: LineReport = { line, use, pin: board.lines?.[line]?.pin ?? "" };
  try {
    const wired = locateLine(board, computer, chips, line);
    const { path, label } = wired.chip;
    const { consumer, used, output } = lineInfo(path, wired.offset);
    report.chip = label;
    report.offset = wired.offset;
    report.driver = driverOf(wired, use);
    report.consumer = consumer;
    report.direction = output ? "out" : "in";
    if (used && !/^(sluice|sluice-guard) \d+$|^sysfs$/.test(consumer)) {
      report.problem = `held by ${consumer || "somebody unknown"}`;
    }
  } catch (error) {
    if (!(error instanceof HalError)) throw error;
    report.problem = error.message;
  }
  return report;
}

/**
 * The computer that this program runs on, by what the device tree says it is compatible with; the generic one when
 * none of them fits.
 */
export function detectComputer(
  computers: readonly Computer[],
  deviceTree = "/proc/device-tree",
): Computer | undefined {
  const file = `${deviceTree}/compatible`;
  const compatible = existsSync(file) ? readFileSync(file, "utf8").split("\0") : [];
  // The tree names the exact board first.
  for (const name of compatible) {
    const found = computers.find((one) => one.compatible.includes(name));
    if (found !== undefined) return found;
  }
  return computers.find((one) => one.generic === true);
}
