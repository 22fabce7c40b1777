// Raspberry Pi 4 Model B.

import type { Computer } from "../../hal/computer.ts";
import {
  RASPBERRY_PI_NOTES,
  RASPBERRY_PI_WATCHDOG,
  raspberryPiPins,
} from "./raspberry-pi-header.ts";

export const raspberryPi4B: Computer = {
  name: "raspberry-pi-4b",
  title: "Raspberry Pi 4 Model B",
  compatible: ["raspberrypi,4-model-b"],
  pins: raspberryPiPins("pinctrl-bcm2711"),
  uarts: [
    {
      path: "/dev/serial0",
      pins: ["8", "10"],
      note: "The mini-UART, off without enable_uart=1, no parity. dtoverlay=disable-bt puts the full UART (/dev/ttyAMA0) here.",
    },
    {
      path: "/dev/ttyAMA2",
      pins: ["27", "28"],
      note: "dtoverlay=uart2; older kernels say ttyAMA1.",
    },
    {
      path: "/dev/ttyAMA3",
      pins: ["7", "29"],
      note: "dtoverlay=uart3; older kernels say ttyAMA2.",
    },
    {
      path: "/dev/ttyAMA4",
      pins: ["24", "21"],
      note: "dtoverlay=uart4; older kernels say ttyAMA3.",
    },
    {
      path: "/dev/ttyAMA5",
      pins: ["32", "33"],
      note: "dtoverlay=uart5; older kernels say ttyAMA4.",
    },
  ],
  watchdog: RASPBERRY_PI_WATCHDOG,
  notes: RASPBERRY_PI_NOTES,
};
