// How the tests of the real kernel run: as all others do, but in the guest of run.sh, one file after the other in one
// process. GUEST_PORT is the socket of its port.

import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { usual } from "../../vitest.config.ts";
import { guestPool } from "./guest-pool.ts";

export default defineConfig({
  root: fileURLToPath(new URL("../..", import.meta.url)),
  test: {
    ...usual,
    include: ["test/**/*.test.ts"],
    pool: guestPool(process.env["GUEST_PORT"] ?? ""),
    // What one measures, another would disturb.
    maxWorkers: 1,
    isolate: false,
    // An emulated machine that is kept waiting loses edges and beats; what came of a first try is printed.
    retry: 1,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
