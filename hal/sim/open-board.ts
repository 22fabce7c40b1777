// Opens a virtual board in a world: wires, metal and sensors. The drivers are the same as on a real board and are
// opened by the caller on the lines given here.

import type { Board } from "../board.ts";
import { type SimMetal, type SimMetalOptions, simMetal } from "./sim-metal.ts";
import { type SimPins, type SimPinsOptions, simPins } from "./sim-pins.ts";
import { type SimSensors, simSensors } from "./sim-sensor.ts";
import type { SimWorld } from "./world.ts";

export interface SimBoard {
  pins: SimPins;
  metal: SimMetal;
  sensors: SimSensors;
}

export function openSimBoard(
  world: SimWorld,
  board: Board,
  options: SimMetalOptions & SimPinsOptions = {},
): SimBoard {
  const pins = simPins(world, options);
  const metal = simMetal(world, board, pins, options);
  return { pins, metal, sensors: simSensors(world, board, metal) };
}
