// What people do at a virtual board: doors, nozzles and emergency stops that are opened and closed, buttons that are
// pressed. All of them are contacts on lines.

import type { Board, ButtonPart, InterlockPart } from "../board.ts";
import type { SimPins } from "./sim-pins.ts";
import type { SimWorld } from "./world.ts";

export interface SimControls {
  /** Raises or clears an interlock that has a line of its own; one by a sensor follows what that shows. */
  setInterlock(outlet: string, interlock: string, raised: boolean): void;
  isRaised(outlet: string, interlock: string): boolean;
  /** Presses a button and lets it go after that long. */
  press(button: string, heldMs?: number): void;
}

/** A person presses a button for about so long. */
const PRESS_MS = 120;

/** All interlocks start clear, but for those that the board's physics say are raised. */
export function simControls(world: SimWorld, board: Board, pins: SimPins): SimControls {
  const lineOf = (outlet: string, interlock: string): string => {
    const part = board.outlets.find(({ id }) => id === outlet);
    const found = part?.interlocks?.find(({ id }) => id === interlock);
    if (found?.kind === "input") return found.line;
    throw new RangeError(
      `board ${board.name}: ${outlet} has no interlock ${interlock} with a line`,
    );
  };
  // Clear while its line is active.
  for (const each of board.outlets.flatMap(({ interlocks = [] }) => interlocks.filter(hasLine))) {
    pins.drive(each.line, true);
  }
  for (const [outlet, interlocks] of Object.entries(board.virtual?.raised ?? {})) {
    for (const interlock of interlocks) pins.drive(lineOf(outlet, interlock), false);
  }
  return {
    setInterlock: (outlet, interlock, raised) => pins.drive(lineOf(outlet, interlock), !raised),
    isRaised: (outlet, interlock) => !pins.level(lineOf(outlet, interlock)),
    press: (button, heldMs = PRESS_MS) => {
      const { line } = buttonOf(board, button);
      pins.drive(line, true);
      world.after(heldMs, () => pins.drive(line, false));
    },
  };
}

function hasLine(part: InterlockPart): part is InterlockPart & { kind: "input" } {
  return part.kind === "input";
}

function buttonOf(board: Board, id: string): ButtonPart {
  const part = board.buttons?.find((each) => each.id === id);
  if (part === undefined) throw new RangeError(`board ${board.name} has no button ${id}`);
  return part;
}
