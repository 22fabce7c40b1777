// Money: the tax in an amount, and as many digits after the point as ISO 4217 says.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { containedTax, formatMinor } from "../../firmware/money.ts";
import { AMOUNT_MINOR_MAX, TAX_BASIS_POINTS_MAX } from "../../firmware/protocol/messages.ts";

describe("formatMinor", () => {
  test.each([
    [1250, "EUR", "12.50 EUR"],
    [5, "EUR", "0.05 EUR"],
    [0, "USD", "0.00 USD"],
    [-5, "GBP", "-0.05 GBP"],
    [-1250, "EUR", "-12.50 EUR"],
    [650, "JPY", "650 JPY"],
    [-650, "KRW", "-650 KRW"],
    [0, "ISK", "0 ISK"],
    [1234, "KWD", "1.234 KWD"],
    [7, "TND", "0.007 TND"],
    [12345, "CLF", "1.2345 CLF"],
    [3, "UYW", "0.0003 UYW"],
    [100, "ZZZ", "1.00 ZZZ"],
  ])("%i %s is %s", (amount, currency, text) => {
    expect(formatMinor(amount, currency)).toBe(text);
  });

  test.each([
    ["0 digits", 0, ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF"]],
    ["0 digits", 0, ["UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"]],
    ["3 digits", 3, ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]],
    ["4 digits", 4, ["CLF", "UYW"]],
    ["2 digits", 2, ["EUR", "USD", "GBP", "CHF", "SEK", "PLN", "HUF", "INR", "MRU", "MGA"]],
  ])("%s: those of ISO 4217 that have so many", (_name, digits, currencies) => {
    for (const currency of currencies) {
      const fraction = formatMinor(1, currency).split(" ")[0]?.split(".")[1] ?? "";
      expect([currency, fraction.length]).toEqual([currency, digits]);
    }
  });

  test("loses no digit", () => {
    const amount = fc.integer({ min: -AMOUNT_MINOR_MAX, max: AMOUNT_MINOR_MAX });
    fc.assert(
      fc.property(amount, fc.constantFrom("JPY", "EUR", "KWD", "CLF"), (minor, currency) => {
        const [number = ""] = formatMinor(minor, currency).split(" ");
        expect(Number(number.replace(".", ""))).toBe(minor + 0);
      }),
    );
  });
});

describe("containedTax", () => {
  test.each([
    [119, 1900, 19],
    [1190, 1900, 190],
    [100, 1900, 16],
    [107, 700, 7],
    [0, 1900, 0],
    [500, 0, 0],
    // Exactly half: 3 at 100 % contains 1.5, 1 contains 0.5.
    [3, 10_000, 2],
    [1, 10_000, 1],
    [AMOUNT_MINOR_MAX, TAX_BASIS_POINTS_MAX, AMOUNT_MINOR_MAX / 2],
  ])("of %i at %i hundredths of a percent is %i", (amountMinor, points, tax) => {
    expect(containedTax(amountMinor, points)).toBe(tax);
  });

  test("I4: is the nearest whole number to the exact tax, half of one rounded up", () => {
    const amount = fc.nat(AMOUNT_MINOR_MAX);
    fc.assert(
      fc.property(amount, fc.nat(TAX_BASIS_POINTS_MAX), (amountMinor, points) => {
        const of = BigInt(10_000 + points);
        const off = BigInt(containedTax(amountMinor, points)) * of - BigInt(amountMinor * points);
        expect(2n * off > -of && 2n * off <= of).toBe(true);
      }),
    );
  });
});
