// A machine of the bench that does one item at each start signal: a washer, a vending slot. A signal while it
// works is not heard, and an item that was begun comes out whatever the program does.

import type { OutletPart, StartSignalPart } from "../board.ts";
import {
  type MetalMeterState,
  type MetalOutlet,
  type MetalOutletState,
  switchHistory,
} from "./sim-outlet.ts";
import type { SimPins } from "./sim-pins.ts";
import type { SimWorld } from "./world.ts";

export interface MachineFaults {
  /** It works and works, and nothing comes out. */
  neverDone: boolean;
  /** It says done twice for one item. */
  doneTwice: boolean;
}

/** Shown as `contact` while it works; `jumpMeter` is a done signal that nobody started. */
export interface SimMachine extends MetalOutlet {
  setMachineFaults(faults: Partial<MachineFaults>): void;
}

export interface SimMachineOptions {
  world: SimWorld;
  pins: SimPins;
  part: OutletPart;
  start: StartSignalPart;
  cycleMs: readonly [number, number];
  register: (meter: string) => number;
  changed: () => void;
}

/** From one done signal to the second one that is a fault. */
const TWICE_MS = 40;

export function simMachine(options: SimMachineOptions): SimMachine {
  const { world, pins, part, start, cycleMs, changed } = options;
  const meter = part.meters.find(({ kind }) => kind === "item");
  if (meter?.kind !== "item") throw new RangeError(`${part.id} has no meter that counts items`);
  const random = world.randomOf(`machine ${part.id}`);
  const history = switchHistory();
  const faults: MachineFaults = { neverDone: false, doneTwice: false };
  let register = options.register(meter.id);
  let physical = 0;
  let coil = false;
  let working = false;

  const signal = (items: number): void => {
    register += items;
    pins.pulse(meter.line, items);
    changed();
  };
  const finish = (): void => {
    working = false;
    history.add("contact", false, world.nowMs());
    if (faults.neverDone) {
      changed();
      return;
    }
    physical++;
    signal(1);
    if (faults.doneTwice) world.after(TWICE_MS, () => signal(1));
  };
  pins.onDriven(start.line, (active) => {
    coil = active;
    history.add("coil", active, world.nowMs());
    if (active && !working) {
      working = true;
      history.add("contact", true, world.nowMs());
      world.after(random.betweenMs(...cycleMs), finish);
    }
    changed();
  });

  return {
    state: (): MetalOutletState => {
      const meters: Record<string, MetalMeterState> = { [meter.id]: { register, physical } };
      return { id: part.id, coil, contact: working, meters };
    },
    history: () => history.events,
    setFaults: () => undefined,
    setFlow: () => undefined,
    jumpMeter: (id, pulses) => {
      if (id === meter.id) signal(pulses);
    },
    setMachineFaults: (changes) => {
      Object.assign(faults, changes);
    },
  };
}
