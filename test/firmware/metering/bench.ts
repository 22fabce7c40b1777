// A loop on a virtual board in one call, for the tests of metering: the real drivers on simulated metal, the
// two ends of the loop host, and everything that the loop said.

import { virtualCharger } from "../../../boards/virtual-charger.ts";
import { type LoopRunner, runLoop } from "../../../firmware/metering/loop-runner.ts";
import type { Board, ModbusMeterPart } from "../../../hal/board.ts";
import { openOutlets } from "../../../hal/drivers/open-outlets.ts";
import type { LoopCommand, LoopReport } from "../../../hal/loop-host.ts";
import type { Meter } from "../../../hal/meter.ts";
import { openSimBoard, type SimBoard } from "../../../hal/sim/open-board.ts";
import type { SimControls } from "../../../hal/sim/sim-controls.ts";
import { type SimLoopHost, simLoopHost } from "../../../hal/sim/sim-loop-host.ts";
import type { SimMetal, SimMetalOptions } from "../../../hal/sim/sim-metal.ts";
import type { SimPins, SimPinsOptions } from "../../../hal/sim/sim-pins.ts";
import type { SimSensors } from "../../../hal/sim/sim-sensor.ts";
import { type SimWorld, simWorld } from "../../../hal/sim/world.ts";

export interface LoopBench {
  world: SimWorld;
  pins: SimPins;
  metal: SimMetal;
  sensors: SimSensors;
  controls: SimControls;
  host: SimLoopHost;
  runner: LoopRunner;
  reports: LoopReport[];
  send(command: LoopCommand): void;
  /** Runs until the session has stopped; fails after an hour of its time. */
  untilStopped(session: string): LoopReport & { on: "stopped" };
  stopped(session: string): (LoopReport & { on: "stopped" }) | undefined;
}

export interface LoopBenchOptions extends SimMetalOptions, SimPinsOptions {
  seed?: number;
  board?: Board;
  delayMs?: number | readonly [number, number];
  /** What is done at the board before the loop starts. */
  touch?: (board: SimBoard) => void;
  openModbusMeter?: (part: ModbusMeterPart, world: SimWorld, board: SimBoard) => Meter;
}

export function loopBench(options: LoopBenchOptions = {}): LoopBench {
  const world = simWorld({ seed: options.seed ?? 1 });
  const board = options.board ?? virtualCharger;
  const simBoard = openSimBoard(world, board, options);
  const { pins, metal, sensors, controls } = simBoard;
  options.touch?.(simBoard);
  const host = simLoopHost(world, { delayMs: options.delayMs ?? 1 });
  const reports: LoopReport[] = [];
  host.device.onReport((report) => reports.push(report));
  const devices = openOutlets(board, world.clock, pins.lines, {
    readRegister: metal.register,
    openSensor: sensors.open,
    openModbusMeter: (part) => {
      if (options.openModbusMeter === undefined) throw new Error("no meter on a bus here");
      return options.openModbusMeter(part, world, simBoard);
    },
  });
  const runner = runLoop(devices, host.loop());
  const stopped: LoopBench["stopped"] = (session) =>
    reports.find((report) => report.on === "stopped" && report.session === session) as
      | (LoopReport & { on: "stopped" })
      | undefined;
  // Longer than the actuator may take, so that the outlets are known to be open.
  world.advance(500);
  return {
    world,
    pins,
    metal,
    sensors,
    controls,
    host,
    runner,
    reports,
    send: (command) => host.device.send(command),
    stopped,
    untilStopped: (session) => {
      for (let i = 0; i < 36_000; i++) {
        const found = stopped(session);
        if (found !== undefined) return found;
        world.advance(100);
      }
      throw new Error(`session ${session} did not stop`);
    },
  };
}
