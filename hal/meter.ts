// Meter port: a cumulative integer count of pulses and the time of the reading. It is never credit and
// never money. Synchronous: a slow meter is polled by its driver, which answers with its last reading.

export interface MeterReading {
  /** Pulses, an integer >= 0, cumulative. It falls only when the meter itself was reset or replaced. */
  count: number;
  /** Monotonic time at which the count was true. A reader judges by it whether the meter is alive. */
  atMs: number;
}

/** How well a meter answers, for people and for `sluice outlet`. */
export interface MeterHealth {
  /** "waiting": its first answer is still to come, and may still come in time. */
  state: "good" | "waiting" | "late" | "silent" | "wrong";
  /** In a sentence; empty while it is good. */
  message: string;
  /** Since it was opened. */
  answers: number;
  failures: number;
}

export interface Meter {
  /** Whether the count goes on from where it was after a power cut: a register of its own, not our counting. */
  readonly retains: boolean;
  /** May be the same object each time, which holds until the next call: whoever keeps a reading copies its numbers. */
  read(): MeterReading;
  /** Asks to be woken soon after the count rises. One listener; the last one set counts. */
  onChange(wake: () => void): void;
  /** Tells the meter whether its switch is closed; a meter that measures on its own ignores it. */
  follow(closed: boolean): void;
  /** Of a meter that has more to say than its count. */
  health?(): MeterHealth;
  /** Idempotent. */
  close(): void;
}
