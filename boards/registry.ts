// Every board by name. A new board is one file here and one line below.

import type { Board } from "../hal/board.ts";
import { virtualCharger } from "./virtual-charger.ts";
import { virtualCrowd } from "./virtual-crowd.ts";
import { virtualInstant } from "./virtual-instant.ts";
import { virtualPump } from "./virtual-pump.ts";
import { virtualWasher } from "./virtual-washer.ts";

export const BOARDS: readonly Board[] = [
  virtualCharger,
  virtualPump,
  virtualWasher,
  virtualInstant,
  virtualCrowd,
];
