// How the tests run. Order is shuffled (the seed is printed), a test without an assertion fails, `.only` fails,
// and the closing lines name every skipped test with its reason.

import { defineConfig } from "vitest/config";
import { Tally } from "./test/support/tally.ts";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    teardownTimeout: 10_000,
    allowOnly: false,
    expect: { requireAssertions: true },
    sequence: { shuffle: { files: true, tests: true } },
    reporters: [["default", { summary: false }], new Tally()],
    coverage: { include: ["firmware/**", "hal/**"] },
  },
});
