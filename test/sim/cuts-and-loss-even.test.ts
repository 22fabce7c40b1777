// A power cut at every other place of a whole sale of two sessions and a refund, with each one of its messages lost
// besides; the other places are in the file beside this one, so that two processes share the work.

import { expect, test } from "vitest";
import { cutAndLose } from "./power-cuts.ts";

test("I1 I2 I3 I6 I7 I10: no power cut at an even place breaks one, with any one message lost besides", async () => {
  const { cuts, places, messages, violations } = await cutAndLose(0);
  console.log(
    `power cuts with a message lost: ${cuts}, at the even ones of ${places} places with each of ${messages} ` +
      `messages, violations: ${violations.length}`,
  );
  expect(violations).toEqual([]);
  expect(cuts).toBeGreaterThan(500);
}, 300_000);
