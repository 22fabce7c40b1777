// The SerialPort contract on a simulated cable.

import { simSerial } from "../../hal/sim/sim-serial.ts";
import { simWorld } from "../../hal/sim/world.ts";
import { describeSerial } from "./serial.ts";

describeSerial("simulated", async () => {
  const world = simWorld({ seed: 1 });
  const { a, b, unplug } = simSerial(world, { baud: 9600 });
  return { a, b, unplug, cross: (bytes) => world.runFor((bytes * 10_000) / 9600 + 1) };
});
