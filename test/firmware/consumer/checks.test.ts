// What a consumer believes of offers, tokens and receipts that are well signed.

import { describe, expect, test } from "vitest";
import { checkOffer, checkReceipts, checkToken } from "../../../firmware/consumer/checks.ts";
import type { DeliveryToken } from "../../../firmware/token/delivery-token.ts";
import type { Offer } from "../../../firmware/token/offer.ts";
import type {
  Receipt,
  SessionReceipt,
  SettlementReceipt,
} from "../../../firmware/token/receipt.ts";
import { grantPulses, valueOfPulses } from "../../../firmware/units.ts";
import { crypto, story } from "../../support/sale.ts";

const { offer, signed } = story;
const { select } = story.messages;
const [session, settlement] = story.receipts as readonly [SessionReceipt, SettlementReceipt];
const offered = (change: Partial<Offer>, most?: number) =>
  checkOffer({ ...offer, ...change }, select, offer.consumer, most);
const mismatch = (at: string) => ({ ok: false, fault: { kind: "offer-mismatch", at } });

describe("an offer", () => {
  test("that is what was selected is taken, up to the limit", () => {
    expect(offered({})).toMatchObject({ ok: true });
    expect(offered({}, 350)).toMatchObject({ ok: true });
    expect(offered({}, 349)).toMatchObject({ ok: false, fault: { kind: "over-limit" } });
  });

  test.each(["service", "price", "units"] as const)("of another %s is refused", (name) => {
    expect(offered({ [name]: 7 })).toMatchObject(mismatch(`offer.${name}`));
  });

  test("for another consumer is refused", () => {
    const other = { consumer: new Uint8Array(8) };
    expect(offered(other)).toMatchObject({ ok: false, fault: { kind: "wrong-consumer" } });
  });
});

describe("a delivery token", () => {
  const token: DeliveryToken = {
    order: offer.id,
    consumer: offer.consumer,
    service: 1,
    price: 1,
    units: 10,
    expiresS: 1,
  };

  test("is for what was paid", () => {
    expect(checkToken(token, offer)).toMatchObject({ ok: true });
  });

  test.each<[string, Partial<DeliveryToken>]>([
    ["order", { order: "0000000000000000" }],
    ["service", { service: 2 }],
    ["price", { price: 2 }],
    ["units", { units: 9 }],
    ["consumer", { consumer: new Uint8Array(8) }],
  ])("for another %s is refused", (_name, change) => {
    const fault = { kind: "token-invalid" };
    expect(checkToken({ ...token, ...change }, offer)).toMatchObject({ ok: false, fault });
  });
});

describe("receipts", () => {
  const check = (receipts: readonly Receipt[]) =>
    checkReceipts(receipts, offer, signed.offer, crypto);
  const first = (change: Partial<SessionReceipt>) => check([{ ...session, ...change }]);
  const last = (change: Partial<SettlementReceipt>) =>
    check([session, { ...settlement, ...change }]);

  test("of one order that add up are taken, from the first on", () => {
    expect(check([])).toMatchObject({ ok: true });
    expect(check([session])).toMatchObject({ ok: true });
    expect(check([session, settlement])).toMatchObject({ ok: true });
  });

  test("of several sessions are charged as one delivery", () => {
    const value = (pulses: number) => valueOfPulses(pulses, offer.units, offer, offer);
    let before = 0;
    const sessions = [1111, 2222, 6667].map((pulses, index) => {
      const amountMinor = value(before + pulses) - value(before);
      before += pulses;
      return {
        ...session,
        number: index + 1,
        session: index + 1,
        endReading: session.startReading + pulses + session.runOnPulses,
        pulses,
        milliUnits: pulses,
        amountMinor,
      };
    });
    const all = {
      number: 9,
      pulses: 10_000,
      milliUnits: 10_000,
      amountMinor: 350,
      refundedMinor: 0,
      sessions: 3,
    };
    expect(check([...sessions, { ...settlement, ...all }])).toMatchObject({ ok: true });
    expect(check(sessions.slice(1))).toMatchObject(mismatch("receipts.0"));
    expect(check([sessions[0], sessions[2]] as Receipt[])).toMatchObject(mismatch("receipts.1"));
  });

  test("for another order or offer are refused", () => {
    expect(first({ order: "0000000000000000" })).toMatchObject(mismatch("receipts.0"));
    expect(first({ offer: new Uint8Array(16) })).toMatchObject(mismatch("receipts.0"));
    expect(last({ offer: new Uint8Array(16) })).toMatchObject(mismatch("receipts.1"));
    const another = checkReceipts([session], offer, signed.token, crypto);
    expect(another).toMatchObject(mismatch("receipts.0"));
  });

  test("I4: that charge another amount than the price says are refused", () => {
    expect(first({ amountMinor: session.amountMinor + 1 })).toMatchObject(mismatch("receipts.0"));
    expect(first({ amountMinor: session.amountMinor - 1 })).toMatchObject(mismatch("receipts.0"));
    expect(first({ pulses: session.pulses + 1000 })).toMatchObject(mismatch("receipts.0"));
  });

  test("I4: that charge more than was bought are refused", () => {
    const pulses = grantPulses(offer.units, offer) + 1;
    const delivered = { pulses, milliUnits: pulses, endReading: 48_211 + pulses + 1 };
    expect(first({ ...delivered, amountMinor: 350 })).toMatchObject(mismatch("receipts"));
  });

  test.each<[string, Partial<SettlementReceipt>]>([
    ["another number of sessions", { sessions: 7 }],
    ["more pulses than its sessions", { pulses: settlement.pulses + 1 }],
    ["a higher amount", { amountMinor: 219, refundedMinor: 131 }],
    ["a refund too small", { refundedMinor: 131 }],
    ["a refund too large", { refundedMinor: 133 }],
    ["more captured than it accounts for", { capturedMinor: 351 }],
    ["something owed beside the whole refund", { owedMinor: 1 }],
    ["something forfeited that the offer gives back", { refundedMinor: 0, forfeitedMinor: 132 }],
  ])("I6: with a settlement of %s are refused", (_name, change) => {
    expect(last(change)).toMatchObject(mismatch("receipts.1"));
  });

  test("whose readings do not cover what was delivered and ran on are refused, a jump is not", () => {
    const { endReading, startReading } = session;
    expect(first({ endReading: endReading - 1 })).toMatchObject(mismatch("receipts.0"));
    expect(first({ endReading: startReading })).toMatchObject(mismatch("receipts.0"));
    expect(first({ endReading: 0 })).toMatchObject(mismatch("receipts.0"));
    expect(first({ runOnPulses: 2 })).toMatchObject(mismatch("receipts.0"));
    expect(first({ endReading: endReading + 400 })).toMatchObject({ ok: true });
    const fell = { endReading: 3, reason: "meter-implausible" as const };
    expect(first(fell)).toMatchObject({ ok: true });
  });

  test("that say other units than their pulses are worth are refused", () => {
    for (const milliUnits of [999_000, session.milliUnits + 1, session.milliUnits - 1]) {
      expect(first({ milliUnits })).toMatchObject(mismatch("receipts.0"));
      expect(last({ milliUnits })).toMatchObject(mismatch("receipts.1"));
    }
  });

  test("I2: that capture more than the total are refused, whoever is owed the rest", () => {
    expect(last({ capturedMinor: 351, owedMinor: 1 })).toMatchObject(mismatch("receipts.1"));
    expect(last({ capturedMinor: 9000, owedMinor: 8650 })).toMatchObject(mismatch("receipts.1"));
    expect(last({ capturedMinor: 349, refundedMinor: 131 })).toMatchObject({ ok: true });
  });

  test("that name two payments are refused", () => {
    expect(last({ payment: "sim-0002" })).toMatchObject(mismatch("receipts.1"));
  });

  test("whose numbers do not rise are refused", () => {
    for (const number of [session.number, 0]) {
      expect(last({ number })).toMatchObject(mismatch("receipts.1"));
    }
  });

  test("I6: that go on after the settlement are refused", () => {
    const nothing = { sessions: 0, pulses: 0, milliUnits: 0, amountMinor: 0, refundedMinor: 350 };
    const early: SettlementReceipt = { ...settlement, ...nothing, number: 1 };
    expect(check([early])).toMatchObject({ ok: true });
    expect(check([early, { ...session, number: 2 }])).toMatchObject(mismatch("receipts.1"));
    const again = { ...settlement, number: 3 };
    expect(check([session, settlement, again])).toMatchObject(mismatch("receipts.2"));
  });

  test("I6: with a settlement that still owes, or forfeits by the offer's own word, are taken", () => {
    expect(last({ refundedMinor: 100, owedMinor: 32 })).toMatchObject({ ok: true });
    const forfeits: Offer = { ...offer, undelivered: "credit-forfeit" };
    const kept: SettlementReceipt = { ...settlement, refundedMinor: 0, forfeitedMinor: 132 };
    const checked = (reason: SettlementReceipt["reason"]) =>
      checkReceipts([session, { ...kept, reason }], forfeits, signed.offer, crypto);
    expect(checked("expired")).toMatchObject({ ok: true });
    expect(checked("consumer-end")).toMatchObject(mismatch("receipts.1"));
  });
});
