// Which driver reads which of the sensors that the kernel shows as files.

import type { KernelSensorPart } from "../board.ts";
import type { Clock } from "../clock.ts";
import type { Sensor } from "../sensor.ts";
import { openHwmonSensor, openIioSensor } from "./chip-sensor.ts";
import { openFileSensor } from "./file-sensor.ts";
import { openW1Sensor } from "./w1-sensor.ts";

export function openKernelSensor(part: KernelSensorPart, clock: Clock): Sensor {
  switch (part.kind) {
    case "file":
      return openFileSensor(part, clock);
    case "w1":
      return openW1Sensor(part, clock);
    case "hwmon":
      return openHwmonSensor(part, clock);
    case "iio":
      return openIioSensor(part, clock);
  }
}
