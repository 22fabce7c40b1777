// Two days of what the bench does for a month: sales of every kind with faults, on one seed.

import { expect, test } from "vitest";
import { month } from "./month.ts";

test("I1 I6 I10: two days of mixed sales with faults: the books balance to the minor unit and the pulse", async () => {
  const { books, violations, sales, refused, faults } = await month(2, 3);
  expect(violations).toEqual([]);
  expect(books.keptMinor).toBe(books.receiptedMinor);
  expect(books.flowedPulses).toBe(books.receiptedPulses);
  // It was not an empty street.
  expect(sales).toBeGreaterThan(15);
  expect(refused).toBeGreaterThan(0);
  expect(faults).toBeGreaterThan(3);
  expect(books.cuts).toBeGreaterThan(0);
}, 240_000);
