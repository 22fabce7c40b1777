// The Switch contract on the contactor and the two-stage valve, each with and without feedback and simulated metal
// behind it, and on the start signal.

import { describe, expect, test } from "vitest";
import { virtualCharger } from "../../boards/virtual-charger.ts";
import { virtualWasher } from "../../boards/virtual-washer.ts";
import { openContactor } from "../../hal/drivers/contactor.ts";
import { openStartSignal } from "../../hal/drivers/start-signal.ts";
import { openTwoStageValve } from "../../hal/drivers/two-stage-valve.ts";
import { openSimBoard } from "../../hal/sim/open-board.ts";
import { simWorld } from "../../hal/sim/world.ts";
import { blindCharger, twoStagePump } from "../firmware/metering/boards.ts";
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

describeSwitch("contactor without feedback", () => {
  const world = simWorld({ seed: 1 });
  const { pins, metal } = openSimBoard(world, blindCharger);
  const coil = pins.lines.output("socket-1-coil");
  return {
    switch: openContactor(coil, undefined, world.clock, { operateMsMax: 150 }),
    conducts: () => metal.outlet("socket-1").contact,
    settle: () => world.runFor(151),
  };
});

const valve = (feedback: boolean) => (): ContactUnderTest => {
  const world = simWorld({ seed: 1 });
  const { pins, metal } = openSimBoard(world, twoStagePump(feedback));
  const ways = {
    fast: pins.lines.output("valve-wide"),
    slow: pins.lines.output("valve-narrow"),
  };
  const flows = feedback ? pins.lines.input("valve-open") : undefined;
  return {
    switch: openTwoStageValve(ways, flows, world.clock, { operateMsMax: 300 }),
    jam: (jammed) => metal.setFaults("nozzle", { weld: jammed, notClosed: jammed }),
    conducts: () => metal.outlet("nozzle").contact,
    settle: () => world.runFor(301),
  };
};

describeSwitch("two-stage valve", valve(true));
describeContact("two-stage valve", valve(true));
describeSwitch("two-stage valve without feedback", valve(false));

describe("two-stage valve", () => {
  const open = () => {
    const world = simWorld({ seed: 1 });
    const { pins } = openSimBoard(world, twoStagePump(false));
    const fast = pins.lines.output("valve-wide");
    const slow = pins.lines.output("valve-narrow");
    const opened = openTwoStageValve({ fast, slow }, undefined, world.clock, { operateMsMax: 300 });
    const ways = () => [pins.level("valve-wide"), pins.level("valve-narrow")];
    return { valve: opened, ways, pins };
  };

  test("opens both ways, or the narrow one alone; shutting it ends the slow stage", () => {
    const { valve: each, ways } = open();
    each.set(true);
    expect(ways()).toEqual([true, true]);
    each.slow?.(true);
    expect(ways()).toEqual([false, true]);
    each.slow?.(false);
    expect(ways()).toEqual([true, true]);
    each.slow?.(true);
    each.set(false);
    expect(ways()).toEqual([false, false]);
    each.set(true);
    expect(ways()).toEqual([true, true]);
  });

  test("told to be slow while it is shut, it opens the narrow way only", () => {
    const { valve: each, ways } = open();
    each.slow?.(true);
    expect(ways()).toEqual([false, false]);
    each.set(true);
    expect(ways()).toEqual([false, true]);
  });

  test("I7: one way that cannot be driven does not keep the other open", () => {
    for (const broken of ["valve-wide", "valve-narrow"]) {
      const { valve: each, ways, pins } = open();
      each.set(true);
      pins.unplug(broken);
      expect(() => each.set(false)).toThrow(/is gone/);
      expect(ways().filter((active) => active)).toHaveLength(1);
    }
  });
});

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
