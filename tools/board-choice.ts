// Which board a command is about: one by its name, or that of a device file, wired as the file says.

import { BOARDS } from "../boards/registry.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import type { Board } from "../hal/board.ts";
import { fitBoard } from "../hal/fit-board.ts";
import { readDeviceFile } from "./device-file.ts";
import { didYouMean } from "./did-you-mean.ts";
import { type OptionValues, textOption } from "./option-value.ts";

export interface ChosenBoard {
  board: Board;
  /** Serial port of a payment terminal, which only a device file knows of. */
  terminal?: string;
}

/** Errors: `usage`, `not-found` for a name, and those of the device file. */
export function chooseBoard(values: OptionValues): Result<ChosenBoard> {
  const name = textOption(values, "board");
  const file = textOption(values, "device");
  if ((name === undefined) === (file === undefined)) {
    return fail(
      "usage",
      "say which board: --board NAME or --device FILE; `sluice board list` names them",
    );
  }
  if (file === undefined) return named(name ?? "");
  const read = readDeviceFile(file);
  if (!read.ok) return read;
  const { board: boardName, payment, serial, lines } = read.value;
  const known = named(boardName);
  if (!known.ok) return known;
  const { host } = payment;
  return ok({
    board: fitBoard(known.value.board, { serial, lines }),
    ...(host.kind === "terminal" && { terminal: host.serial }),
  });
}

function named(name: string): Result<ChosenBoard> {
  const board = BOARDS.find((one) => one.name === name);
  if (board !== undefined) return ok({ board });
  const names = BOARDS.map((one) => one.name);
  const message = `there is no board ${JSON.stringify(name)}${didYouMean(name, names)}; \`sluice board list\` names them`;
  return fail("not-found", message, "--board");
}
