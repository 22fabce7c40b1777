// The vocabulary of a board file: what is fitted where. A board is data; nothing here opens anything.

/** Pulses per unit as an exact fraction, for meters whose constant is no integer. */
export interface Ratio {
  numerator: number;
  denominator: number;
}

export interface PulseMeterPart {
  kind: "pulse";
  id: string;
  /** Name of the line that carries the pulses. */
  line: string;
  unit: string;
  pulsesPerUnit: Ratio;
  /** Faster than this cannot be true: more pulses a second is `meter-implausible`. */
  pulsesPerSecondMax: number;
  /** No pulse for this long with the switch closed is `meter-stuck`. */
  stuckAfterMs: number;
  /** The register goes on after a power cut. */
  retains: boolean;
}

export interface TimeMeterPart {
  kind: "time";
  id: string;
  unit: string;
  pulsesPerUnit: Ratio;
  /** One pulse is this long with the switch closed. */
  pulseMs: number;
}

export type MeterPart = PulseMeterPart | TimeMeterPart;

export interface ContactorPart {
  kind: "contactor";
  /** Lines that drive the coil and read the auxiliary contact. */
  line: string;
  feedbackLine: string;
  /** The contact has this long to follow the coil, either way. */
  operateMsMax: number;
}

export interface OutletPart {
  id: string;
  switch: ContactorPart;
  meters: readonly MeterPart[];
  /** After the switch is told to open, the closing reading is taken when the meter has been still this long. */
  settleMs: number;
}

/** How a bench behaves in place of the metal. Only for boards that do not exist. */
export interface VirtualPhysics {
  /** Pulses per second at each pulse meter while its contact is closed. */
  pulsesPerSecond: number;
  /** Contact movement after the coil, drawn anew each time between the two. */
  operateMs: readonly [number, number];
}

export interface Board {
  name: string;
  title: string;
  outlets: readonly OutletPart[];
  /** Present on a virtual board only. */
  virtual?: VirtualPhysics;
}
