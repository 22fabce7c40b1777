// Pin ports: logical levels only; active-low wiring is undone below this line.
// Synchronous, because the metering loop uses them and never waits. All throw HalError.

export interface OutputPin {
  /** Drives the line. The wire may still differ from what was asked, for example when it is shorted. */
  set(active: boolean): void;
  /** Drives the line inactive and gives it up, also where it throws because it could not be driven. Idempotent. */
  close(): void;
}

export interface InputPin {
  read(): boolean;
  /** Idempotent. */
  close(): void;
}

export interface EdgeCount {
  /** Rising edges since the line was opened: an integer, cumulative, never falling. */
  count: number;
  /** Monotonic time of the last edge counted, or of opening when there was none. */
  atMs: number;
}

export interface EdgeInput {
  /**
   * What the line has counted, including edges that nobody was woken for. May be the same object each time, which
   * holds until the next call.
   */
  edges(): EdgeCount;
  /** Asks to be woken soon after an edge; several edges may share one wake-up. One listener; the last one set counts. */
  onEdge(wake: () => void): void;
  /** Idempotent. No wake-up comes after it. */
  close(): void;
}

/** The lines of one board, opened by the names that its board file uses. */
export interface Lines {
  /** Opened inactive. Throws HalError `refused` when the line is not there or somebody holds it. */
  output(line: string): OutputPin;
  input(line: string): InputPin;
  edges(line: string): EdgeInput;
}
