// Power cuts of payments over Stripe's adapter, with real connections to a mock of its interface: at the device's
// commits and the adapter's own, and around every call. What Stripe lists is what the device has in its books.

import { expect, test } from "vitest";
import { cutPayments } from "./payment-cuts.ts";

test("I1 I2 I6: no power cut parts what Stripe lists from the device's books", async () => {
  const { cuts, violations } = await cutPayments(["Stripe"]);
  console.log(`power cuts of payments, Stripe: ${cuts}, violations: ${violations.length}`);
  expect(violations).toEqual([]);
  expect(cuts).toBeGreaterThan(400);
}, 600_000);
