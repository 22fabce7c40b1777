// What the metering loop receives: the opened ports of one board, by outlet. Whoever opened a board (on the
// bench or on the metal) hands over this record; nothing above knows which it was.

import type { ButtonPart, InterlockPart, OutletPart, SensorPart } from "./board.ts";
import type { Clock } from "./clock.ts";
import type { Meter } from "./meter.ts";
import type { InputPin } from "./pin.ts";
import type { Sensor } from "./sensor.ts";
import type { Switch } from "./switch.ts";

export interface OutletDevices {
  part: OutletPart;
  switch: Switch;
  /** By meter id. */
  meters: ReadonlyMap<string, Meter>;
  interlocks: readonly InterlockDevice[];
}

/** An interlock with a line of its own, or one that goes by a sensor of the board. */
export type InterlockDevice =
  | { part: InterlockPart & { kind: "input" }; input: InputPin }
  | { part: InterlockPart & { kind: "sensor" }; sensor: Sensor; sensorPart: SensorPart };

export interface ButtonDevice {
  part: ButtonPart;
  input: InputPin;
}

export interface SensorDevice {
  part: SensorPart;
  sensor: Sensor;
}

export interface LoopDevices {
  clock: Clock;
  outlets: readonly OutletDevices[];
  sensors: readonly SensorDevice[];
  buttons: readonly ButtonDevice[];
  /** Opens every switch and gives all lines up. Idempotent. */
  close(): void;
}
