// The Switch contract on the contactor driver, with simulated metal behind it.

import { virtualCharger } from "../../boards/virtual-charger.ts";
import { openContactor } from "../../hal/drivers/contactor.ts";
import { openSimBoard } from "../../hal/sim/open-board.ts";
import { simWorld } from "../../hal/sim/world.ts";
import { describeSwitch } from "./switch.ts";

describeSwitch("contactor", () => {
  const world = simWorld({ seed: 1 });
  const { pins, metal } = openSimBoard(world, virtualCharger);
  const part = {
    kind: "contactor",
    line: "socket-1-coil",
    feedbackLine: "socket-1-contact",
    operateMsMax: 150,
  } as const;
  const coil = pins.lines.output(part.line);
  const contact = pins.lines.input(part.feedbackLine);
  return {
    switch: openContactor(coil, contact, world.clock, part),
    jam: (jammed) => metal.setFaults("socket-1", { weld: jammed, notClosed: jammed }),
    conducts: () => metal.outlet("socket-1").contact,
    settle: () => world.runFor(151),
  };
});
