// What was delivered of a purchase that is taken up again.

import { expect, test } from "vitest";
import { pulsesSoFar } from "../../page/purchases.ts";

test("what was delivered while nobody looked is known from the receipts, and else from what was proved", () => {
  const ratio = { numerator: 1000, denominator: 1 };
  const session = { is: "session", pulses: 700 } as const;
  const settlement = { is: "settlement", pulses: 2000 } as const;
  expect(pulsesSoFar([], 0, ratio)).toBe(0);
  expect(pulsesSoFar([], 2, ratio)).toBe(2000);
  expect(pulsesSoFar([session], 0, ratio)).toBe(700);
  expect(pulsesSoFar([session, { ...session, pulses: 1300 }, settlement], 0, ratio)).toBe(2000);
});
