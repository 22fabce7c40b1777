// Where a serial port of a board is found: as it is wired, or, on a board that does not exist, at the pseudo-terminal
// that stands in for it.

import type { Board } from "./board.ts";

/** Folder of a virtual board's pseudo-terminals, in the data folder. */
export const BENCH_FOLDER = "bench";

/** Undefined for a port that the board has not. */
export function serialPath(
  board: Pick<Board, "serial" | "virtual">,
  name: string,
  data: string,
): string | undefined {
  const part = board.serial?.[name];
  if (part === undefined) return undefined;
  return board.virtual === undefined ? part.path : `${data}/${BENCH_FOLDER}/${name}`;
}

/** The board as its loop finds it: where it does not exist, ports and sensor files are in the bench's folder. */
export function standIn(board: Board, data: string): Board {
  if (board.virtual === undefined) return board;
  const { serial, sensors } = board;
  const ports = Object.entries(serial ?? {}).map(
    ([name, part]) =>
      [name, { ...part, path: serialPath(board, name, data) ?? part.path }] as const,
  );
  return {
    ...board,
    ...(serial !== undefined && { serial: Object.fromEntries(ports) }),
    ...(sensors !== undefined && {
      sensors: sensors.map((part) =>
        part.kind === "file" ? { ...part, path: `${data}/${BENCH_FOLDER}/${part.id}` } : part,
      ),
    }),
  };
}
