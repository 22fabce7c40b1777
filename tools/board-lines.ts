// What `sluice board check` finds of a board's lines: which pin, chip and driver each has, and who holds it.

import type { Board } from "../hal/board.ts";
import type { Computer } from "../hal/computer.ts";
import { HalError } from "../hal/hal-error.ts";
import type { LineReport } from "../hal/linux/gpio-lines.ts";
import { lineUses } from "../hal/linux/gpio-wiring.ts";
import type { Finding, Tell } from "./board-finding.ts";

export type ReadLines = (board: Board, computer: Computer) => readonly LineReport[];

/** `computer` is undefined where this machine is none that the board fits on, and none is known that it does. */
export function checkLines(
  board: Board,
  computer: Computer | undefined,
  readLines: ReadLines,
  tell: Tell,
): void {
  const uses = lineUses(board);
  if (board.virtual !== undefined || computer === undefined) {
    const message = board.virtual === undefined ? "no computer to look for it on" : "virtual";
    const state = board.virtual === undefined ? "missing" : "good";
    for (const [name, use] of uses) {
      tell({ about: "line", name, state, message: `${use}, ${message}`, details: { use } });
    }
    return;
  }
  if (uses.size === 0) return;
  try {
    for (const report of readLines(board, computer)) tell(lineFinding(report));
  } catch (error) {
    if (!(error instanceof HalError)) throw error;
    tell({ about: "line", name: "all", state: "missing", message: error.message });
  }
}

function lineFinding(report: LineReport): Finding {
  const { line: name, use, pin, chip, offset, driver, consumer, direction, problem } = report;
  const details = {
    use,
    pin,
    ...(chip !== undefined && { chip }),
    ...(offset !== undefined && { offset }),
    ...(driver !== undefined && { driver }),
    ...(consumer !== undefined && { consumer }),
    ...(direction !== undefined && { direction }),
  };
  const where = chip === undefined ? [use] : [use, `pin ${pin}`, `${chip}/${offset}`, driver];
  const holder = consumer === undefined || consumer === "" ? "free" : `held by ${consumer}`;
  // A line that was not found says in its problem which pin that is.
  const words = problem?.replace(`line ${name}, `, "") ?? holder;
  const message = [...where, words].join(", ");
  return {
    about: "line",
    name,
    state: problem === undefined ? "good" : "missing",
    message,
    details,
  };
}
