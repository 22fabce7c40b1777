// What a service may be, and the shapes that keep all of it.

import { describe, expect, test } from "vitest";
import type { Price, Service } from "../../../firmware/producer/catalogue.ts";
import { checkService } from "../../../firmware/producer/service-check.ts";
import { serviceRecord } from "../../../firmware/producer/service-record.ts";
import { COMMAND_BYTES_MAX } from "../../../firmware/protocol/messages.ts";
import { readCbor, readJson } from "../../../firmware/protocol/schema.ts";

const PRICE: Required<Price> = {
  id: 1,
  name: "per litre",
  amountMinor: 164,
  currency: "EUR",
  taxBasisPoints: 1900,
  minUnits: 5,
  maxUnits: 100,
  stepUnits: 5,
  tiers: [
    { fromUnits: 51, amountMinor: 160 },
    { fromUnits: 81, amountMinor: 0 },
  ],
  fees: [
    { start: true, name: "Start", amountMinor: 50 },
    { start: false, name: "Nozzle", amountMinor: 10 },
  ],
};
/** Everything but the stream, which leaves out tiers and fees. */
const SERVICE: Required<Omit<Service, "stream">> = {
  id: 1,
  name: "Diesel",
  type: "fuel",
  description: "B7, EN 590",
  level: { sensor: "tank", readingsPerUnit: { numerator: 10, denominator: 1 }, reserve: 500 },
  outlet: "nozzle",
  meter: "flow",
  prices: [PRICE],
  unitsMax: 200,
  undelivered: "refund",
  tokenLifeS: 3600,
  payment: { way: "stored-value", flow: "residents" },
  walkUp: { price: 1, units: 50 },
  bearer: { valueMinorMax: 5000 },
};
const RATIO = { numerator: 450, denominator: 1 };
const check = (change: Partial<Service>) => checkService({ ...SERVICE, ...change }, RATIO);
const priced = (change: Partial<Price>) => check({ prices: [{ ...PRICE, ...change }] });
const streamed = (change: Partial<Service>, price: Partial<Price> = {}) =>
  check({
    stream: { windowUnitsMax: 2 },
    payment: { way: "hold" },
    prices: [{ ...PRICE, tiers: [], fees: [], ...price }],
    ...change,
  });
const refused = (at: string) => ({ ok: false, fault: { at } });

test("a service with everything that it may say is taken", () => {
  expect(check({})).toMatchObject({ ok: true });
});

test("a service with everything comes back from store and command as it was", () => {
  const service: Required<Service> = { ...SERVICE, stream: { windowUnitsMax: 2 } };
  const json = JSON.parse(JSON.stringify(serviceRecord.toJson(service)));
  expect(readJson(serviceRecord, json, "service")).toEqual({ ok: true, value: service });
  const cbor = serviceRecord.toCbor(service);
  expect(readCbor(serviceRecord, cbor, "service")).toEqual({ ok: true, value: service });
});

test("what the schema lets through of a record is within what a command may be, for one price", () => {
  expect(serviceRecord.bytesMax / 8).toBeLessThan(COMMAND_BYTES_MAX);
});

describe("a service that may be paid while it is delivered", () => {
  test("is taken with a hold and one plain price a unit, tax and all", () => {
    expect(streamed({})).toMatchObject({ ok: true });
    expect(streamed({ stream: { windowUnitsMax: 0 } })).toMatchObject({ ok: true });
    expect(streamed({ stream: { windowUnitsMax: 1024 }, unitsMax: 65_535 })).toMatchObject({
      ok: true,
    });
  });

  test.each<[string, Partial<Service>, Partial<Price>, string]>([
    ["paid in full before", { payment: { way: "prepaid" } }, {}, "payment.way"],
    ["paid from an account", { payment: { way: "stored-value", flow: "f" } }, {}, "payment.way"],
    ["of tiers", {}, { tiers: PRICE.tiers }, "prices.0.tiers"],
    ["of fees", {}, { fees: PRICE.fees }, "prices.0.fees"],
    ["of a window below nothing", { stream: { windowUnitsMax: -1 } }, {}, "stream.windowUnitsMax"],
    ["of too wide a window", { stream: { windowUnitsMax: 1025 } }, {}, "stream.windowUnitsMax"],
    ["of more units than a chain has links", { unitsMax: 65_536 }, {}, "unitsMax"],
  ])("is refused %s", (_, change, price, at) => {
    expect(streamed(change, price)).toMatchObject(refused(at));
  });
});

describe("a service is refused with", () => {
  test.each<[string, Partial<Service>, string]>([
    ["a type of two words", { type: "ev charging" }, "type"],
    ["a type of 17 letters", { type: "abcdefghijklmnopq" }, "type"],
    ["a type that begins with a sign", { type: "-x" }, "type"],
    ["no description in its description", { description: "" }, "description"],
    ["a description of 49 bytes", { description: "x".repeat(49) }, "description"],
    ["a description that steers a terminal", { description: "\u001b[2J" }, "description"],
    ["a level of no sensor", { level: { ...SERVICE.level, sensor: "" } }, "level.sensor"],
    ["a reserve below nothing", { level: { ...SERVICE.level, reserve: -1 } }, "level.reserve"],
    [
      "no readings per unit",
      { level: { ...SERVICE.level, readingsPerUnit: { numerator: 0, denominator: 1 } } },
      "level.readingsPerUnit.numerator",
    ],
    ["more units than are counted", { unitsMax: 1_000_000_0 }, "unitsMax"],
    ["a price for the board that it has not", { walkUp: { price: 2, units: 50 } }, "walkUp.price"],
    ["a hold for what cannot be bought", { walkUp: { price: 1, units: 3 } }, "walkUp.units"],
    ["bearers of nothing", { bearer: { valueMinorMax: 0 } }, "bearer.valueMinorMax"],
    ["a hold for more than is sold", { walkUp: { price: 1, units: 105 } }, "walkUp.units"],
  ])("%s", (_name, change, at) => {
    expect(check(change)).toMatchObject(refused(at));
  });
});

describe("a price is refused with", () => {
  const at = "prices.0";
  const tiers = (...all: [number, number][]) => ({
    tiers: all.map(([fromUnits, amountMinor]) => ({ fromUnits, amountMinor })),
  });
  const fee = (name: string, amountMinor: number, start = false) => ({ start, name, amountMinor });
  test.each<[string, Partial<Price>, string]>([
    ["more than 100 % of tax", { taxBasisPoints: 10_001 }, "taxBasisPoints"],
    ["half a hundredth of tax", { taxBasisPoints: 0.5 }, "taxBasisPoints"],
    ["a least quantity of nothing", { minUnits: 0 }, "minUnits"],
    ["a step of nothing", { stepUnits: 0 }, "stepUnits"],
    ["a largest quantity of nothing", { maxUnits: 0 }, "maxUnits"],
    ["tiers that fall", tiers([80, 1], [50, 1]), "tiers.1.fromUnits"],
    ["two tiers from one unit", tiers([50, 2], [50, 1]), "tiers.1.fromUnits"],
    ["a tier in place of the price", tiers([1, 2]), "tiers.0.fromUnits"],
    ["a tier for less than nothing", tiers([50, -1]), "tiers.0.amountMinor"],
    ["five tiers", tiers([2, 1], [3, 1], [4, 1], [5, 1], [6, 1]), "tiers"],
    ["a fee of nothing", { fees: [fee("x", 0)] }, "fees.0.amountMinor"],
    ["a fee without a name", { fees: [fee("", 1)] }, "fees.0.name"],
    ["a fee with too long a name", { fees: [fee("x".repeat(25), 1)] }, "fees.0.name"],
    ["two start fees", { fees: [fee("a", 1, true), fee("b", 1, true)] }, "fees"],
    ["four fees", { fees: ["a", "b", "c", "d"].map((name) => fee(name, 1)) }, "fees"],
  ])("%s", (_name, change, where) => {
    expect(priced(change)).toMatchObject(refused(`${at}.${where}`));
  });

  test.each<[string, Partial<Price>]>([
    ["the least above the largest", { minUnits: 101 }],
    ["no step between least and largest", { minUnits: 6, maxUnits: 9 }],
    ["a step beyond what the service sells", { stepUnits: 201 }],
    ["fees that alone are beyond any amount", { fees: [fee("x", 1_000_000_000)] }],
  ])("%s, so that no quantity can be bought", (_name, change) => {
    expect(priced(change)).toMatchObject(refused(at));
  });
});
