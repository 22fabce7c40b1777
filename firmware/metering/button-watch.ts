// A button as the loop sees it: one press for each time that it goes down and stays down long enough to be meant.

import type { ButtonPart } from "../../hal/board.ts";
import type { ButtonDevice } from "../../hal/devices.ts";
import { unlessLost } from "./lost.ts";

export interface ButtonWatch {
  readonly part: ButtonPart;
  /** True once for each press. The owner looks often enough: a press lasts a tenth of a second. */
  look(nowMs: number): boolean;
}

/** A change counts when it has lasted so long: contacts bounce for a few milliseconds. */
const STEADY_MS = 20;

/** One that is held down from the start on, or comes back held down after its line was lost, counts when it is pressed again. */
export function watchButton({ part, input }: ButtonDevice): ButtonWatch {
  let isDown = true;
  let changedAtMs: number | undefined;
  return {
    part,
    look: (nowMs) => {
      const reads = unlessLost(() => input.read());
      if (reads === "lost") isDown = true;
      if (reads === "lost" || reads === isDown) {
        changedAtMs = undefined;
        return false;
      }
      changedAtMs ??= nowMs;
      if (nowMs - changedAtMs < STEADY_MS) return false;
      changedAtMs = undefined;
      isDown = reads;
      return isDown;
    },
  };
}
