// BeagleBone Black. Its chips have no labels that hold from one kernel to the next, so that lines go by their names.

import type { Computer, PinPart } from "../../hal/computer.ts";

/** Free lines of the headers, with their number on the processor: bank of 32 lines and bit. */
const FREE: Readonly<Record<string, number>> = {
  P9_12: 60,
  P9_15: 48,
  P9_23: 49,
  P9_27: 115,
  P9_30: 112,
  P9_41: 20,
  P8_07: 66,
  P8_08: 67,
  P8_09: 69,
  P8_10: 68,
  P8_11: 45,
  P8_12: 44,
  P8_14: 26,
  P8_15: 47,
  P8_16: 46,
  P8_17: 27,
  P8_18: 65,
  P8_26: 61,
};

const LINES_PER_BANK = 32;

function pinOf(name: string, number: number): PinPart {
  const first = number - (number % LINES_PER_BANK);
  return { chip: `gpio-${first}-${first + LINES_PER_BANK - 1}`, line: name };
}

export const beagleboneBlack: Computer = {
  name: "beaglebone-black",
  title: "BeagleBone Black",
  compatible: ["ti,am335x-bone-black"],
  pins: Object.fromEntries(
    Object.entries(FREE).map(([name, number]) => [name, pinOf(name, number)]),
  ),
  uarts: [
    {
      path: "/dev/ttyO1",
      pins: ["P9_24", "P9_26"],
      note: "BeagleBoard's own images say ttyS1. Overlay BB-UART1 in /boot/uEnv.txt.",
    },
    {
      path: "/dev/ttyO2",
      pins: ["P9_21", "P9_22"],
      note: "BeagleBoard's own images say ttyS2. Overlay BB-UART2 in /boot/uEnv.txt.",
    },
    {
      path: "/dev/ttyO4",
      pins: ["P9_13", "P9_11"],
      note: "BeagleBoard's own images say ttyS4. Overlay BB-UART4 in /boot/uEnv.txt.",
    },
  ],
  watchdog: { path: "/dev/watchdog", maxMs: 86_400_000 },
  notes: [
    "3.3 V only, 4 to 6 mA a pin, and no voltage on any pin while the board is off.",
    "P8_31 to P8_46 choose how it starts: nothing may drive them then. P8_3 to P8_6 and P8_20 to P8_25 belong to its flash.",
  ],
};
