// Switch port: the path of the power or the water. Every failure of it means open: open circuit, shut valve.
// Synchronous; `set` only commands, `state` says what is known of the contact itself.

export type SwitchFault =
  | "weld" // told to open, and the contact stayed closed
  | "not-closed"; // told to close, and the contact stayed open

export interface SwitchState {
  /** What was last commanded. */
  closed: boolean;
  /** What the feedback says of the contact; `unknown` where no feedback is fitted or it moves just now. */
  contact: "open" | "closed" | "unknown";
  /** Set once the contact has disagreed with the command for longer than the actuator may take. */
  fault?: SwitchFault;
}

export interface Switch {
  set(closed: boolean): void;
  /** Of a switch with two stages: from now on, while it is closed, little flows; or all again. Opening it ends that. */
  slow?(slow: boolean): void;
  /** May be the same object each time, which holds until the next call. */
  state(): SwitchState;
  /** Opens the switch and gives its lines up. Idempotent. */
  close(): void;
}
