// Every computer by name. A new one is one file in boards/computers/ and one line below.

import type { Computer } from "../hal/computer.ts";
import { beagleboneBlack } from "./computers/beaglebone-black.ts";
import { genericLinux } from "./computers/generic-linux.ts";
import { raspberryPi3BPlus } from "./computers/raspberry-pi-3b-plus.ts";
import { raspberryPi4B } from "./computers/raspberry-pi-4b.ts";
import { raspberryPi5 } from "./computers/raspberry-pi-5.ts";
import { raspberryPiZero2W } from "./computers/raspberry-pi-zero-2-w.ts";

export const COMPUTERS: readonly Computer[] = [
  raspberryPiZero2W,
  raspberryPi3BPlus,
  raspberryPi4B,
  raspberryPi5,
  beagleboneBlack,
  genericLinux,
];
