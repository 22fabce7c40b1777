// Lists of services and prices: details belong to their own line, and to no other.

import { expect, test } from "vitest";
import { pricesOf, servicesOf } from "../../../firmware/consumer/price-list.ts";

test("details stand with their own line", () => {
  const services = [
    { service: 1, name: "a", free: true },
    { service: 2, name: "b", free: false },
  ];
  const details = [{ service: 2, type: "fuel", available: 7 }];
  expect(servicesOf({ is: "services", services, details })).toEqual([
    { service: 1, name: "a", free: true },
    { service: 2, name: "b", free: false, type: "fuel", available: 7 },
  ]);
  expect(servicesOf({ is: "services", services })).toEqual(services);
});

test("details of a line that is not there say nothing, and of two the first counts", () => {
  const prices = [{ price: 1, name: "a", unit: "L", amountMinor: 5, currency: "EUR" }];
  const details = [
    { price: 2, taxBasisPoints: 1 },
    { price: 1, taxBasisPoints: 2 },
    { price: 1, taxBasisPoints: 3 },
  ];
  expect(pricesOf({ is: "prices", prices, details })).toEqual([
    { ...prices[0], taxBasisPoints: 2 },
  ]);
});
