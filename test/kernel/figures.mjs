// Prints the figures that the tests in the guest left, a line each.

import { existsSync, readFileSync } from "node:fs";

const [path = ""] = process.argv.slice(2);
const rows = existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
for (const row of rows) {
  const { what, ...columns } = JSON.parse(row);
  const cells = Object.entries(columns).map(([name, value]) => `${name} ${value}`);
  console.log(`${String(what).padEnd(46)} ${cells.join(", ")}`);
}
