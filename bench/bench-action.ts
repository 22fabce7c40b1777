// What may be done to a bench from outside: by hand to a board, to its power, network and clock, and the frames of a buyer who is
// not part of the world. All of it is data, stamped with the world's time, so that it can be recorded and done again.

/** Words as `sluice bench` has them (hal/sim/bench-commands.ts): tap, insert, remove, press, raise, clear, break, mend, unplug, plug, sensor. */
export interface HandAction {
  do: string;
  [word: string]: unknown;
}

export type BenchAction = { board: string } & (
  | HandAction
  /** The power goes, and comes back when told; with `forMs` by itself. */
  | { do: "power-off"; forMs?: number }
  | { do: "power-on" }
  | { do: "kill-loop" }
  /** The device's network goes and comes back. */
  | { do: "network-off" }
  | { do: "network-on" }
  /** The wall clock jumps by so much, forward or back; monotonic time does not. */
  | { do: "clock-jump"; byMs: number }
  /** A message of somebody outside the world, as it came over a broker: payload in hexadecimal digits. */
  | { do: "frame"; from: string; topic: string; payload: string }
  /** The broker dies for everybody, and is back after so long, having kept nothing. */
  | { do: "broker-dies"; forMs: number }
);

/** An action and when it was done. */
export interface DoneAction {
  atMs: number;
  action: BenchAction;
}
