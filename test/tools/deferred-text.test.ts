// What the operator reads of payments that were approved without the payment host.

import { expect, test } from "vitest";
import { deferredText } from "../../tools/operator-flows.ts";

test("the risk and the loss, each with its sum; what is owed only where something is", () => {
  const books = { currency: "EUR", open: 2, openMinor: 1_500, lost: 1, lostMinor: 700 };
  const words =
    "approved without the payment host: 2 open, 15.00 EUR at risk; 1 declined later, 7.00 EUR lost";
  expect(deferredText({ ...books, owedMinor: 0 })).toBe(words);
  expect(deferredText({ ...books, owedMinor: 5 })).toBe(`${words}; 0.05 EUR owed to payers`);
});
