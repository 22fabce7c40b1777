// What can be broken on a running bench by name, and mended again.

import type { SimBoard } from "./open-board.ts";
import type { MachineFaults } from "./sim-machine.ts";
import type { OutletFaults } from "./sim-outlet.ts";
import type { SimPeripherals } from "./sim-peripherals.ts";
import type { SensorFaults } from "./sim-sensor.ts";

export interface BenchFault {
  /** What is broken by it. */
  of: "outlet" | "machine" | "sensor" | "bus";
  /** For people. */
  what: string;
  set(sim: SimBoard, peripherals: SimPeripherals | undefined, target: string, on: boolean): void;
}

const LEAK_PULSES_PER_SECOND = 5;

export const BENCH_FAULTS: Readonly<Record<string, BenchFault>> = {
  weld: ofOutlet("its contact does not open any more", (weld) => ({ weld })),
  "not-closed": ofOutlet("its contact does not close any more", (notClosed) => ({ notClosed })),
  "stuck-meter": ofOutlet("it flows, and its meters stand still", (stuckMeter) => ({ stuckMeter })),
  leak: ofOutlet("it flows though its contact is open", (on) => ({
    leakPulsesPerSecond: on ? LEAK_PULSES_PER_SECOND : 0,
  })),
  "never-done": ofMachine("it works, and nothing comes out", (neverDone) => ({ neverDone })),
  "done-twice": ofMachine("it says done twice", (doneTwice) => ({ doneTwice })),
  "lost-sensor": ofSensor("it cannot be read", (lost) => ({ lost })),
  "frozen-sensor": ofSensor("it says what it said last", (frozen) => ({ frozen })),
  "silent-bus": {
    ...{ of: "bus", what: "its meters do not answer" },
    set: (_, peripherals, bus, on) =>
      peripherals?.buses.get(bus)?.setFault(on ? { kind: "silent" } : undefined),
  },
};

function ofOutlet(what: string, faults: (on: boolean) => Partial<OutletFaults>): BenchFault {
  const set: BenchFault["set"] = (sim, _, outlet, on) => sim.metal.setFaults(outlet, faults(on));
  return { of: "outlet", what, set };
}

function ofMachine(what: string, faults: (on: boolean) => Partial<MachineFaults>): BenchFault {
  const set: BenchFault["set"] = (sim, _, outlet, on) =>
    sim.metal.setMachineFaults(outlet, faults(on));
  return { of: "machine", what, set };
}

function ofSensor(what: string, faults: (on: boolean) => Partial<SensorFaults>): BenchFault {
  const set: BenchFault["set"] = (sim, _, sensor, on) => sim.sensors.setFaults(sensor, faults(on));
  return { of: "sensor", what, set };
}
