// Pages and receipts for people: what they say fits the rows of a small display, and sums are those of the order.

import { expect, test } from "vitest";
import type { Price, Service } from "../../../firmware/producer/catalogue.ts";
import { closed, closing, newOrder, type Order, paid } from "../../../firmware/producer/order.ts";
import {
  declinedPage,
  declineText,
  donePage,
  endingPage,
  idlePage,
  printedReceipt,
  progressPage,
  rowsOf,
} from "../../../firmware/producer/walk-up-pages.ts";
import { STOP_REASONS, type StopCause } from "../../../hal/loop-host.ts";

const PRICE: Price = { id: 1, name: "Day", amountMinor: 45, currency: "EUR" };
const SERVICE = { name: "Energy" } as Service;
const COLUMNS = 20;

function order(pulses: number): Order {
  const made = newOrder({
    ...{ id: "00112233aabbccdd", consumer: "11".repeat(32), outlet: "o", meter: "m" },
    ...{ tokenLifeS: 60, offer: Uint8Array.of(1), madeS: 1, atBoard: true, way: "hold" },
    terms: {
      ...{ service: 1, price: 1, units: 5, unit: "kWh", priceMinor: 45, currency: "EUR" },
      ...{ numerator: 1000, denominator: 1, totalMinor: 225, undelivered: "refund" },
      lines: [{ kind: "units", amountMinor: 225 }],
    },
  });
  const token = Uint8Array.of(1);
  const held = { reference: "ref", takenMinor: 225, token, expiresS: 99, clockUnset: false };
  return { ...paid(made, held), pulses, sessions: 1 };
}

test("units are rounded down, money as it is charged", () => {
  const lines = (pulses: number) => progressPage("Energy", order(0), pulses, false).lines;
  expect(lines(0)).toEqual(["Energy", "0.00 kWh", "0.00 EUR"]);
  expect(lines(999)).toEqual(["Energy", "0.99 kWh", "0.44 EUR"]);
  expect(lines(1234)).toEqual(["Energy", "1.23 kWh", "0.55 EUR"]);
  expect(progressPage("Energy", order(0), 0, true).lines).toHaveLength(4);
});

test("every reason to stop, and every decline, has words that fit a row", () => {
  for (const reason of [...STOP_REASONS, "expired"]) {
    const [, stopped = ""] = endingPage("Energy", closing(order(100), reason, false)).lines;
    expect(stopped).not.toBe("Done");
    expect(stopped.length).toBeLessThanOrEqual(COLUMNS);
  }
  const shown = (reason: string, cause: StopCause) =>
    endingPage("Energy", closing(order(100), reason, false, cause)).lines[1];
  const door = { of: "door", value: 1, unit: "state" } as const;
  expect(shown("interlock", door)).toBe("Stopped: door open");
  // The row has no room for it.
  expect(shown("interlock", { ...door, of: "left-front-door" })).toBe("Stopped for safety");
  expect(shown("emergency-stop", { ...door, of: "emergency-stop" })).toBe("Emergency stop");
  for (const reason of STOP_REASONS) {
    for (const unit of ["ms", "pulses", "state", "value", "units"] as const) {
      for (const value of [0, 3, 31_499, -4_000_000_000, 4_000_000_000]) {
        const row = shown(reason, { of: "energy", value, unit });
        expect(row?.length, `${reason} ${unit} ${value}`).toBeLessThanOrEqual(COLUMNS);
      }
    }
  }
  expect(shown("meter-stuck", { of: "energy", value: 31_499, unit: "ms" })).toBe(
    "Meter still 31 s",
  );
  const kinds = ["declined", "credential-invalid", "payment-lost", "busy", "expired"] as const;
  for (const kind of kinds) expect(declineText(kind).length).toBeLessThanOrEqual(COLUMNS);
  expect(declinedPage("busy", ["why"]).lines).toEqual([
    ...["In use: please wait", "Nothing is charged", "why"],
  ]);
});

test("what others say is cut into rows of a small display, and there are never many", () => {
  expect(rowsOf("present your card: 0.45 EUR")).toEqual(["present your card", "0.45 EUR"]);
  expect(rowsOf("the card was taken away too early")).toEqual([
    ...["the card was taken", "away too early"],
  ]);
  expect(rowsOf("exactly twenty signs in two")).toEqual(["exactly twenty signs", "in two"]);
  const long = "a".repeat(50);
  expect(rowsOf(`${long} b`)).toEqual([long, "b"]);
  expect(rowsOf("word ".repeat(500))).toHaveLength(6);
  expect(rowsOf("")).toEqual([""]);
});

test("the price says what else is charged", () => {
  const said = (price: Price) => idlePage("Board", SERVICE, price, "kWh", "Come").lines;
  expect(said(PRICE)).toEqual(["Board", "Energy", "0.45 EUR per kWh", "Come"]);
  const one = [{ name: "Start", start: true, amountMinor: 100 }];
  expect(said({ ...PRICE, fees: one })).toEqual([
    ...["Energy", "0.45 EUR per kWh", "+ 1.00 EUR Start", "Come", "Board"],
  ]);
  const two = [...one, { name: "Clean", start: false, amountMinor: 50 }];
  expect(said({ ...PRICE, fees: two })[2]).toBe("+ 1.50 EUR fees");
  const tiers = [{ fromUnits: 10, amountMinor: 60 }];
  expect(said({ ...PRICE, tiers })[2]).toBe("first 0.45 EUR per kWh");
});

test("a closed order says what was charged, which is not more than was got", () => {
  const done = closed(closing(order(1234), "exhausted", false), { capturedMinor: 55 }, {});
  expect(donePage("Energy", done, undefined)).toEqual({
    lines: ["Energy", "All is delivered", "1.23 kWh", "Charged 0.55 EUR", "Thank you"],
  });
  expect(donePage("Energy", done, new Uint8Array(200)).code?.length).toBeGreaterThan(10);
  expect(printedReceipt("Board", "Energy", done, undefined, undefined)).toEqual({
    lines: [
      ...["Board", "", "Energy\t1.23 kWh", "at 0.45 EUR per kWh", "Charged\t0.55 EUR", ""],
      ...["Order\t00112233aabbccdd", "Payment\tref", "All is delivered"],
    ],
  });
});
