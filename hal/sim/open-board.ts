// Opens a virtual board in a world: wires, metal, sensors, and what people touch. The drivers are the same as on a real board and are
// opened by the caller on the lines given here.

import type { Board } from "../board.ts";
import { type SimControls, simControls } from "./sim-controls.ts";
import { type SimMetal, type SimMetalOptions, simMetal } from "./sim-metal.ts";
import { type SimPins, type SimPinsOptions, simPins } from "./sim-pins.ts";
import { type SimSensors, simSensors } from "./sim-sensor.ts";
import type { SimWorld } from "./world.ts";

export interface SimBoard {
  pins: SimPins;
  metal: SimMetal;
  sensors: SimSensors;
  controls: SimControls;
}

export function openSimBoard(
  world: SimWorld,
  board: Board,
  options: SimMetalOptions & SimPinsOptions = {},
): SimBoard {
  const pins = simPins(world, options);
  const metal = simMetal(world, board, pins, options);
  const sensors = simSensors(world, board, metal);
  return { pins, metal, sensors, controls: simControls(world, board, pins) };
}
