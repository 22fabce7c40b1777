// A whole sale at a price with tax, tiers, a start fee and a fee line: delivered in full, in part, and not at all.
// The payment host's books are the witness of every sum.

import { describe, expect, test } from "vitest";
import { violations } from "../../bench/invariants.ts";
import { crypto, ENERGY, type Site } from "../../bench/site.ts";
import type { Purchase } from "../../firmware/consumer/purchase.ts";
import type { Price, Service } from "../../firmware/producer/catalogue.ts";
import type { Result } from "../../firmware/result.ts";
import { type Receipt, verifyReceipt } from "../../firmware/token/receipt.ts";
import { CARD, deal, kind, type Met, story, value, wait } from "./story.ts";

/** 1,000 pulses to the kWh on this board. */
const TARIFF: Price = {
  id: 1,
  name: "Day rate",
  amountMinor: 45,
  currency: "EUR",
  taxBasisPoints: 1900,
  minUnits: 2,
  maxUnits: 20,
  stepUnits: 2,
  tiers: [
    { fromUnits: 3, amountMinor: 40 },
    { fromUnits: 6, amountMinor: 31 },
  ],
  fees: [
    { start: true, name: "Start", amountMinor: 50 },
    { start: false, name: "Grid", amountMinor: 7 },
  ],
};
const SERVICE: Service = { ...ENERGY, type: "ev-charging", prices: [TARIFF] };
const OPTIONS = { services: [SERVICE], pulsesPerSecond: 20 };
/** 2 at 45, 3 at 40, 1 at 31. */
const SIX_MINOR = 2 * 45 + 3 * 40 + 31;
const ASKED = { service: 1, price: 1, units: 6 };

async function bought({ dealer }: Met): Promise<Purchase> {
  value(await dealer.getPrices(1));
  const { purchase, offer } = value(await dealer.select(ASKED));
  expect(offer).toMatchObject({
    totalMinor: SIX_MINOR + 57,
    lines: [
      { kind: "units", amountMinor: SIX_MINOR },
      { kind: "start", amountMinor: 50 },
      { kind: "fee", amountMinor: 7 },
    ],
    tariff: { taxBasisPoints: 1900, tiers: TARIFF.tiers, feeNames: ["Start", "Grid"] },
  });
  return value(await dealer.pay(purchase, CARD));
}

async function settled({ dealer }: Met, purchase: Purchase, site: Site): Promise<Receipt[]> {
  const closed = await dealer.settled(purchase, 120_000);
  expect(closed.state).toBe("closed");
  return closed.receipts.map((signed) => value(verifyReceipt(signed, site.signKey, crypto)));
}

async function booked(site: Site): Promise<{ capturedMinor: number; refundedMinor: number }> {
  const charges = [...(await site.host.charges()).values()];
  expect(charges).toHaveLength(1);
  const [charge] = charges;
  return {
    capturedMinor: charge?.capturedMinor ?? 0,
    refundedMinor: charge?.refundedMinor ?? 0,
  };
}

const WITNESSES = {
  outlet: "socket-1",
  meter: "energy",
  quantumPulses: 100,
  runOnPulsesMax: 100,
  retains: true,
  loss: "seller",
} as const;

test("I1 I4: delivered in full is charged in full, each line and the tax on the receipt", async () => {
  const site = await story(async (met) => {
    const purchase = await bought(met);
    value(await met.dealer.begin(purchase, undefined, () => undefined));
    const [session, settlement] = await settled(met, purchase, met.site);
    const whole = {
      amountMinor: 298,
      breakdown: {
        taxMinor: 48,
        lines: [
          { kind: "units", amountMinor: SIX_MINOR },
          { kind: "start", amountMinor: 50 },
          { kind: "fee", amountMinor: 7 },
        ],
      },
    };
    expect(session).toMatchObject({ is: "session", pulses: 6000, ...whole });
    expect(settlement).toMatchObject({ is: "settlement", refundedMinor: 0, ...whole });
  }, OPTIONS);
  expect(await booked(site)).toEqual({ capturedMinor: 298, refundedMinor: 0 });
  expect(await violations(site, WITNESSES)).toEqual([]);
});

test("I1 I4: delivered in two parts and ended early: fees once, units by their tiers, the rest back", async () => {
  const site = await story(async (met) => {
    const { dealer } = met;
    const purchase = await bought(met);
    value(await dealer.begin(purchase, 1, () => undefined));
    let asked = false;
    value(
      await dealer.begin(purchase, undefined, ({ pulses }) => {
        if (pulses < 1500 || asked) return;
        asked = true;
        void dealer.end(purchase);
      }),
    );
    const [first, second, settlement] = await settled(met, purchase, met.site);
    expect(first).toMatchObject({
      pulses: 1000,
      amountMinor: 45 + 57,
      breakdown: { taxMinor: 16, lines: [{ amountMinor: 45 }, { amountMinor: 50 }, {}] },
    });
    const pulses = second?.pulses ?? 0;
    expect(pulses).toBeGreaterThan(1000);
    expect(pulses).toBeLessThan(4000);
    // The second unit at 45, then the tier at 40.
    const unitsMinor = Math.floor(90 + (40 * (1000 + pulses - 2000)) / 1000) - 45;
    expect(second).toMatchObject({
      reason: "consumer-end",
      amountMinor: unitsMinor,
      breakdown: { lines: [{ kind: "units", amountMinor: unitsMinor }] },
    });
    expect(settlement).toMatchObject({
      amountMinor: 102 + unitsMinor,
      refundedMinor: 298 - 102 - unitsMinor,
      breakdown: { lines: [{ amountMinor: 45 + unitsMinor }, {}, {}] },
    });
  }, OPTIONS);
  const { capturedMinor, refundedMinor } = await booked(site);
  expect(capturedMinor).toBe(298);
  expect(refundedMinor).toBeGreaterThan(0);
  expect(await violations(site, WITNESSES)).toEqual([]);
});

test("I1 I4: with nothing delivered nothing is charged, no fee either", async () => {
  const site = await story(async (met) => {
    const purchase = await bought(met);
    // The contactor does not close: a session that delivers nothing and stops with a fault.
    met.site.board.metal.setFaults("socket-1", { notClosed: true });
    await met.dealer.begin(purchase, undefined, () => undefined);
    const receipts = await settled(met, purchase, met.site);
    expect(receipts.at(-1)).toMatchObject({
      is: "settlement",
      amountMinor: 0,
      refundedMinor: 298,
      breakdown: { taxMinor: 0, lines: [] },
    });
  }, OPTIONS);
  expect(await booked(site)).toEqual({ capturedMinor: 298, refundedMinor: 298 });
  expect(await violations(site, WITNESSES)).toEqual([]);
});

test("I1 I4: fees are charged once over a power cut", async () => {
  const site = await story(async (met) => {
    const purchase = await bought(met);
    const { dealer } = met;
    let cut = false;
    void dealer.begin(purchase, undefined, ({ pulses }) => {
      if (pulses < 1500 || cut) return;
      cut = true;
      met.site.cut();
    });
    while (!cut) await wait(met.site, 100);
    await met.site.powerOn();
    const again = await deal(met.site, met.consumer);
    let begun = await again.begin(purchase, undefined, () => undefined);
    while (!begun.ok) {
      await wait(met.site, 1_000);
      begun = await again.begin(purchase, undefined, () => undefined);
    }
    const receipts = await settled({ ...met, dealer: again }, purchase, met.site);
    const starts = receipts
      .filter(({ is }) => is === "session")
      .flatMap(({ breakdown }) => breakdown?.lines ?? [])
      .filter(({ kind: what }) => what === "start");
    expect(receipts).toHaveLength(3);
    expect(starts).toHaveLength(1);
    expect(receipts.at(-1)).toMatchObject({ amountMinor: 298, refundedMinor: 0 });
  }, OPTIONS);
  expect(await booked(site)).toEqual({ capturedMinor: 298, refundedMinor: 0 });
});

describe("a quantity that cannot be bought is answered with the nearest that can", () => {
  const supply = async (services: readonly Service[], units: number[], price = 1) => {
    const answers: Result<unknown>[] = [];
    await story(
      async ({ dealer }) => {
        for (const count of units) {
          answers.push(await dealer.select({ service: 1, price, units: count }));
        }
      },
      { services },
    );
    return answers.map((one) => (one.ok ? "ok" : [one.fault.kind, one.fault.at, one.fault.supply]));
  };
  const nearest = (units: number, totalMinor: number) => [
    "units-out-of-range",
    "units",
    { units, totalMinor, currency: "EUR" },
  ];

  test("by least, step, largest, and its total with the fees", async () => {
    expect(await supply([SERVICE], [1, 7, 21, 1_000_000, 0, 6])).toEqual([
      nearest(2, 90 + 57),
      nearest(6, SIX_MINOR + 57),
      nearest(20, 90 + 120 + 15 * 31 + 57),
      nearest(20, 90 + 120 + 15 * 31 + 57),
      nearest(2, 90 + 57),
      "ok",
    ]);
  });

  test("by what the service sells at once, and by the largest amount there is", async () => {
    const dear = { ...TARIFF, id: 2, amountMinor: 300_000_000, tiers: [], fees: [], stepUnits: 1 };
    const services = [{ ...SERVICE, unitsMax: 9, prices: [TARIFF, dear] }];
    expect(await supply(services, [10])).toEqual([nearest(8, 90 + 120 + 3 * 31 + 57)]);
    expect(await supply(services, [4], 2)).toEqual([nearest(3, 900_000_000)]);
  });

  test("what is asked for again as it was answered is offered at the total that was said", async () => {
    await story(async ({ dealer }) => {
      const refused = await dealer.select({ service: 1, price: 1, units: 7 });
      if (refused.ok || refused.fault.supply === undefined) throw new Error(kind(refused));
      const { units, totalMinor } = refused.fault.supply;
      const { offer } = value(await dealer.select({ service: 1, price: 1, units }));
      expect(offer).toMatchObject({ units, totalMinor });
    }, OPTIONS);
  });
});

test("lists say what is more than a name and an amount, and nothing of a plain service", async () => {
  const plain = { ...ENERGY, id: 2, outlet: "socket-2" };
  await story(
    async ({ dealer }) => {
      const [rich, simple] = value(await dealer.requestServices());
      expect(rich).toEqual({ service: 1, name: "Energy", free: true, type: "ev-charging" });
      expect(simple).toEqual({ service: 2, name: "Energy", free: true });
      const { id, amountMinor, ...more } = TARIFF;
      expect(value(await dealer.getPrices(1))).toEqual([
        { price: id, unit: "kWh", amountMinor, ...more },
      ]);
      const [price] = value(await dealer.getPrices(2));
      expect(Object.keys(price ?? {}).sort()).toEqual(
        ["amountMinor", "currency", "name", "price", "unit"].sort(),
      );
    },
    { services: [SERVICE, plain] },
  );
});
