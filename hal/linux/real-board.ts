// Opens a board on the metal: the computer that it is plugged on, the guard of its outputs before any of them is driven,
// its lines, sensors and buses, and on them the same drivers as on a bench.

import type { Board } from "../board.ts";
import type { Clock } from "../clock.ts";
import type { Computer } from "../computer.ts";
import type { LoopDevices } from "../devices.ts";
import { openOutlets } from "../drivers/open-outlets.ts";
import { HalError } from "../hal-error.ts";
import { openBoardReach } from "./board-reach.ts";
import { startGuard } from "./gpio-guard.ts";
import { detectComputer, guardedOutputs, openLinuxLines } from "./gpio-lines.ts";

export interface RealBoard {
  devices: LoopDevices;
  /** Tells the guard that the outlets were looked at. */
  beat(): void;
  /** After the devices were closed: lets the guard go, and the buses. Idempotent. */
  close(): void;
}

/**
 * The guard takes a loop that has not looked at its outlets for this long for stalled, ends it and opens the outputs.
 * A loop with nothing to do looks ten times as often.
 */
const SILENT_MS_MAX = 2_000;

/**
 * Resolves with every output open. Rejects with HalError `refused` or `disconnected`, nothing left open, in words that
 * say what to do. `onGuardLost`: nobody would open the outputs any more if this process died.
 */
export async function openRealBoard(
  board: Board,
  computers: readonly Computer[],
  clock: Clock,
  onGuardLost: () => void,
): Promise<RealBoard> {
  const computer = computerFor(board, computers);
  const lines = openLinuxLines(board, computer);
  const reach = openBoardReach(board, clock);
  const guard = await startGuard({
    outputs: guardedOutputs(board, computer),
    silentMsMax: SILENT_MS_MAX,
    onLost: onGuardLost,
  });
  try {
    const devices = openOutlets(board, clock, lines, reach);
    const close = (): void => {
      guard.close();
      reach.close();
    };
    return { devices, beat: () => guard.beat(), close };
  } catch (error) {
    // An output that was not reached may be as a dead program left it.
    guard.abandon();
    reach.close();
    throw error;
  }
}

/** Throws HalError `refused` where the board does not fit on this computer. */
export function computerFor(
  board: Board,
  computers: readonly Computer[],
  here = detectComputer(computers),
): Computer {
  const fits = (computer: Computer): boolean => board.computers?.includes(computer.name) ?? true;
  if (here !== undefined && fits(here)) return here;
  // On every computer a line can be named without its header.
  const generic = computers.find((one) => one.generic === true && fits(one));
  if (generic !== undefined) return generic;
  const wanted = board.computers?.join(", ") ?? "none";
  throw new HalError(
    "refused",
    `board ${board.name} fits on ${wanted}; this is a ${here?.title ?? "computer unknown here"}`,
  );
}
