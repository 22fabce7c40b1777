// Every board by name. A new board is one file here and one line below; `make docs` then writes it into docs/.

import type { Board } from "../hal/board.ts";
import { genericPump } from "./generic-pump.ts";
import { piCharger } from "./pi-charger.ts";
import { piPump } from "./pi-pump.ts";
import { virtualCharger } from "./virtual-charger.ts";
import { virtualCrowd } from "./virtual-crowd.ts";
import { virtualInstant } from "./virtual-instant.ts";
import { virtualPiCharger } from "./virtual-pi-charger.ts";
import { virtualPiPump } from "./virtual-pi-pump.ts";
import { virtualPump } from "./virtual-pump.ts";
import { virtualWasher } from "./virtual-washer.ts";

export const BOARDS: readonly Board[] = [
  genericPump,
  piCharger,
  piPump,
  virtualPiCharger,
  virtualPiPump,
  virtualCharger,
  virtualPump,
  virtualWasher,
  virtualInstant,
  virtualCrowd,
];
