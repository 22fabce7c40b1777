// What the service manager runs after the device has ended, however it ended: drives every output of the board in a device
// file to its safe level. Harmless beside a metering loop: whoever lives and holds a line keeps it.
//   node build/tools/open-outputs.js DEVICE_FILE

import { COMPUTERS } from "../boards/computers.ts";
import { BOARDS } from "../boards/registry.ts";
import { fitBoard } from "../hal/fit-board.ts";
import { HalError } from "../hal/hal-error.ts";
import { openLinuxLines } from "../hal/linux/gpio-lines.ts";
import { lineUses } from "../hal/linux/gpio-wiring.ts";
import { computerFor } from "../hal/linux/real-board.ts";
import { readDeviceFile } from "./device-file.ts";

const USAGE = 2;

function openOutputs(path: string): string[] {
  const read = readDeviceFile(path);
  if (!read.ok) return [read.fault.message];
  const { board: name, serial, lines } = read.value;
  const known = BOARDS.find((one) => one.name === name);
  if (known === undefined) return [`there is no board ${name}`];
  // Its lines are in the process that has ended.
  if (known.virtual !== undefined) return [];
  const board = fitBoard(known, { serial, lines });
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

function main(path: string | undefined): number {
  if (path === undefined) {
    process.stderr.write("open-outputs: of which device? give its file\n");
    return USAGE;
  }
  try {
    const troubles = openOutputs(path);
    for (const trouble of troubles) process.stderr.write(`open-outputs: ${trouble}\n`);
    return troubles.length === 0 ? 0 : 1;
  } catch (error) {
    if (!(error instanceof HalError)) throw error;
    process.stderr.write(`open-outputs: ${error.message}\n`);
    return 1;
  }
}

process.exitCode = main(process.argv[2]);
