// What `sluice outlet` says of how an outlet runs on.

import { expect, test } from "vitest";
import { runOnWords } from "../../tools/commands/outlet.ts";

test("for how long, how evenly and how well that is known; nothing as long as nothing is known", () => {
  expect(runOnWords({ delayMs: 71.2, spreadMs: 3, stops: 12 })).toBe(
    "runs on for 71.2 ms, give or take 3 (learnt from 12 stops): it is told to open so much earlier",
  );
  expect(runOnWords(undefined)).toBeUndefined();
  expect(runOnWords(null)).toBeUndefined();
});
