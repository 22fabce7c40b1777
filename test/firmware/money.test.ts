// Money as people read it: as many digits after the point as ISO 4217 says.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatMinor } from "../../firmware/money.ts";
import { AMOUNT_MINOR_MAX } from "../../firmware/protocol/messages.ts";

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
