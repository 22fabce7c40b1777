// Offers as the device makes them: which quantities, what they cost, and what is offered instead.

import { expect, test } from "vitest";
import { virtualPump } from "../../../boards/virtual-pump.ts";
import { toHex } from "../../../firmware/bytes.ts";
import { openCatalogue, type Price, type Service } from "../../../firmware/producer/catalogue.ts";
import { openOffers } from "../../../firmware/producer/offers.ts";
import { priceList, serviceList } from "../../../firmware/producer/price-list.ts";
import { encodeMessage } from "../../../firmware/protocol/message-codec.ts";
import { verifyOffer } from "../../../firmware/token/offer.ts";
import { simWorld } from "../../../hal/sim/world.ts";
import { crypto, deviceKey, story, value } from "../../support/sale.ts";

const PRICE: Price = {
  id: 1,
  name: "per litre",
  amountMinor: 164,
  currency: "EUR",
  taxBasisPoints: 1900,
  stepUnits: 5,
  tiers: [{ fromUnits: 11, amountMinor: 160 }],
  fees: [{ start: true, name: "Start", amountMinor: 30 }],
};
const SERVICE: Service = {
  id: 1,
  name: "Diesel",
  outlet: "nozzle",
  meter: "flow",
  prices: [PRICE, { id: 2, name: "plain", amountMinor: 164, currency: "EUR" }],
  unitsMax: 200,
  undelivered: "refund",
  tokenLifeS: 3600,
};
const consumer = toHex(crypto.boxPublicKey(story.keys.consumerBox));

function offersWith(available: number | undefined) {
  const world = simWorld({ seed: 1 });
  const catalogue = openCatalogue(virtualPump);
  expect(catalogue.add(SERVICE)).toMatchObject({ ok: true });
  const entropy = world.entropy("offers");
  const { clock } = world;
  const signer = story.keys.device;
  return openOffers({ clock, crypto, entropy, signer, catalogue, available: () => available });
}
const asked = (units: number, available?: number, price = 1) =>
  offersWith(available).make(consumer, { service: 1, price, units });

test("I4: an offer has a line for the units at their tiers and for each fee, and verifies", () => {
  const { signed } = value(asked(15));
  expect(value(verifyOffer(signed, deviceKey, crypto))).toMatchObject({
    units: 15,
    priceMinor: 164,
    lines: [
      { kind: "units", amountMinor: 10 * 164 + 5 * 160 },
      { kind: "start", amountMinor: 30 },
    ],
    totalMinor: 10 * 164 + 5 * 160 + 30,
    tariff: { taxBasisPoints: 1900, tiers: PRICE.tiers, feeNames: ["Start"] },
  });
});

test("an offer at a plain price says nothing of a tariff", () => {
  const { offer, signed } = value(asked(15, undefined, 2));
  expect(Object.keys(offer)).not.toContain("tariff");
  expect(signed.length).toBeLessThan(value(asked(15)).signed.length - 20);
});

test.each<[string, number, number | undefined, number]>([
  ["off the step", 12, undefined, 10],
  ["half way between two steps", 1_000_000, undefined, 200],
  ["nothing", 0, undefined, 5],
  ["more than is available", 50, 33, 30],
  ["off the step of what is available", 4, 9, 5],
])(
  "%s is answered with the nearest that can be supplied, and its total",
  (_name, units, available, nearest) => {
    const refused = asked(units, available);
    const totalMinor = Math.min(nearest, 10) * 164 + Math.max(0, nearest - 10) * 160 + 30;
    const supply = { units: nearest, totalMinor, currency: "EUR" };
    const fault = { kind: "units-out-of-range", at: "units", supply };
    expect(refused).toMatchObject({ ok: false, fault });
    const again = value(asked(nearest, available));
    expect(again.offer.totalMinor).toBe(totalMinor);
  },
);

test.each([0, 4])("with %i units left there is nothing to offer instead", (available) => {
  const refused = asked(5, available);
  expect(refused).toMatchObject({ ok: false, fault: { kind: "not-ready" } });
  expect(refused.ok || Object.keys(refused.fault)).not.toContain("supply");
});

test("lists of a plain service take not a byte more than its lines", () => {
  const plain = { ...SERVICE, prices: SERVICE.prices.slice(1) };
  const none = () => undefined;
  const services = serviceList(
    [plain],
    () => true,
    none,
    () => false,
  );
  expect(Object.keys(services)).toEqual(["services"]);
  expect(Object.keys(priceList(plain.prices, "L", () => false))).toEqual(["prices"]);
});

test("lists say type, description and what is left, however much that is", () => {
  const rich = { ...SERVICE, type: "fuel", description: "B7" };
  const list = serviceList(
    [rich, { ...SERVICE, id: 2 }],
    () => false,
    ({ id }) => (id === 1 ? 5e12 : undefined),
    ({ id }) => id === 2,
  );
  expect(list.details).toEqual([
    { service: 1, type: "fuel", description: "B7", available: 1_000_000 },
    { service: 2, changed: true },
  ]);
  expect(encodeMessage({ is: "services", ...list }).length).toBeGreaterThan(0);
});
