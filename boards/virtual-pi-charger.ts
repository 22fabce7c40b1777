// The charger on a Raspberry Pi without the Raspberry Pi: the very same parts, with virtual metal and simulated
// peripherals behind them.

import type { Board } from "../hal/board.ts";
import { piCharger } from "./pi-charger.ts";

export const virtualPiCharger: Board = {
  ...piCharger,
  name: "virtual-pi-charger",
  title: "Virtual charger like that on a Raspberry Pi",
  virtual: {
    // 7.2 kW, one phase at 32 A, is 2 Wh a second.
    pulsesPerSecond: 2,
    operateMs: [10, 30],
    shows: { temperature: 41_000 },
    raised: { socket: ["vehicle"] },
  },
};
