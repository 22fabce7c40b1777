// Commits without end and prints the number of each commit once it is confirmed, until a test kills it.

import { writeSync } from "node:fs";
import { openSqliteStore } from "../../build/hal/linux/sqlite-store.js";

const store = await openSqliteStore(process.argv[2]);
for (let i = 1; ; i++) {
  await store.commit([
    { kind: "count", id: "a", body: String(i) },
    { kind: "count", id: "b", body: String(i) },
  ]);
  writeSync(1, `${i}\n`);
}
