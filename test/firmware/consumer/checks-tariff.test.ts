// What a consumer believes of offers and receipts at a price with tax, tiers and fees.

import { describe, expect, test } from "vitest";
import { checkOffer, checkReceipts } from "../../../firmware/consumer/checks.ts";
import type { PriceOnList } from "../../../firmware/consumer/price-list.ts";
import { chargeOf } from "../../../firmware/token/charge.ts";
import type { AmountLine, Offer } from "../../../firmware/token/offer.ts";
import type {
  Receipt,
  SessionReceipt,
  SettlementReceipt,
} from "../../../firmware/token/receipt.ts";
import { crypto, story } from "../../support/sale.ts";

const { offer, signed } = story;
const { select } = story.messages;
const [session, settlement] = story.receipts as readonly [SessionReceipt, SettlementReceipt];
const mismatch = (at: string) => ({ ok: false, fault: { kind: "offer-mismatch", at } });

describe("I4: an offer that costs other than the price list said is refused", () => {
  const shown: PriceOnList = {
    price: 1,
    name: "per kWh",
    unit: "kWh",
    amountMinor: 35,
    currency: "EUR",
    taxBasisPoints: 1900,
    minUnits: 2,
    tiers: [{ fromUnits: 6, amountMinor: 30 }],
    fees: [
      { start: true, name: "Start", amountMinor: 50 },
      { start: false, name: "Service", amountMinor: 20 },
    ],
  };
  const tariff = {
    taxBasisPoints: 1900,
    tiers: [{ fromUnits: 6, amountMinor: 30 }],
    feeNames: ["Start", "Service"],
  };
  const lines = [
    { kind: "units" as const, amountMinor: 325 },
    { kind: "start" as const, amountMinor: 50 },
    { kind: "fee" as const, amountMinor: 20 },
  ];
  const rich: Offer = { ...offer, tariff, lines, totalMinor: 395 };
  const compared = (change: Partial<Offer>, list: Partial<PriceOnList> = {}) => {
    const made = { ...rich, ...change };
    return checkOffer(made, select, offer.consumer, undefined, { ...shown, ...list });
  };
  const edited = (index: number, change: Partial<AmountLine>) => ({
    lines: lines.map((line, i) => (i === index ? { ...line, ...change } : line)),
  });

  test("and one that is as it said is taken", () => {
    expect(compared({})).toMatchObject({ ok: true });
  });

  test.each<[string, Partial<Offer>]>([
    ["another amount per unit", { priceMinor: 36 }],
    ["another currency", { currency: "USD" }],
    ["another unit", { unit: "Wh" }],
    ["another tax", { tariff: { ...tariff, taxBasisPoints: 700 } }],
    ["no tax", { tariff: { tiers: tariff.tiers, feeNames: tariff.feeNames } }],
    ["another tier", { tariff: { ...tariff, tiers: [{ fromUnits: 6, amountMinor: 31 }] } }],
    ["a later tier", { tariff: { ...tariff, tiers: [{ fromUnits: 7, amountMinor: 30 }] } }],
    ["no tiers", { tariff: { taxBasisPoints: 1900, feeNames: tariff.feeNames } }],
    ["no tariff", { tariff: {} }],
    ["a dearer start", edited(1, { amountMinor: 51 })],
    ["a dearer fee", edited(2, { amountMinor: 21 })],
    ["a fee as a start", edited(2, { kind: "start" })],
    ["a fee more", { lines: [...lines, { kind: "fee", amountMinor: 1 }] }],
    ["a fee less", { lines: lines.slice(0, 2) }],
    ["a fee of another name", { tariff: { ...tariff, feeNames: ["Start", "Tip"] } }],
  ])("%s", (_name, change) => {
    expect(compared(change)).toMatchObject(mismatch("offer"));
  });

  test("a tariff where the list has none", () => {
    const plain = { price: 1, name: "", unit: "kWh", amountMinor: 35, currency: "EUR" };
    const against = (one: Offer) =>
      checkOffer(one, select, offer.consumer, undefined, plain as PriceOnList);
    expect(against(offer)).toMatchObject({ ok: true });
    expect(against(rich)).toMatchObject(mismatch("offer"));
    expect(against({ ...offer, tariff: { taxBasisPoints: 1 } })).toMatchObject(mismatch("offer"));
  });
});

describe("receipts of an offer with a tariff", () => {
  const tariffed: Offer = {
    ...offer,
    tariff: {
      taxBasisPoints: 1900,
      tiers: [{ fromUnits: 6, amountMinor: 30 }],
      feeNames: ["Start", "Service"],
    },
    lines: [
      { kind: "units", amountMinor: 325 },
      { kind: "start", amountMinor: 50 },
      { kind: "fee", amountMinor: 20 },
    ],
    totalMinor: 395,
  };
  /** 4 kWh, then 2.25: the first at one price and with the fees, the second over both prices. */
  const parts = [4000, 2250] as const;
  const sessions = parts.map((pulses, i): SessionReceipt => {
    const before = parts.slice(0, i).reduce((sum, part) => sum + part, 0);
    return {
      ...session,
      number: i + 1,
      session: i + 1,
      pulses,
      milliUnits: pulses,
      endReading: session.startReading + pulses + session.runOnPulses,
      ...chargeOf(tariffed, before, pulses),
    };
  });
  const [one, two] = sessions as [SessionReceipt, SessionReceipt];
  const end: SettlementReceipt = {
    ...settlement,
    number: 3,
    sessions: 2,
    ...chargeOf(tariffed, 0, 6250),
    capturedMinor: 395,
    refundedMinor: 395 - 282,
  };
  const check = (...receipts: Receipt[]) => checkReceipts(receipts, tariffed, signed.offer, crypto);
  const broken = (change: Partial<NonNullable<Receipt["breakdown"]>>) => ({
    ...one,
    breakdown: { lines: [], ...one.breakdown, ...change },
  });

  test("I4: charge units by their tiers and fees once, with the tax in each amount", () => {
    expect(one).toMatchObject({
      amountMinor: 4 * 35 + 50 + 20,
      breakdown: {
        taxMinor: 34,
        lines: [
          { kind: "units", amountMinor: 140 },
          { kind: "start", amountMinor: 50 },
          { kind: "fee", amountMinor: 20 },
        ],
      },
    });
    expect(two).toMatchObject({
      amountMinor: 35 + 37,
      breakdown: { taxMinor: 11, lines: [{ kind: "units", amountMinor: 72 }] },
    });
    expect(end).toMatchObject({ amountMinor: 282, breakdown: { taxMinor: 45 } });
    expect(check(one, two, end)).toMatchObject({ ok: true });
  });

  test("I4: charge nothing, and no fee, for nothing", () => {
    const nothing = {
      ...one,
      pulses: 0,
      milliUnits: 0,
      amountMinor: 0,
      breakdown: { taxMinor: 0, lines: [] },
    };
    expect(check(nothing)).toMatchObject({ ok: true });
    const fee = { kind: "start" as const, amountMinor: 50 };
    const early = { amountMinor: 50, breakdown: { taxMinor: 8, lines: [fee] } };
    expect(check({ ...nothing, ...early })).toMatchObject(mismatch("receipts.0"));
    const refunded = { ...end, sessions: 1, number: 2, pulses: 0, milliUnits: 0, amountMinor: 0 };
    const all = { ...refunded, breakdown: nothing.breakdown, refundedMinor: 395 };
    expect(check(nothing, all)).toMatchObject({ ok: true });
    expect(check(nothing, { ...all, refundedMinor: 345, ...early })).toMatchObject(
      mismatch("receipts.1"),
    );
  });

  const [units, start, fee] = one.breakdown?.lines ?? [];
  test.each<[string, Receipt]>([
    ["no lines", { ...session, ...one, breakdown: undefined } as unknown as Receipt],
    ["no line for a fee", broken({ lines: [units, start] as AmountLine[] })],
    ["a fee of another kind", broken({ lines: [units, fee, start] as AmountLine[] })],
    [
      "a line of nothing",
      broken({ lines: [...(one.breakdown?.lines ?? []), { kind: "fee", amountMinor: 0 }] }),
    ],
    ["less tax", broken({ taxMinor: 33 })],
    ["more tax", broken({ taxMinor: 35 })],
    ["no tax", { ...one, breakdown: { lines: one.breakdown?.lines ?? [] } }],
    ["no fees in its amount", { ...one, amountMinor: 140 }],
    ["a unit at the price before its tier", { ...one, amountMinor: 211 }],
  ])("I4: with %s are refused", (_name, receipt) => {
    expect(check(receipt)).toMatchObject(mismatch("receipts.0"));
  });

  test("I4: that charge a fee again are refused", () => {
    const again = { kind: "start" as const, amountMinor: 50 };
    const lines = [...(two.breakdown?.lines ?? []), again];
    const twice = { ...two, amountMinor: 122, breakdown: { taxMinor: 19, lines } };
    expect(check(one, twice)).toMatchObject(mismatch("receipts.1"));
  });

  test("I4: of a settlement with other lines than its sessions are refused", () => {
    const lines = [{ kind: "units" as const, amountMinor: 282 }];
    expect(check(one, two, { ...end, breakdown: { taxMinor: 45, lines } })).toMatchObject(
      mismatch("receipts.2"),
    );
    const { breakdown: _, ...without } = end;
    expect(check(one, two, without)).toMatchObject(mismatch("receipts.2"));
  });

  test("and lines on a receipt of a plain offer are refused", () => {
    const breakdown = { lines: [{ kind: "units" as const, amountMinor: session.amountMinor }] };
    const odd = checkReceipts([{ ...session, breakdown }], offer, signed.offer, crypto);
    expect(odd).toMatchObject(mismatch("receipts.0"));
  });
});
