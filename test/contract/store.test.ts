// The Store contract on memory and on SQLite. SQLite's thread needs the compiled program.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteStore } from "../../hal/linux/sqlite-store.ts";
import { simStore } from "../../hal/sim/sim-store.ts";
import { describeStore } from "./store.ts";

describeStore("memory", async () => {
  const sim = simStore();
  return {
    store: sim.store(),
    reopen: async () => sim.reopen(),
    dispose: () => sim.store().close(),
  };
});

describeStore("SQLite", async () => {
  const directory = mkdtempSync(join(tmpdir(), "sluice-store-"));
  const path = join(directory, "new", "store.db");
  let store = await openSqliteStore(path);
  return {
    store,
    reopen: async () => {
      await store.close();
      store = await openSqliteStore(path);
      return store;
    },
    dispose: async () => {
      await store.close();
      rmSync(directory, { recursive: true });
    },
  };
});
