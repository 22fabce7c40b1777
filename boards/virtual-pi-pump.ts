// The pump on a Raspberry Pi without the Raspberry Pi: the very same parts, with virtual metal and simulated
// peripherals behind them.

import type { Board } from "../hal/board.ts";
import { piPump } from "./pi-pump.ts";

export const virtualPiPump: Board = {
  ...piPump,
  name: "virtual-pi-pump",
  title: "Virtual pump like that on a Raspberry Pi",
  virtual: {
    // 40 L/min is 0.67 L a second: 300 pulses.
    pulsesPerSecond: 300,
    operateMs: [20, 60],
    // 2,000 litres, falling by 0.1 L with every 45 pulses of the flow sensor.
    tanks: [
      {
        sensor: "tank",
        outlet: "nozzle",
        meter: "flow",
        full: 20_000,
        pulsesPerReading: { numerator: 45, denominator: 1 },
      },
    ],
    raised: { nozzle: ["nozzle"] },
  },
};
