// Composition root of the metering loop's own process: opens its board by name and runs the loop on it, until
// the device process lets go of it, however that comes about. Then every switch opens and the process ends.

import { BOARDS } from "../boards/registry.ts";
import type { SensorPart } from "../hal/board.ts";
import { after } from "../hal/clock.ts";
import { openOutlets } from "../hal/drivers/open-outlets.ts";
import { openFileSensor } from "../hal/linux/file-sensor.ts";
import { openLoopChannel } from "../hal/linux/loop-channel.ts";
import { openRegisterFile } from "../hal/linux/register-file.ts";
import { openSystemClock } from "../hal/linux/system-clock.ts";
import type { Sensor } from "../hal/sensor.ts";
import { openSimBoard } from "../hal/sim/open-board.ts";
import { paceWorld } from "../hal/sim/pace.ts";
import { simWorld } from "../hal/sim/world.ts";
import { runLoop } from "./metering/loop-runner.ts";

/** A contact needs a moment to fall open; then its state is on record and we may go. */
const FALL_OPEN_MS = 250;

function main(name: string, rate: number, registerPath: string): void {
  const board = BOARDS.find((one) => one.name === name);
  if (board === undefined) throw new Error(`there is no board ${name}`);
  const channel = openLoopChannel();
  const clock = openSystemClock();
  const file = openRegisterFile(registerPath);
  // Which of its seeds a bench runs on does not matter here: it is not replayed.
  const world = simWorld({ seed: process.pid });
  const { pins, metal, sensors } = openSimBoard(world, board, { register: file.register });
  metal.onChange((state) => file.write(state));
  file.write(metal.state());
  paceWorld(world, clock, rate, end);
  const openSensor = (part: SensorPart): Sensor =>
    part.kind === "file" ? openFileSensor(part, world.clock) : sensors.open(part);
  const devices = openOutlets(board, world.clock, pins.lines, metal.register, openSensor);
  const runner = runLoop(devices, channel);
  let ending = false;
  function end(error?: unknown): void {
    if (ending) return;
    ending = true;
    runner.close();
    if (error !== undefined) process.stderr.write(`loop: ${String(error)}\n`);
    after(clock, FALL_OPEN_MS, () => process.exit(error === undefined ? 0 : 1));
  }
  channel.onParentLost(() => end());
  process.on("SIGTERM", () => end());
  // The terminal's Ctrl-C goes to both processes: the device decides when the loop ends.
  process.on("SIGINT", () => undefined);
  process.on("uncaughtException", end);
}

const [name = "", rate = "1", registerPath = ""] = process.argv.slice(2);
main(name, Number(rate), registerPath);
