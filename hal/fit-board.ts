// A board as it is fitted in one place: what the device file says of its wiring in place of the board's own.

import type { Board, LineWiring } from "./board.ts";

export interface Fitting {
  /** Paths of serial ports, by their names. */
  serial: Readonly<Record<string, string>>;
  /** Where lines are wired to, by their names. */
  lines: Readonly<Record<string, LineWiring>>;
}

/** A name that the board has not is left out: whoever read the device file has refused it. */
export function fitBoard(board: Board, { serial, lines }: Fitting): Board {
  const ports = Object.entries(board.serial ?? {}).map(
    ([name, part]) => [name, { ...part, path: serial[name] ?? part.path }] as const,
  );
  return {
    ...board,
    ...(ports.length > 0 && { serial: Object.fromEntries(ports) }),
    ...(Object.keys(lines).length > 0 && { lines: { ...board.lines, ...lines } }),
  };
}
