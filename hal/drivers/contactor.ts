// A contactor or a valve with one way: one line drives the coil, another reads the auxiliary contact where one is
// fitted. A contact that does not follow the coil in time is welded, or did not close; without an auxiliary
// contact nothing is known of it, and a weld shows only as a leak.

import type { ContactorPart } from "../board.ts";
import type { Clock } from "../clock.ts";
import type { InputPin, OutputPin } from "../pin.ts";
import type { Switch } from "../switch.ts";
import { watchContact } from "./contact-watch.ts";

/**
 * Takes both lines over and starts open. The fault stands while the contact disagrees with the coil and has
 * done so for longer than the part may take, as seen by state(): the owner asks often enough.
 */
export function openContactor(
  coil: OutputPin,
  contact: InputPin | undefined,
  clock: Clock,
  part: Pick<ContactorPart, "operateMsMax">,
): Switch {
  const watch = watchContact(contact, clock, part.operateMsMax);
  let given = false;
  coil.set(false);

  return {
    set: (closed) => {
      if (given) return;
      // Its time begins when it has been told: a process may be held up in between.
      try {
        coil.set(closed);
      } finally {
        watch.command(closed);
      }
    },
    state: watch.state,
    close: () => {
      if (given) return;
      given = true;
      coil.close();
      watch.close();
    },
  };
}
