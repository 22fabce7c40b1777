// The metal of a virtual board: coils move contacts after a drawn delay, a closed contact lets energy or
// water flow, flow turns meters. It keeps the physical truth that tests compare the firmware against, and
// breaks on demand.

import type { Board, OutletPart } from "../board.ts";
import { type MachineFaults, simMachine } from "./sim-machine.ts";
import {
  type MetalOutlet,
  type MetalOutletState,
  type OutletFaults,
  type SwitchEvent,
  simOutlet,
} from "./sim-outlet.ts";
import type { SimPins } from "./sim-pins.ts";
import type { StopPhysics } from "./sim-stops.ts";
import type { SimWorld } from "./world.ts";

export interface MetalState {
  outlets: readonly MetalOutletState[];
}

export interface SimMetal {
  state(): MetalState;
  outlet(id: string): MetalOutletState;
  /** Coil and contact movements, oldest first, the last HISTORY_MAX of them. */
  history(outlet: string): readonly SwitchEvent[];
  /** For openOutlets: what the meter's own register holds now. */
  register(outlet: string, meter: string): number | undefined;
  /** Called after every change of a coil, a contact or a register. One listener; the last one set counts. */
  onChange(listener: (state: MetalState) => void): void;
  /** Breaks things, or mends them; what is not named stays as it is. */
  setFaults(outlet: string, faults: Partial<OutletFaults>): void;
  setMachineFaults(outlet: string, faults: Partial<MachineFaults>): void;
  /** Pulses per second at each pulse meter of the outlet while its contact is closed, from now on. */
  setFlow(outlet: string, pulsesPerSecond: number): void;
  /** The meter gains this many pulses that never flowed. */
  jumpMeter(outlet: string, meter: string, pulses: number): void;
}

export interface SimMetalOptions {
  /** Register of a meter at the start; 0 when not given. */
  register?: (outlet: string, meter: string) => number | undefined;
  /** In place of what the board says. */
  pulsesPerSecond?: number;
  operateMs?: readonly [number, number];
  /** How actuators let go; when it is not given a contact takes its operateMs, and nothing flows on after it. */
  stops?: StopPhysics;
  cycleMs?: readonly [number, number];
}

const SLOW_PERCENT = 10;

/** The board must be a virtual one. */
export function simMetal(
  world: SimWorld,
  board: Board,
  pins: SimPins,
  options: SimMetalOptions = {},
): SimMetal {
  const physics = board.virtual;
  if (physics === undefined) throw new RangeError(`board ${board.name} is not virtual`);
  let listener: ((state: MetalState) => void) | undefined;
  const outlets = new Map<string, MetalOutlet>();
  const state = (): MetalState => ({ outlets: [...outlets.values()].map((each) => each.state()) });
  const machines = new Map<string, (faults: Partial<MachineFaults>) => void>();
  const open = (part: OutletPart): MetalOutlet => {
    const register = (meter: string): number => options.register?.(part.id, meter) ?? 0;
    const changed = (): void => listener?.(state());
    if (part.switch.kind === "start-signal") {
      const cycleMs = options.cycleMs ?? physics.cycleMs?.[part.id];
      if (cycleMs === undefined) throw new RangeError(`${board.name}: ${part.id} has no cycleMs`);
      const start = part.switch;
      const machine = simMachine({ world, pins, part, start, cycleMs, register, changed });
      machines.set(part.id, machine.setMachineFaults);
      return machine;
    }
    return simOutlet({
      ...{ world, pins, part, register, changed },
      actuator: part.switch,
      slowShare: (physics.slowPercent ?? SLOW_PERCENT) / 100,
      pulsesPerSecond: options.pulsesPerSecond ?? physics.pulsesPerSecond,
      operateMs: options.operateMs ?? physics.operateMs,
      stops: options.stops,
    });
  };
  for (const part of board.outlets) outlets.set(part.id, open(part));
  const outletOf = (id: string): MetalOutlet => {
    const outlet = outlets.get(id);
    if (outlet === undefined) throw new RangeError(`board ${board.name} has no outlet ${id}`);
    return outlet;
  };
  return {
    state,
    outlet: (id) => outletOf(id).state(),
    history: (id) => outletOf(id).history(),
    register: (id, meter) => outletOf(id).state().meters[meter]?.register,
    onChange: (newListener) => {
      listener = newListener;
    },
    setFaults: (id, faults) => outletOf(id).setFaults(faults),
    setMachineFaults: (id, faults) => {
      outletOf(id);
      machines.get(id)?.(faults);
    },
    setFlow: (id, pulsesPerSecond) => outletOf(id).setFlow(pulsesPerSecond),
    jumpMeter: (id, meter, pulses) => outletOf(id).jumpMeter(meter, pulses),
  };
}
