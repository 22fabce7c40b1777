// What `make deploy` asks about a device file: whether it is right, and which files have to be carried with it, one a line.
//   node build/tools/list-carried.js DEVICE_FILE

import { carriedFiles } from "./carried-files.ts";

function main(path: string | undefined): number {
  if (path === undefined) {
    process.stderr.write("list-carried: of which device? give its file\n");
    return 2;
  }
  const files = carriedFiles(path);
  if (files.ok) {
    for (const file of files.value) process.stdout.write(`${file}\n`);
    return 0;
  }
  const { message, at } = files.fault;
  process.stderr.write(`${message}${at === undefined ? "" : ` (${at})`}\n`);
  return 1;
}

process.exitCode = main(process.argv[2]);
