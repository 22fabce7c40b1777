// What a feedback line says of a contact that follows a command: that it stands as told, that it moves, or that it
// has not followed in the time that it may take. Shared by the switches that have such a line, or have none.

import type { Clock } from "../clock.ts";
import type { InputPin } from "../pin.ts";
import type { SwitchState } from "../switch.ts";

export interface ContactWatch {
  /** The switch was told so; told the same again, the contact gets no more time. */
  command(closed: boolean): void;
  state(): SwitchState;
  /** Gives the line up; from then on the switch is told open and nothing is known. Idempotent. */
  close(): void;
}

const BLIND_OPEN: SwitchState = { closed: false, contact: "unknown" };
const BLIND_CLOSED: SwitchState = { closed: true, contact: "unknown" };
const OPEN: SwitchState = { closed: false, contact: "open" };
const CLOSED: SwitchState = { closed: true, contact: "closed" };
const WELDED: SwitchState = { closed: false, contact: "closed", fault: "weld" };
const NOT_CLOSED: SwitchState = { closed: true, contact: "open", fault: "not-closed" };

/** Takes the line over, where there is one. Starts as told to open. Reading throws the HalError of the line. */
export function watchContact(
  feedback: InputPin | undefined,
  clock: Clock,
  operateMsMax: number,
): ContactWatch {
  let commanded = false;
  let disagreesSinceMs: number | undefined = clock.monotonicMs();
  let given = false;
  return {
    command: (closed) => {
      if (closed === commanded) return;
      commanded = closed;
      disagreesSinceMs = clock.monotonicMs();
    },
    state: () => {
      const unknown = commanded ? BLIND_CLOSED : BLIND_OPEN;
      if (given || feedback === undefined) return unknown;
      // Before it is read: a process that is held up in between would take what it read for newer than it is.
      const nowMs = clock.monotonicMs();
      const isClosed = feedback.read();
      if (isClosed === commanded) {
        disagreesSinceMs = undefined;
        return commanded ? CLOSED : OPEN;
      }
      disagreesSinceMs ??= nowMs;
      if (nowMs - disagreesSinceMs <= operateMsMax) return unknown;
      return commanded ? NOT_CLOSED : WELDED;
    },
    close: () => {
      given = true;
      commanded = false;
      feedback?.close();
    },
  };
}
