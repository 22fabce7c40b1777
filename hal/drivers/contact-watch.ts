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
      if (given || feedback === undefined) return { closed: commanded, contact: "unknown" };
      const isClosed = feedback.read();
      const shown = isClosed ? "closed" : "open";
      if (isClosed === commanded) {
        disagreesSinceMs = undefined;
        return { closed: commanded, contact: shown };
      }
      const nowMs = clock.monotonicMs();
      disagreesSinceMs ??= nowMs;
      if (nowMs - disagreesSinceMs <= operateMsMax) {
        return { closed: commanded, contact: "unknown" };
      }
      return { closed: commanded, contact: shown, fault: commanded ? "not-closed" : "weld" };
    },
    close: () => {
      given = true;
      commanded = false;
      feedback?.close();
    },
  };
}
