// A board made of numbers in memory, with a clock that is moved by hand: nothing of it is garbage, so that what is
// collected while the metering loop runs on it is the loop's.

import type { Board, OutletPart } from "../../hal/board.ts";
import type { Alarm, Clock, Timer } from "../../hal/clock.ts";
import type { EdgeCount, EdgeInput, InputPin, Lines, OutputPin } from "../../hal/pin.ts";

/** With a contact that is read back, a door that must be shut, and the time beside the pulses. */
function quietOutlet(id: string, pulsesPerSecondMax: number): OutletPart {
  return {
    id,
    switch: { kind: "contactor", line: "coil", feedbackLine: "contact", operateMsMax: 50 },
    meters: [
      {
        ...({ kind: "pulse", id: "flow", line: "pulses", unit: "L", retains: false } as const),
        pulsesPerUnit: { numerator: 1_000, denominator: 1 },
        ...{ pulsesPerSecondMax, stuckAfterMs: 5_000 },
      },
      {
        ...({ kind: "time", id: "time", unit: "min", pulseMs: 60_000 } as const),
        pulsesPerUnit: { numerator: 1, denominator: 1 },
      },
    ],
    interlocks: [{ kind: "input", id: "door", sort: "door", line: "door-shut" }],
    settleMs: 10,
  };
}

export function quietBoard(pulsesPerSecondMax: number): Board {
  const outlets = [quietOutlet("nozzle", pulsesPerSecondMax)];
  return { name: "quiet", title: "Numbers in memory", outlets };
}

/** Lines of one such outlet: the contact follows at once, the door is shut. */
export class QuietLines implements Lines {
  readonly #count: EdgeCount = { count: 0, atMs: 0.5 };
  #wake: () => void = () => {};
  #coil = false;

  pulse(atMs: { ms: number }): void {
    this.#count.count++;
    this.#count.atMs = atMs.ms;
    this.#wake();
  }

  output(): OutputPin {
    return {
      set: (active) => {
        this.#coil = active;
      },
      close: () => {
        this.#coil = false;
      },
    };
  }

  input(line: string): InputPin {
    const read = line === "contact" ? () => this.#coil : () => true;
    return { read, close: () => {} };
  }

  edges(): EdgeInput {
    return {
      edges: () => this.#count,
      onEdge: (wake) => {
        this.#wake = wake;
      },
      close: () => {
        this.#wake = () => {};
      },
    };
  }
}

interface Due {
  atMs: number;
  wake: () => void;
}

/** Time goes on by `advance` alone; few timers, looked through one by one. */
export class QuietClock implements Clock {
  readonly now = { ms: 0.5 };
  #due: Due[] = [];
  readonly #alarms: { atMs: number; wake: () => void }[] = [];

  monotonicMs(): number {
    return this.now.ms;
  }

  wallMs(): number {
    return 0;
  }

  wallQuality(): "unset" {
    return "unset";
  }

  at(atMs: number, wake: () => void): Timer {
    const due = { atMs, wake };
    this.#due.push(due);
    return {
      cancel: () => {
        this.#due = this.#due.filter((one) => one !== due);
      },
    };
  }

  alarm(wake: () => void): Alarm {
    const alarm = { atMs: 1e300, wake };
    this.#alarms.push(alarm);
    return {
      set: (deadlineMs) => {
        alarm.atMs = deadlineMs;
      },
      clear: () => {
        alarm.atMs = 1e300;
      },
    };
  }

  /** Wakes whoever is due by then. */
  advance(ms: number): void {
    this.now.ms += ms;
    for (let i = 0; i < this.#alarms.length; i++) {
      const alarm = this.#alarms[i];
      if (alarm === undefined || alarm.atMs > this.now.ms) continue;
      alarm.atMs = 1e300;
      alarm.wake();
    }
    for (let i = 0; i < this.#due.length; i++) {
      const due = this.#due[i];
      if (due === undefined || due.atMs > this.now.ms) continue;
      this.#due.splice(i, 1);
      due.wake();
      return;
    }
  }
}
