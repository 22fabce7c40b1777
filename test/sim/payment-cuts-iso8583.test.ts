// Power cuts of payments over the ISO 8583 terminal: at the device's commits and the terminal's own, around every call
// and at every message on the wire. What the acquirer settles is what the device has in its books.

import { expect, test } from "vitest";
import { cutPayments } from "./payment-cuts.ts";

test("I1 I2 I6: no power cut parts the acquirer's report from the device's books", async () => {
  const { cuts, violations } = await cutPayments(["ISO 8583"]);
  console.log(`power cuts of payments, ISO 8583: ${cuts}, violations: ${violations.length}`);
  expect(violations).toEqual([]);
  expect(cuts).toBeGreaterThan(450);
}, 600_000);
