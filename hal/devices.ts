// What the metering loop receives: the opened ports of one board, by outlet. Whoever opened a board (on the
// bench or on the metal) hands over this record; nothing above knows which it was.

import type { OutletPart, SensorPart } from "./board.ts";
import type { Clock } from "./clock.ts";
import type { Meter } from "./meter.ts";
import type { Sensor } from "./sensor.ts";
import type { Switch } from "./switch.ts";

export interface OutletDevices {
  part: OutletPart;
  switch: Switch;
  /** By meter id. */
  meters: ReadonlyMap<string, Meter>;
}

export interface SensorDevice {
  part: SensorPart;
  sensor: Sensor;
}

export interface LoopDevices {
  clock: Clock;
  outlets: readonly OutletDevices[];
  sensors: readonly SensorDevice[];
  /** Opens every switch and gives all lines up. Idempotent. */
  close(): void;
}
