// Every board by name. A new board is one file here and one line below.

import type { Board } from "../hal/board.ts";
import { virtualCharger } from "./virtual-charger.ts";
import { virtualInstant } from "./virtual-instant.ts";
import { virtualPump } from "./virtual-pump.ts";

export const BOARDS: readonly Board[] = [virtualCharger, virtualPump, virtualInstant];
