// Raspberry Pi 3 Model B+.

import type { Computer } from "../../hal/computer.ts";
import {
  RASPBERRY_PI_NOTES,
  RASPBERRY_PI_WATCHDOG,
  raspberryPiPins,
} from "./raspberry-pi-header.ts";

export const raspberryPi3BPlus: Computer = {
  name: "raspberry-pi-3b-plus",
  title: "Raspberry Pi 3 Model B+",
  compatible: ["raspberrypi,3-model-b-plus"],
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
