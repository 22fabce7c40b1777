// A valve with two ways, as in a fuel dispenser: both are open for full flow, the narrow one alone for the last of a
// delivery, so that little runs on. One feedback line, where fitted, is active while any water can flow.

import type { TwoStageValvePart } from "../board.ts";
import type { Clock } from "../clock.ts";
import type { InputPin, OutputPin } from "../pin.ts";
import type { Switch } from "../switch.ts";
import { watchContact } from "./contact-watch.ts";

export interface ValveWays {
  fast: OutputPin;
  slow: OutputPin;
}

/**
 * Takes all lines over and starts shut. As a switch it is open while both ways are shut. A way that cannot be
 * driven throws its HalError after the other one was told.
 */
export function openTwoStageValve(
  ways: ValveWays,
  flows: InputPin | undefined,
  clock: Clock,
  part: Pick<TwoStageValvePart, "operateMsMax">,
): Switch {
  const watch = watchContact(flows, clock, part.operateMsMax);
  let closed = false;
  let slow = false;
  let given = false;
  const drive = (): void => {
    try {
      ways.fast.set(closed && !slow);
    } finally {
      ways.slow.set(closed);
    }
  };
  drive();

  return {
    set: (nextClosed) => {
      if (given) return;
      closed = nextClosed;
      if (!closed) slow = false;
      // Its time begins when it has been told: a process may be held up in between.
      try {
        drive();
      } finally {
        watch.command(closed);
      }
    },
    slow: (nextSlow) => {
      if (given) return;
      slow = nextSlow;
      drive();
    },
    state: watch.state,
    close: () => {
      if (given) return;
      given = true;
      try {
        ways.fast.close();
      } finally {
        ways.slow.close();
        watch.close();
      }
    },
  };
}
