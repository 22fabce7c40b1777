// The start input of a machine: one pulse on a line begins one item, and nothing that we do ends it. As a switch
// it is "closed" from the start on; the line itself is active for the length of the pulse and never longer.

import type { StartSignalPart } from "../board.ts";
import { after, type Clock, type Timer } from "../clock.ts";
import { HalError } from "../hal-error.ts";
import type { OutputPin } from "../pin.ts";
import type { Switch, SwitchState } from "../switch.ts";

/**
 * Takes the line over and drives it inactive. A line that could not be driven is tried again by state(), which
 * throws HalError until it can be: what cannot be told to fall must not look well.
 */
export function openStartSignal(line: OutputPin, clock: Clock, part: StartSignalPart): Switch {
  let commanded = false;
  let broken = false;
  let given = false;
  let ending: Timer | undefined;
  const drive = (active: boolean): void => {
    broken = true;
    line.set(active);
    broken = false;
  };
  const fall = (): void => {
    ending?.cancel();
    ending = undefined;
    drive(false);
  };
  const start = (): void => {
    ending = after(clock, part.pulseMs, () => {
      try {
        fall();
      } catch (error) {
        // Seen by state(); in a timer there is nobody to throw to.
        if (!(error instanceof HalError)) throw error;
      }
    });
    drive(true);
  };
  drive(false);

  return {
    set: (closed) => {
      if (given || (closed && commanded)) return;
      commanded = closed;
      if (closed) start();
      else fall();
    },
    state: (): SwitchState => {
      if (given) return { closed: false, contact: "unknown" };
      if (broken) fall();
      return { closed: commanded, contact: "unknown" };
    },
    close: () => {
      if (given) return;
      given = true;
      commanded = false;
      ending?.cancel();
      line.close();
    },
  };
}
