// Raspberry Pi Zero 2 W.

import type { Computer } from "../../hal/computer.ts";
import {
  RASPBERRY_PI_NOTES,
  RASPBERRY_PI_WATCHDOG,
  raspberryPiPins,
} from "./raspberry-pi-header.ts";

export const raspberryPiZero2W: Computer = {
  name: "raspberry-pi-zero-2-w",
  title: "Raspberry Pi Zero 2 W",
  compatible: ["raspberrypi,model-zero-2-w"],
  pins: raspberryPiPins("pinctrl-bcm2835"),
  uarts: [
    {
      path: "/dev/serial0",
      pins: ["8", "10"],
      note: "The mini-UART, off without enable_uart=1, no parity. dtoverlay=disable-bt puts the full UART (/dev/ttyAMA0) here.",
    },
  ],
  watchdog: RASPBERRY_PI_WATCHDOG,
  notes: RASPBERRY_PI_NOTES,
};
