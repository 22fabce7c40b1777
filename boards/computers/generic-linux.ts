// Any Linux computer with GPIO: a pin is named CHIP/OFFSET, by the chip's label or device (`gpiodetect` and `gpioinfo`
// list them), or by the name that the kernel gives the line.

import type { Computer } from "../../hal/computer.ts";

export const genericLinux: Computer = {
  name: "generic-linux",
  title: "Linux computer",
  compatible: [],
  pins: {},
  uarts: [
    {
      path: "/dev/ttyUSB0",
      note: "USB adapter; /dev/serial/by-id/ has names that stay when another is plugged in.",
    },
  ],
  generic: true,
  notes: [
    "What an output does before any program runs, and after the last one has gone, is this computer's own affair: measure it before a relay hangs on it.",
  ],
};
