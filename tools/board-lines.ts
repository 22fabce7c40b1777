// What `sluice board check` finds of a board's lines: which pin, chip and driver each has, who holds it, and whether an
// output rests open before any program runs.

import type { Board } from "../hal/board.ts";
import type { Computer } from "../hal/computer.ts";
import { HalError } from "../hal/hal-error.ts";
import type { LineReport } from "../hal/linux/gpio-lines.ts";
import { lineUses } from "../hal/linux/gpio-wiring.ts";
import type { Finding, Tell } from "./board-finding.ts";
import { restOf } from "./board-wiring.ts";

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
    for (const report of readLines(board, computer)) {
      const finding = lineFinding(report);
      const rest = finding.state === "good" ? unsafeRest(board, computer, report) : undefined;
      if (rest === undefined) tell(finding);
      else tell({ ...finding, state: "warning", message: `${finding.message}; ${rest}` });
    }
  } catch (error) {
    if (!(error instanceof HalError)) throw error;
    tell({ about: "line", name: "all", state: "missing", message: error.message });
  }
}

/** Of an output that does not rest open, in words; a device file may have moved it to such a pin. */
function unsafeRest(
  board: Board,
  computer: Computer,
  { line, use }: LineReport,
): string | undefined {
  const { pull, opens } = restOf(board, computer, line, use);
  if (use !== "output" || opens === true) return undefined;
  return opens === undefined
    ? "what its pin does before any program runs is not known: it needs a resistor (`resistor` in its wiring)"
    : `CLOSED before any program runs, by a pull-${pull}: take another pin, or a resistor (\`resistor\` in its wiring)`;
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
