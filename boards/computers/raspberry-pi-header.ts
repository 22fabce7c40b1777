// The 40-pin header that all Raspberry Pis here share: pin of the header, line of the chip, and the pull that the line
// has before any program runs.

import type { PinPart } from "../../hal/computer.ts";

/** By pin of the header: the line's offset, which is its BCM number. */
const BCM_OF_PIN: Readonly<Record<string, number>> = {
  "3": 2,
  "5": 3,
  "7": 4,
  "8": 14,
  "10": 15,
  "11": 17,
  "12": 18,
  "13": 27,
  "15": 22,
  "16": 23,
  "18": 24,
  "19": 10,
  "21": 9,
  "22": 25,
  "23": 11,
  "24": 8,
  "26": 7,
  "27": 0,
  "28": 1,
  "29": 5,
  "31": 6,
  "32": 12,
  "33": 13,
  "35": 19,
  "36": 16,
  "37": 26,
  "38": 20,
  "40": 21,
};

const TAKEN: Readonly<Record<string, string>> = {
  "3": "I2C; 1.8 kilohm to 3.3 V on the board",
  "5": "I2C; 1.8 kilohm to 3.3 V on the board",
  "8": "serial port, transmit",
  "10": "serial port, receive",
  "27": "asks plugged boards for their name at every start",
  "28": "asks plugged boards for their name at every start",
};

/** The highest line that is pulled up at reset; those above are pulled down. */
const PULLED_UP_MAX = 8;

export function raspberryPiPins(chip: string): Readonly<Record<string, PinPart>> {
  return Object.fromEntries(
    Object.entries(BCM_OF_PIN).map(([pin, line]): [string, PinPart] => {
      const taken = TAKEN[pin];
      const resetPull = line <= PULLED_UP_MAX ? "up" : "down";
      return [pin, { chip, line, resetPull, ...(taken !== undefined && { taken }) }];
    }),
  );
}

/** The driver takes at most 15 s on older kernels. */
export const RASPBERRY_PI_WATCHDOG = { path: "/dev/watchdog", maxMs: 15_000 };

export const RASPBERRY_PI_NOTES: readonly string[] = [
  "An output that nobody holds keeps its level on Raspberry Pi OS, and becomes an input with its pull on Debian: wire relays so that both are safe.",
  "Before any program runs lines 0 to 8 are pulled up and the others down: a relay that closes on high belongs to one of the others.",
  "3.3 V only, at most 16 mA a pin and about 50 mA in all: a relay coil needs a driver.",
];
