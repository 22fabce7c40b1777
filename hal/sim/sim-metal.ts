// The metal of a virtual board: coils move contacts after a drawn delay, a closed contact lets energy or
// water flow, flow turns meters. It keeps the physical truth that tests compare the firmware against, and
// breaks on demand.

import type { Board } from "../board.ts";
import {
  type MetalOutlet,
  type MetalOutletState,
  type OutletFaults,
  type SwitchEvent,
  simOutlet,
} from "./sim-outlet.ts";
import type { SimPins } from "./sim-pins.ts";
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
}

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
  for (const part of board.outlets) {
    const outlet = simOutlet({
      world,
      pins,
      part,
      pulsesPerSecond: options.pulsesPerSecond ?? physics.pulsesPerSecond,
      operateMs: options.operateMs ?? physics.operateMs,
      register: (meter) => options.register?.(part.id, meter) ?? 0,
      changed: () => listener?.(state()),
    });
    outlets.set(part.id, outlet);
  }
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
    setFlow: (id, pulsesPerSecond) => outletOf(id).setFlow(pulsesPerSecond),
    jumpMeter: (id, meter, pulses) => outletOf(id).jumpMeter(meter, pulses),
  };
}
