// Raspberry Pi 5. The header hangs on a chip of its own, RP1.

import type { Computer } from "../../hal/computer.ts";
import {
  RASPBERRY_PI_NOTES,
  RASPBERRY_PI_WATCHDOG,
  raspberryPiPins,
} from "./raspberry-pi-header.ts";

export const raspberryPi5: Computer = {
  name: "raspberry-pi-5",
  title: "Raspberry Pi 5",
  compatible: ["raspberrypi,5-model-b"],
  pins: raspberryPiPins("pinctrl-rp1"),
  uarts: [
    {
      path: "/dev/ttyAMA0",
      pins: ["8", "10"],
      note: "dtparam=uart0=on. /dev/serial0 is the debug connector here, not the header.",
    },
    { path: "/dev/ttyAMA1", pins: ["27", "28"], note: "dtoverlay=uart1-pi5." },
    {
      path: "/dev/ttyAMA2",
      pins: ["7", "29"],
      note: "dtoverlay=uart2-pi5; its rs485 parameter drives pin 26.",
    },
    { path: "/dev/ttyAMA3", pins: ["24", "21"], note: "dtoverlay=uart3-pi5." },
    { path: "/dev/ttyAMA4", pins: ["32", "33"], note: "dtoverlay=uart4-pi5." },
  ],
  watchdog: RASPBERRY_PI_WATCHDOG,
  notes: [
    ...RASPBERRY_PI_NOTES,
    "It has a clock on board; a cell on J5 keeps it going without power.",
  ],
};
