// A contactor or a valve with an auxiliary contact: one line drives the coil, another reads the contact.
// A contact that does not follow the coil in time is welded, or did not close.

import type { ContactorPart } from "../board.ts";
import type { Clock } from "../clock.ts";
import type { InputPin, OutputPin } from "../pin.ts";
import type { Switch, SwitchState } from "../switch.ts";

/**
 * Takes both lines over and starts open. The fault stands while the contact disagrees with the coil and has
 * done so for longer than the part may take, as seen by state(): the owner asks often enough.
 */
export function openContactor(
  coil: OutputPin,
  contact: InputPin,
  clock: Clock,
  part: ContactorPart,
): Switch {
  let commanded = false;
  let disagreesSinceMs: number | undefined = clock.monotonicMs();
  let given = false;
  coil.set(false);

  return {
    set: (closed) => {
      if (given) return;
      if (closed !== commanded) {
        commanded = closed;
        disagreesSinceMs = clock.monotonicMs();
      }
      coil.set(closed);
    },
    state: (): SwitchState => {
      if (given) return { closed: false, contact: "unknown" };
      const isClosed = contact.read();
      const shown = isClosed ? "closed" : "open";
      if (isClosed === commanded) {
        disagreesSinceMs = undefined;
        return { closed: commanded, contact: shown };
      }
      const nowMs = clock.monotonicMs();
      disagreesSinceMs ??= nowMs;
      if (nowMs - disagreesSinceMs <= part.operateMsMax) {
        return { closed: commanded, contact: "unknown" };
      }
      return { closed: commanded, contact: shown, fault: commanded ? "not-closed" : "weld" };
    },
    close: () => {
      if (given) return;
      given = true;
      commanded = false;
      coil.close();
      contact.close();
    },
  };
}
