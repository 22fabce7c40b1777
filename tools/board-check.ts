// `sluice board check`: all that a board is made of, one after the other, and whether it is there.

import type { Board } from "../hal/board.ts";
import type { Clock } from "../hal/clock.ts";
import { lineUses } from "../hal/linux/gpio-wiring.ts";
import type { ChosenBoard } from "./board-choice.ts";
import type { Finding, Tell } from "./board-finding.ts";
import { checkLines, type ReadLines } from "./board-lines.ts";
import { checkMachine } from "./board-machine.ts";
import { checkMeters } from "./board-meters.ts";
import { checkPorts } from "./board-ports.ts";

export interface CheckPorts {
  clock: Clock;
  readLines: ReadLines;
  /** Put before paths of the kernel: "" but in tests. */
  root: string;
}

/** Why a reader of cards is not all that a seller needs: said wherever one is fitted. */
export const NOT_CERTIFIED =
  "The readers of this board are driven by software that is not a certified payment kernel. It is for test cards, tags " +
  "and members' cards; cards of the public want a certified terminal, which authorises by itself (docs/terminal.md).";

/** Changes nothing: no output is driven, no watchdog started, no card read. */
export async function checkBoard(
  { board, terminal }: ChosenBoard,
  { clock, readLines, root }: CheckPorts,
  tell: Tell,
): Promise<void> {
  if (board.virtual !== undefined) {
    checkVirtual(board, tell);
    return;
  }
  const computer = checkMachine(board, root, tell);
  checkLines(board, computer, readLines, tell);
  const ports = {
    board,
    clock,
    ...(computer !== undefined && { computer }),
    ...(terminal !== undefined && { terminal }),
  };
  const stateOf = await checkPorts(ports, tell);
  await checkMeters(board, clock, stateOf, tell);
}

/** What stands in for the metal is there whenever the device runs. */
function checkVirtual(board: Board, tell: Tell): void {
  const say = (about: Finding["about"], name: string, what: string): void => {
    tell({ about, name, state: "good", message: `virtual: ${what}` });
  };
  say("computer", board.name, "any; nothing of this board is metal");
  for (const [name, use] of lineUses(board)) say("line", name, use);
  for (const name of Object.keys(board.serial ?? {})) {
    say("serial", name, `bench/${name} in the data folder, while the device runs`);
  }
  for (const { id, kind } of board.readers ?? [])
    say("reader", id, `${kind}, simulated on its line`);
  for (const { id, kind } of board.outlets.flatMap(({ meters }) => meters)) say("meter", id, kind);
  for (const { id, kind } of board.sensors ?? []) say("sensor", id, kind);
  for (const about of ["display", "printer"] as const) {
    const part = board[about];
    if (part !== undefined) say(about, part.kind, "simulated on its line");
  }
}
