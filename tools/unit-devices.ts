// What the installation runs on the board: prints the part of the service's unit that depends on the device file, which
// names the groups and devices that the board in it needs, and no others.
//   node build/tools/unit-devices.js DEVICE_FILE

import { BOARDS } from "../boards/registry.ts";
import { assert } from "../firmware/assert.ts";
import type { Fault, Result } from "../firmware/result.ts";
import { fitBoard } from "../hal/fit-board.ts";
import { readDeviceFile } from "./device-file.ts";
import { deviceNeeds } from "./device-needs.ts";

function dropIn(path: string): Result<string> {
  const read = readDeviceFile(path);
  if (!read.ok) return read;
  const config = read.value;
  const known = BOARDS.find(({ name }) => name === config.board);
  assert(known !== undefined, "the schema knows the boards");
  return deviceNeeds(config, fitBoard(known, config));
}

function words({ message, at }: Fault): string {
  return at === undefined ? message : `${message} (${at})`;
}

function main(path: string | undefined): number {
  if (path === undefined) {
    process.stderr.write("unit-devices: of which device? give its file\n");
    return 2;
  }
  const made = dropIn(path);
  if (made.ok) process.stdout.write(made.value);
  else process.stderr.write(`unit-devices: ${words(made.fault)}\n`);
  return made.ok ? 0 : 1;
}

process.exitCode = main(process.argv[2]);
