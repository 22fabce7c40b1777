// The sensors of a virtual board: tanks that empty as their meters turn, and others that show what they are told to.
// One can be made to stand still, so that its reading grows old, or to vanish.

import type { Board, SensorPart, VirtualTank } from "../board.ts";
import { HalError } from "../hal-error.ts";
import type { Sensor, SensorReading } from "../sensor.ts";
import type { SimMetal } from "./sim-metal.ts";
import type { SimWorld } from "./world.ts";

export interface SensorFaults {
  /** It says again and again what it read last. */
  frozen: boolean;
  /** It cannot be read. */
  lost: boolean;
}

export interface SimSensors {
  /** For openOutlets. */
  open(part: Pick<SensorPart, "id" | "unit">): Sensor;
  /** What the tank truly holds now, or the sensor measures. */
  level(sensor: string): number;
  /** Fills the tank up, or empties it, to so much; or lets the sensor measure that. */
  fill(sensor: string, level: number): void;
  setFaults(sensor: string, faults: Partial<SensorFaults>): void;
}

export function simSensors(world: SimWorld, board: Board, metal: SimMetal): SimSensors {
  const tanks = new Map<string, Tank>();
  for (const { id } of board.sensors ?? []) tanks.set(id, showing(board.virtual?.shows?.[id] ?? 0));
  for (const part of board.virtual?.tanks ?? []) tanks.set(part.sensor, openTank(part, metal));
  const tankOf = (sensor: string): Tank => {
    const tank = tanks.get(sensor);
    if (tank === undefined) throw new RangeError(`board ${board.name} has no sensor ${sensor}`);
    return tank;
  };
  const read = (tank: Tank): SensorReading => ({ value: tank.level(), atMs: world.nowMs() });
  return {
    open: (part) => {
      const tank = tankOf(part.id);
      let closed = false;
      return {
        unit: part.unit,
        read: () => {
          if (closed) throw new HalError("canceled", `sensor ${part.id} was closed`);
          if (tank.lost) throw new HalError("disconnected", `sensor ${part.id} is gone`);
          return tank.frozen ?? read(tank);
        },
        close: () => {
          closed = true;
        },
      };
    },
    level: (sensor) => tankOf(sensor).level(),
    fill: (sensor, level) => tankOf(sensor).fill(level),
    setFaults: (sensor, { frozen, lost }) => {
      const tank = tankOf(sensor);
      if (frozen !== undefined) tank.frozen = frozen ? read(tank) : undefined;
      if (lost !== undefined) tank.lost = lost;
    },
  };
}

interface Tank {
  level(): number;
  fill(level: number): void;
  frozen: SensorReading | undefined;
  lost: boolean;
}

function showing(first: number): Tank {
  let value = first;
  return {
    level: () => value,
    fill: (to) => {
      value = to;
    },
    frozen: undefined,
    lost: false,
  };
}

/** What has flowed is what the register held at the start, kept over power cuts, and what flowed since. */
function openTank({ outlet, meter, full, pulsesPerReading }: VirtualTank, metal: SimMetal): Tank {
  const { numerator, denominator } = pulsesPerReading;
  const start = metal.register(outlet, meter) ?? 0;
  let most = full;
  const used = (): number => {
    const flowed = start + (metal.outlet(outlet).meters[meter]?.physical ?? 0);
    return Math.floor((flowed * denominator) / numerator);
  };
  return {
    level: () => Math.max(0, most - used()),
    fill: (to) => {
      most = to + used();
    },
    frozen: undefined,
    lost: false,
  };
}
