// Composition root of the metering loop's own process: opens its board by name, on the metal or on the bench, and
// runs the loop on it, until the device process lets go of it, however that comes about. Then every switch opens and
// the process ends.

import { BOARDS } from "../boards/registry.ts";
import type { Board } from "../hal/board.ts";
import { after, type Clock } from "../hal/clock.ts";
import type { LoopDevices } from "../hal/devices.ts";
import { type OpenOutletsOptions, openOutlets } from "../hal/drivers/open-outlets.ts";
import { type Fitting, fitBoard } from "../hal/fit-board.ts";
import { HalError } from "../hal/hal-error.ts";
import { openLoopChannel } from "../hal/linux/loop-channel.ts";
import { collectWhenQuiet } from "../hal/linux/quiet-collection.ts";
import { openRegisterFile } from "../hal/linux/register-file.ts";
import { openSystemClock } from "../hal/linux/system-clock.ts";
import { BENCH_FOLDER, standIn } from "../hal/serial-paths.ts";
import type { Bench as SimBench } from "../hal/sim/bench-commands.ts";
import { openSimBoard, type SimBoard } from "../hal/sim/open-board.ts";
import { paceWorld } from "../hal/sim/pace.ts";
import { type SimWorld, simWorld } from "../hal/sim/world.ts";
import { type LoopRunner, runLoop } from "./metering/loop-runner.ts";

/** A contact needs a moment to fall open; then its state is on record and we may go. */
const FALL_OPEN_MS = 250;

interface OpenedBoard {
  devices: LoopDevices;
  /** The outlets were looked at just now. */
  looked(): void;
  /** After the devices were closed. */
  close(): void;
}

interface Bench {
  /** World milliseconds per real one. */
  rate: number;
  /** The data folder: the metal of a board that does not exist, and what hangs on it, is kept there. */
  data: string;
}

type End = (error?: unknown) => void;

async function openBench(
  known: Board,
  clock: Clock,
  { rate, data }: Bench,
  end: End,
): Promise<OpenedBoard> {
  const board = standIn(known, data);
  const file = openRegisterFile(`${data}/registers.json`);
  // Which of its seeds a bench runs on does not matter here: it is not replayed.
  const world = simWorld({ seed: process.pid });
  const sim = openSimBoard(world, board, { register: file.register });
  sim.metal.onChange((state) => file.write(state));
  file.write(sim.metal.state());
  paceWorld(world, clock, rate, end);
  // Loaded where something hangs there: the loop of a board with lines only keeps to its memory.
  const hasReach = board.serial !== undefined || board.tcp !== undefined || hasFiles(board);
  const reach = hasReach
    ? (await import("../hal/linux/board-reach.ts")).openBoardReach(board, world.clock)
    : undefined;
  const folder = `${data}/${BENCH_FOLDER}`;
  const desk: Partial<SimBench> = hasReach
    ? await openBenchDesk(sim, { world, board, clock, folder })
    : {};
  const openSensor: OpenOutletsOptions["openSensor"] = (part) =>
    part.kind === "virtual" || reach === undefined
      ? sim.sensors.open(part)
      : reach.openSensor(part);
  const devices = openOutlets(board, world.clock, sim.pins.lines, {
    ...{ readRegister: sim.metal.register, openSensor },
    ...(reach && { openModbusMeter: reach.openModbusMeter }),
  });
  void openControl(folder, { board, sim, ...desk });
  const close = (): void => {
    reach?.close();
    void desk.peripherals?.close();
  };
  return { devices, looked: () => {}, close };
}

function hasFiles({ sensors = [] }: Board): boolean {
  return sensors.some(({ kind }) => kind === "file");
}

interface BenchPlace {
  world: SimWorld;
  board: Board;
  clock: Clock;
  folder: string;
}

/** What hangs on the serial ports, and the cards in the hands of those who stand there. */
async function openBenchDesk({ metal, sensors }: SimBoard, place: BenchPlace) {
  const [{ openBenchFolder }, { openSimPeripherals }, { simWallet }, { openNodeCrypto }] =
    await Promise.all([
      import("../hal/linux/bench-folder.ts"),
      import("../hal/sim/sim-peripherals.ts"),
      import("../hal/sim/sim-wallet.ts"),
      import("../hal/linux/node-crypto.ts"),
    ]);
  const { openWire, openStore, writeSensor, kept } = openBenchFolder(place.folder);
  const peripherals = await openSimPeripherals({
    ...place,
    ...{ metal, sensors, openWire, openStore, writeSensor },
  });
  return { peripherals, wallet: simWallet({ kept, crypto: openNodeCrypto() }) };
}

/** A bench sells without its control socket too. What answers there is loaded when somebody asks, for less memory. */
async function openControl(folder: string, bench: SimBench): Promise<void> {
  try {
    const { openBenchControl } = await import("../hal/linux/bench-control.ts");
    await openBenchControl(folder, async (request) => {
      const { benchAnswer } = await import("../hal/sim/bench-commands.ts");
      return benchAnswer(bench, request);
    });
  } catch (error) {
    process.stderr.write(`${wordsOf(error)}\n`);
  }
}

async function openMetal(board: Board, clock: Clock, end: End): Promise<OpenedBoard> {
  // Only here: a bench has no use for it, and less memory.
  const [{ COMPUTERS }, { openRealBoard }] = await Promise.all([
    import("../boards/computers.ts"),
    import("../hal/linux/real-board.ts"),
  ]);
  const real = await openRealBoard(board, COMPUTERS, clock, () =>
    end(new HalError("disconnected", "the guard of the outputs has died")),
  );
  return { devices: real.devices, looked: real.beat, close: real.close };
}

function wordsOf(error: unknown): string {
  return error instanceof HalError ? error.message : `loop: ${String(error)}`;
}

async function main(name: string, bench: Bench, fitting: Fitting): Promise<void> {
  const channel = openLoopChannel();
  const clock = openSystemClock();
  let opened: OpenedBoard | undefined;
  let runner: LoopRunner | undefined;
  let ending = false;
  function end(error?: unknown): void {
    if (ending) return;
    ending = true;
    let trouble = error;
    after(clock, FALL_OPEN_MS, () => process.exit(trouble === undefined ? 0 : 1));
    try {
      if (runner === undefined) opened?.devices.close();
      else runner.close();
      // Not reached where an output did not open: the guard stays, and opens it when we are gone.
      opened?.close();
    } catch (failure) {
      trouble ??= failure;
    }
    if (trouble !== undefined) process.stderr.write(`${wordsOf(trouble)}\n`);
  }
  channel.onParentLost(() => end());
  process.on("SIGTERM", () => end());
  // The terminal's Ctrl-C goes to both processes: the device decides when the loop ends.
  process.on("SIGINT", () => undefined);
  process.on("uncaughtException", end);
  const known = BOARDS.find((one) => one.name === name);
  if (known === undefined) throw new Error(`there is no board ${name}`);
  const board = fitBoard(known, fitting);
  opened =
    board.virtual === undefined
      ? await openMetal(board, clock, end)
      : await openBench(board, clock, bench, end);
  if (ending) {
    opened.devices.close();
    opened.close();
    return;
  }
  runner = runLoop(opened.devices, collectWhenQuiet(channel), { onLooked: opened.looked });
}

const [name = "", rate = "1", data = "", fitting = "{}"] = process.argv.slice(2);
await main(
  name,
  { rate: Number(rate), data },
  { serial: {}, lines: {}, ...(JSON.parse(fitting) as Partial<Fitting>) },
);
