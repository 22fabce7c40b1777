// The Switch contract on the contactor driver, with simulated metal behind it, and on the start signal.

import { virtualCharger } from "../../boards/virtual-charger.ts";
import { virtualWasher } from "../../boards/virtual-washer.ts";
import { openContactor } from "../../hal/drivers/contactor.ts";
import { openStartSignal } from "../../hal/drivers/start-signal.ts";
import { openSimBoard } from "../../hal/sim/open-board.ts";
import { simWorld } from "../../hal/sim/world.ts";
import { type ContactUnderTest, describeContact, describeSwitch } from "./switch.ts";

function contactor(): ContactUnderTest {
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
}

describeSwitch("contactor", contactor);
describeContact("contactor", contactor);

describeSwitch("start signal", () => {
  const world = simWorld({ seed: 1 });
  const { pins } = openSimBoard(world, virtualWasher);
  const part = { kind: "start-signal", line: "washer-start", pulseMs: 200 } as const;
  return {
    switch: openStartSignal(pins.lines.output(part.line), world.clock, part),
    conducts: () => pins.level(part.line),
    settle: () => world.runFor(10),
  };
});
