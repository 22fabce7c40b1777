// Offers, receipts, prices and refusals as people and machines read them.

import { describe, expect, test } from "vitest";
import { chargeOf, settlementCharge } from "../../firmware/token/charge.ts";
import type { Offer } from "../../firmware/token/offer.ts";
import type { Receipt } from "../../firmware/token/receipt.ts";
import { nextCommand } from "../../tools/next-command.ts";
import { priceRows, serviceRows } from "../../tools/price-text.ts";
import {
  offerFact,
  offerRows,
  receiptFact,
  receiptRows,
  unitsText,
} from "../../tools/sale-text.ts";
import { withCounterOffer } from "../../tools/selection.ts";
import { story } from "../support/sale.ts";

const OFFER: Offer = {
  ...story.offer,
  units: 10,
  priceMinor: 35,
  tariff: {
    taxBasisPoints: 770,
    tiers: [{ fromUnits: 6, amountMinor: 30 }],
    feeNames: ["Start", "Grid", "Parking"],
  },
  lines: [
    { kind: "units", amountMinor: 325 },
    { kind: "start", amountMinor: 50 },
    { kind: "fee", amountMinor: 7 },
    { kind: "fee", amountMinor: 7 },
  ],
  totalMinor: 389,
};
const [session, settlement] = story.receipts as readonly [Receipt, Receipt];
const words = (rows: readonly string[]) => rows.map((row) => row.trim().replace(/ +/g, " "));

describe("an offer", () => {
  test("shows every line, units by their prices, and the tax in it", () => {
    expect(words(offerRows(OFFER)).slice(2, -1)).toEqual([
      "- units 1.75 EUR for 5 kWh, 0.35 EUR per kWh",
      "- units 1.50 EUR for 5 kWh, 0.30 EUR per kWh",
      "- Start 0.50 EUR",
      "- Grid 0.07 EUR",
      "- Parking 0.07 EUR",
      "total 3.89 EUR",
      "of which tax 0.28 EUR (7.7 %)",
    ]);
    expect(offerFact(OFFER)).toMatchObject({
      taxBasisPoints: 770,
      taxMinor: 28,
      tiers: [{ fromUnits: 6, amountMinor: 30 }],
      lines: [{}, { kind: "start", name: "Start" }, { name: "Grid" }, { name: "Parking" }],
    });
  });

  test("at a plain price shows its units and no tax", () => {
    const rows = words(offerRows(story.offer));
    expect(rows).toContain("- units 3.50 EUR");
    expect(rows.join()).not.toContain("tax");
    expect(offerFact(story.offer)).not.toHaveProperty("taxMinor");
  });
});

describe("a receipt", () => {
  const charged = (receipt: Receipt): Receipt => ({ ...receipt, ...chargeOf(OFFER, 0, 6250) });

  test.each([
    ["session", charged(session)],
    ["settlement", charged(settlement)],
  ])("of a %s shows every line by its name, and the tax in it", (_name, receipt) => {
    const rows = words(receiptRows(receipt, OFFER));
    const from = rows.indexOf("amount 2.76 EUR");
    expect(rows.slice(from + 1, from + 6)).toEqual([
      "- units 2.12 EUR",
      "- Start 0.50 EUR",
      "- Grid 0.07 EUR",
      "- Parking 0.07 EUR",
      "of which tax 0.20 EUR (7.7 %)",
    ]);
    expect(receiptFact(receipt, OFFER)).toMatchObject({
      amountMinor: 276,
      taxMinor: 20,
      lines: [{ name: "units" }, { name: "Start" }, { name: "Grid" }, { name: "Parking" }],
    });
  });

  test("names what the payer gave on top", () => {
    const extras = [
      { name: "charityDonation", amountMinor: 10 },
      { name: "tip", amountMinor: 10 },
    ];
    const receipt: Receipt = { ...settlement, ...settlementCharge(OFFER, 6250, extras) };
    const rows = words(receiptRows(receipt, OFFER));
    expect(rows).toContain("- charityDonation 0.10 EUR");
    expect(rows).toContain("- tip 0.10 EUR");
    const { lines } = receiptFact(receipt, OFFER) as { lines: object[] };
    expect(lines.slice(-2)).toMatchObject(extras);
  });

  test("of a plain offer shows its amount alone", () => {
    const rows = words(receiptRows(session, story.offer));
    expect(rows.filter((row) => row.startsWith("-") || row.includes("tax"))).toEqual([]);
    expect(receiptFact(session, story.offer)).not.toHaveProperty("breakdown");
  });
});

test("a price shows tiers, fees, tax and range, a service its type, words and what is left", () => {
  const plain = { price: 1, name: "", unit: "L", amountMinor: 164, currency: "EUR" };
  expect(priceRows(plain)).toEqual([]);
  expect(
    priceRows({
      ...plain,
      taxBasisPoints: 1900,
      minUnits: 2,
      stepUnits: 2,
      tiers: [{ fromUnits: 61, amountMinor: 161 }],
      fees: [
        { start: true, name: "Start", amountMinor: 30 },
        { start: false, name: "Card", amountMinor: 5 },
      ],
    }),
  ).toEqual([
    "1.61 EUR per L from 61 L on",
    "0.30 EUR once, when delivery starts: Start",
    "0.05 EUR once: Card",
    "tax of 19 % is contained",
    "from 2 in steps of 2 L",
  ]);
  const service = { service: 1, name: "Diesel", free: true };
  expect(serviceRows(service)).toEqual([]);
  expect(serviceRows({ ...service, type: "fuel", description: "B7", available: 40 })).toEqual([
    "fuel: B7",
    "40 units can be supplied now",
  ]);
});

test("items are counted as people count them, symbols are left as they are", () => {
  expect(unitsText(1000, "item")).toBe("1 item");
  expect(unitsText(0, "item")).toBe("0 items");
  expect(unitsText(3000, "item")).toBe("3 items");
  expect(unitsText(3000, "kWh")).toBe("3 kWh");
  expect(unitsText(250, "L")).toBe("0.250 L");
  const price = { price: 1, name: "a", unit: "item", amountMinor: 1, currency: "EUR" };
  expect(priceRows({ ...price, minUnits: 2, maxUnits: 6 })).toEqual(["from 2 to 6 items"]);
  expect(priceRows({ ...price, maxUnits: 1 })).toEqual(["to 1 item"]);
});

describe("a quantity that cannot be had", () => {
  const supply = { units: 40, totalMinor: 6590, currency: "EUR" };
  const fault = { kind: "units-out-of-range" as const, message: "from 2 to 40 L", at: "units" };
  const selection = { service: 1, price: 2, units: 41 };
  const told = (values: Record<string, string>) =>
    withCounterOffer({ ...fault, supply }, "quote", selection, values).message;

  test("and every next step is told with the options that it needs again", () => {
    const values = { broker: "mqtt://b:1", identity: "my folder", operator: ["a.pub", "b.pub"] };
    expect(nextCommand("begin", "0011", { ...values, units: "3", to: "x" })).toBe(
      "sluice begin 0011 --broker mqtt://b:1 --identity 'my folder' --operator a.pub --operator b.pub",
    );
    expect(nextCommand("begin", "0011", {})).toBe("sluice begin 0011");
  });

  test("is answered with the command for the nearest that can, and its total", () => {
    expect(told({})).toBe(
      "from 2 to 40 L; 40 for 65.90 EUR: sluice quote --service 1 --price 2 --units 40",
    );
    expect(told({ to: "Bob's pump", broker: "mqtt://b:1", units: "41" })).toMatch(
      / --units 40 --to 'Bob'\\''s pump' --broker mqtt:\/\/b:1$/,
    );
  });

  test("I12: never with the card, nor with the password of a broker", () => {
    expect(nextCommand("pay", "0011", { broker: "mqtts://u:secret@b", card: "4111" })).toBe(
      "sluice pay 0011",
    );
    expect(told({ card: "4111111111111111" })).not.toContain("4111");
  });

  test("is told as it came where nothing is offered instead", () => {
    expect(withCounterOffer(fault, "buy", selection, {})).toEqual(fault);
  });
});
