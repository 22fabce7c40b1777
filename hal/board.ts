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

/** Counts items that a machine says are done; each was begun by a start signal of its own. */
export interface ItemMeterPart {
  kind: "item";
  id: string;
  /** Name of the line that carries the done signals: one for each item. */
  line: string;
  unit: string;
  pulsesPerUnit: Ratio;
  /** An item that is not done this long after its start is not delivered. */
  timeoutMs: number;
  /** From one item done to the next start signal. */
  pauseMs: number;
  /** The register goes on after a power cut. */
  retains: boolean;
}

export type MeterPart = PulseMeterPart | TimeMeterPart | ItemMeterPart;

export interface ContactorPart {
  kind: "contactor";
  /** Lines that drive the coil and read the auxiliary contact. */
  line: string;
  feedbackLine: string;
  /** The contact has this long to follow the coil, either way. */
  operateMsMax: number;
}

/** A machine that does one item at each signal and cannot be interrupted: a washer, a vending slot. */
export interface StartSignalPart {
  kind: "start-signal";
  line: string;
  /** The line is active this long, and never longer. */
  pulseMs: number;
}

export type SwitchPart = ContactorPart | StartSignalPart;

/** An outlet with a start signal has item meters only, and the other way round. */
export interface OutletPart {
  id: string;
  switch: SwitchPart;
  meters: readonly MeterPart[];
  /** After the switch is told to open, the closing reading is taken when the meter has been still this long. */
  settleMs: number;
}

/** A number in a small text file, as the kernel shows voltages, temperatures and counts. */
export interface FileSensorPart {
  kind: "file";
  id: string;
  unit: string;
  path: string;
  pollMs: number;
  /** An older reading is stale: nothing is sold on it. */
  staleAfterMs: number;
}

/** A sensor of the bench: a tank that empties as a meter turns (VirtualPhysics). */
export interface VirtualSensorPart {
  kind: "virtual";
  id: string;
  unit: string;
  staleAfterMs: number;
}

export type SensorPart = FileSensorPart | VirtualSensorPart;

/** What a tank of the bench holds, and what a pulse of a meter takes from it. */
export interface VirtualTank {
  /** The virtual sensor that shows it. */
  sensor: string;
  outlet: string;
  meter: string;
  /** In the sensor's unit, when the meter's register is at 0. */
  full: number;
  /** Pulses that lower the reading by one. */
  pulsesPerReading: Ratio;
}

/** How a bench behaves in place of the metal. Only for boards that do not exist. */
export interface VirtualPhysics {
  /** Pulses per second at each pulse meter while its contact is closed. */
  pulsesPerSecond: number;
  /** Contact movement after the coil, drawn anew each time between the two. */
  operateMs: readonly [number, number];
  /** How long a machine with a start signal takes for an item, by outlet, drawn anew each time. */
  cycleMs?: Readonly<Record<string, readonly [number, number]>>;
  tanks?: readonly VirtualTank[];
}

export interface Board {
  name: string;
  title: string;
  outlets: readonly OutletPart[];
  sensors?: readonly SensorPart[];
  /** Present on a virtual board only. */
  virtual?: VirtualPhysics;
}
