// How the tests run. Order is shuffled (the seed is printed), a test without an assertion fails, `.only` fails,
// and the closing lines name every skipped test with its reason.

import { defineConfig, type ViteUserConfig } from "vitest/config";
import { Tally } from "./test/support/tally.ts";

/** Suites against the wall clock, real processes and other people's programs. */
const REAL = ["test/{contract,deploy,e2e,kernel}/**/*.test.ts", "test/hal/linux/**/*.test.ts"];

/** For every suite. */
export const usual = {
  pool: "forks",
  maxWorkers: 2,
  testTimeout: 30_000,
  hookTimeout: 30_000,
  teardownTimeout: 10_000,
  allowOnly: false,
  expect: { requireAssertions: true },
  sequence: { shuffle: { files: true, tests: true } },
  reporters: [["default", { summary: false }], new Tally()],
  coverage: { include: ["bench/**", "firmware/**", "hal/**"] },
} satisfies ViteUserConfig["test"];

export default defineConfig({
  test: {
    ...usual,
    projects: [
      {
        extends: true,
        test: { name: "virtual", include: ["test/**/*.test.ts"], exclude: REAL },
      },
      {
        extends: true,
        // A computer may be so busy that what is real comes late: tried once more, and named in the closing lines.
        test: { name: "real", include: REAL, retry: 1 },
      },
    ],
  },
});
