// What the service manager runs after the device has ended, however it ended: drives every output of the board in a device
// file to its safe level. Harmless beside a metering loop: whoever lives and holds a line keeps it. Where all of them are
// safe the computer's watchdog, which a device that died left running, has nothing to reset any more, and is disarmed.
//   node build/tools/open-outputs.js DEVICE_FILE

import { COMPUTERS } from "../boards/computers.ts";
import { BOARDS } from "../boards/registry.ts";
import type { Board } from "../hal/board.ts";
import { fitBoard } from "../hal/fit-board.ts";
import { HalError } from "../hal/hal-error.ts";
import { openLinuxLines } from "../hal/linux/gpio-lines.ts";
import { lineUses } from "../hal/linux/gpio-wiring.ts";
import { computerFor } from "../hal/linux/real-board.ts";
import { disarmWatchdog } from "../hal/linux/watchdog.ts";
import { readDeviceFile } from "./device-file.ts";

const USAGE = 2;

async function openOutputs(path: string): Promise<string[]> {
  const read = readDeviceFile(path);
  if (!read.ok) return [read.fault.message];
  const { board: name, serial, lines, watchdog } = read.value;
  const known = BOARDS.find((one) => one.name === name);
  if (known === undefined) return [`there is no board ${name}`];
  const board = fitBoard(known, { serial, lines });
  // The lines of a virtual one are in the process that has ended.
  const troubles = known.virtual === undefined ? openAll(board) : [];
  if (watchdog === undefined || troubles.length > 0) return troubles;
  try {
    await disarmWatchdog(watchdog);
  } catch (error) {
    // Somebody else feeds it, or there is none: ours it is not.
    if (!(error instanceof HalError)) throw error;
  }
  return troubles;
}

function openAll(board: Board): string[] {
  const open = openLinuxLines(board, computerFor(board, COMPUTERS));
  const troubles: string[] = [];
  for (const [line, use] of lineUses(board)) {
    if (use !== "output") continue;
    try {
      // One line that cannot be had keeps no other one closed. Taking it drives it, and so does giving it back.
      open.output(line).close();
    } catch (error) {
      if (!(error instanceof HalError)) throw error;
      troubles.push(error.message);
    }
  }
  return troubles;
}

async function main(path: string | undefined): Promise<number> {
  if (path === undefined) {
    process.stderr.write("open-outputs: of which device? give its file\n");
    return USAGE;
  }
  try {
    const troubles = await openOutputs(path);
    for (const trouble of troubles) process.stderr.write(`open-outputs: ${trouble}\n`);
    return troubles.length === 0 ? 0 : 1;
  } catch (error) {
    if (!(error instanceof HalError)) throw error;
    process.stderr.write(`open-outputs: ${error.message}\n`);
    return 1;
  }
}

process.exitCode = await main(process.argv[2]);
