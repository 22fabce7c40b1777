// What `make deploy HOSTS=` asks about an inventory: whether it and its device files are right, and one line for each board,
// host and device file with a tab between.
//   node build/tools/list-inventory.js INVENTORY

import { readInventory } from "./inventory.ts";

function main(path: string | undefined): number {
  if (path === undefined) {
    process.stderr.write("list-inventory: of which boards? give the inventory\n");
    return 2;
  }
  const boards = readInventory(path);
  if (boards.ok) {
    for (const { host, device } of boards.value) process.stdout.write(`${host}\t${device}\n`);
    return 0;
  }
  const { message, at } = boards.fault;
  process.stderr.write(`${message}${at === undefined ? "" : ` (${at})`}\n`);
  return 1;
}

process.exitCode = main(process.argv[2]);
