// What a payer by the unit signs, and what he believes of the receipts that come of it.

import { describe, expect, test } from "vitest";
import { checkReceipts } from "../../../firmware/consumer/checks.ts";
import {
  chainOf,
  checkCommitment,
  commitTo,
  deliveredPulses,
  provedUnits,
  sessionPulses,
} from "../../../firmware/consumer/stream-order.ts";
import { verifyCommitment } from "../../../firmware/token/commitment.ts";
import { provesFrom } from "../../../firmware/token/hash-chain.ts";
import { type Offer, signOffer } from "../../../firmware/token/offer.ts";
import type {
  Breakdown,
  SessionReceipt,
  SettlementReceipt,
} from "../../../firmware/token/receipt.ts";
import { valueOfPulses } from "../../../firmware/units.ts";
import { crypto, deviceKey, story, value } from "../../support/sale.ts";

const { offer, signed } = story;
const [sold, settled] = story.receipts as readonly [SessionReceipt, SettlementReceipt];
const payer = { crypto, boxSecret: new Uint8Array(32).fill(5) };
const paper = { signedOffer: signed.offer, signKey: deviceKey };
const committed = value(commitTo(offer, paper, payer));
const commitment = value(checkCommitment(committed, offer, paper, crypto));

type Streamed = NonNullable<Breakdown["streamed"]>;

function proofOf(units: number, of = payer): Streamed["proof"] {
  const { link } = chainOf({ ...offer, signedOffer: signed.offer }, units, of).current;
  return { units, link };
}

interface Facts {
  number?: number;
  session?: number;
  charged: number;
  before?: number;
  runOn?: number;
  moved?: number;
  streamed?: Partial<Streamed> | "none";
}

function session(facts: Facts): SessionReceipt {
  const { charged, before = 0, runOn = 0, number = 1, session: n = 1, streamed = {} } = facts;
  const worth = (pulses: number): number => valueOfPulses(pulses, offer.units, offer, offer);
  const { breakdown: _, ...plain } = sold;
  const receipt: SessionReceipt = {
    ...plain,
    ...{ number, session: n, pulses: charged, runOnPulses: runOn, milliUnits: charged },
    endReading: sold.startReading + (facts.moved ?? charged + runOn),
    amountMinor: worth(before + charged) - worth(before),
  };
  if (streamed === "none") return receipt;
  const none = { proof: proofOf(0), unpaidPulses: 0, caughtUpPulses: 0 };
  return { ...receipt, breakdown: { lines: [], streamed: { ...none, ...streamed } } };
}

const check = (...receipts: (SessionReceipt | SettlementReceipt)[]) =>
  checkReceipts(receipts, offer, signed.offer, crypto, [], commitment);
const refused = (words: RegExp, at = "receipts.0") => ({
  ok: false,
  fault: { kind: "offer-mismatch", at, message: expect.stringMatching(words) },
});

describe("a commitment", () => {
  test("is for the offer and its device, and the same however often it is made", () => {
    const { units, order, unitMinor, root } = commitment;
    expect({ units, order, unitMinor }).toEqual({ units: 10, order: offer.id, unitMinor: 35 });
    expect(root).toEqual(chainOf({ ...offer, signedOffer: signed.offer }, 0, payer).current.link);
    expect(commitTo(offer, paper, payer)).toEqual({ ok: true, value: committed });
    expect(value(verifyCommitment(committed, crypto)).expiresS).toBeGreaterThan(offer.expiresS);
  });

  test.each<[string, Partial<Offer>]>([
    ["order", { id: "8899aabbccddeeff" }],
    ["number of units", { units: 9 }],
    ["price", { priceMinor: 34 }],
    ["currency", { currency: "USD" }],
  ])("for another %s is refused", (_name, change) => {
    const checked = checkCommitment(committed, { ...offer, ...change }, paper, crypto);
    expect(checked).toMatchObject({ ok: false, fault: { kind: "commitment-invalid" } });
  });

  test("for another paper or device is refused", () => {
    for (const change of [{ signedOffer: signed.token }, { signKey: new Uint8Array(32) }]) {
      const checked = checkCommitment(committed, offer, { ...paper, ...change }, crypto);
      expect(checked).toMatchObject({ ok: false, fault: { kind: "commitment-invalid" } });
    }
  });

  test("I4: shares no link with another offer that has the same number", () => {
    const later = { ...offer, expiresS: offer.expiresS + 86_400 };
    const signedOffer = signOffer(later, story.keys.device);
    const second = value(commitTo(later, { signedOffer, signKey: deviceKey }, payer));
    const { root, order } = value(verifyCommitment(second, crypto));
    for (const units of [1, offer.units]) {
      expect(provesFrom(crypto, order, { units: 0, link: root }, proofOf(units))).toBe(false);
    }
  });

  test("for an offer that seems to live for ever lasts as long as it can say", () => {
    const expiresS = 0xffff_ffff;
    const longest = value(commitTo({ ...offer, expiresS }, paper, payer));
    expect(value(verifyCommitment(longest, crypto))).toMatchObject({ expiresS });
  });

  test("is not made for what cannot be paid by the unit", () => {
    const kind = "not-streamed";
    const withFee = { ...offer, totalMinor: offer.totalMinor + 50 };
    expect(commitTo(withFee, paper, payer)).toMatchObject({ ok: false, fault: { kind } });
    const long = { ...offer, units: 70_000, totalMinor: 70_000 * 35 };
    expect(commitTo(long, paper, payer)).toMatchObject({ ok: false, fault: { kind } });
  });
});

describe("receipts of an order that was paid by the unit", () => {
  const first = session({
    charged: 3_000,
    runOn: 400,
    streamed: { proof: proofOf(3), unpaidPulses: 400 },
  });
  const second = session({
    ...{ number: 2, session: 2, before: 3_000, charged: 2_100, moved: 1_700 },
    streamed: { proof: proofOf(6), caughtUpPulses: 400 },
  });

  test("that charge what we proved are taken, over all sessions", () => {
    expect(check(first)).toMatchObject({ ok: true });
    expect(check(first, second)).toMatchObject({ ok: true });
    expect(deliveredPulses([first])).toBe(3_400);
    expect(deliveredPulses([first, second])).toBe(5_100);
    expect(provedUnits([first, second])).toBe(6);
    expect(sessionPulses(offer, 3_400)).toBe(6_600);
    expect(sessionPulses(offer, 3_400, 2)).toBe(2_000);
  });

  test("I4: that charge more than we proved are refused", () => {
    const greedy = session({ charged: 3_001, streamed: { proof: proofOf(3) } });
    expect(check(greedy)).toMatchObject(refused(/3001 pulses.*proof of 3 units/));
    const later = session({ ...{ number: 2, session: 2, before: 3_000, charged: 1 } });
    const streamed = { proof: proofOf(3), unpaidPulses: 0, caughtUpPulses: 0 };
    const greedyToo = { ...later, breakdown: { lines: [], streamed } };
    expect(check(first, greedyToo)).toMatchObject(refused(/charges 3001/, "receipts.1"));
  });

  test("that show a proof which we never gave are refused", () => {
    const link = new Uint8Array(16).fill(1);
    const forged = session({ charged: 3_000, streamed: { proof: { units: 3, link } } });
    expect(check(forged)).toMatchObject(refused(/never gave/));
    const shifted = { proof: { ...proofOf(3), units: 4 } };
    expect(check(session({ charged: 4_000, streamed: shifted }))).toMatchObject(
      refused(/never gave/),
    );
    const other = proofOf(3, { crypto, boxSecret: new Uint8Array(32).fill(6) });
    expect(check(session({ charged: 3_000, streamed: { proof: other } }))).toMatchObject(
      refused(/never gave/),
    );
  });

  test("that hold no proof, or an older one, are refused", () => {
    expect(check(session({ charged: 3_000, streamed: "none" }))).toMatchObject(refused(/no proof/));
    const older = session({
      ...{ number: 2, session: 2, before: 3_000, charged: 0 },
      streamed: { proof: proofOf(2) },
    });
    expect(check(first, older)).toMatchObject(refused(/older proof/, "receipts.1"));
  });

  test("that charge for earlier sessions what was not open are refused", () => {
    const more = { proof: proofOf(6), caughtUpPulses: 401 };
    const odd = session({
      ...{ number: 2, session: 2, before: 3_000, charged: 2_100, moved: 1_699, streamed: more },
    });
    expect(check(first, odd)).toMatchObject(refused(/401 pulses.*400 open/, "receipts.1"));
    const asFirst = session({ charged: 10, streamed: { proof: proofOf(1), caughtUpPulses: 1 } });
    expect(check(asFirst)).toMatchObject(refused(/of 0 open/));
  });

  test("that charge what several sessions left open are taken", () => {
    const open = session({
      ...{ number: 2, session: 2, before: 3_000, charged: 0, runOn: 300 },
      streamed: { proof: proofOf(3), unpaidPulses: 300 },
    });
    const all = session({
      ...{ number: 3, session: 3, before: 3_000, charged: 1_000, moved: 300 },
      streamed: { proof: proofOf(4), caughtUpPulses: 700 },
    });
    expect(check(first, open, all)).toMatchObject({ ok: true });
    const more = { proof: proofOf(4), unpaidPulses: 0, caughtUpPulses: 701 };
    const odd = { ...all, breakdown: { lines: [], streamed: more } };
    expect(check(first, open, odd)).toMatchObject(refused(/701.*700 open/, "receipts.2"));
  });

  test("I3: that count more as delivered than was bought are refused, charged or not", () => {
    const proof = proofOf(3);
    const counts = (runOn: number) =>
      session({ charged: 3_000, runOn, streamed: { proof, unpaidPulses: runOn } });
    expect(check(counts(7_000))).toMatchObject({ ok: true });
    expect(check(counts(7_001))).toMatchObject(refused(/10001 pulses, more than was bought/));
    const open = session({
      ...{ number: 2, session: 2, before: 3_000, charged: 400, runOn: 6_601 },
      streamed: { proof: proofOf(4), unpaidPulses: 6_601, caughtUpPulses: 400 },
      moved: 6_601,
    });
    expect(check(first, open)).toMatchObject(refused(/10001 pulses/, "receipts.1"));
  });

  test("whose readings do not go with what they say was delivered are refused", () => {
    const short = { ...second, endReading: second.endReading - 1 };
    expect(check(first, short)).toMatchObject(refused(/readings are 1699 apart/, "receipts.1"));
    const unpaid = session({
      ...{ charged: 3_000, runOn: 399 },
      streamed: { proof: proofOf(3), unpaidPulses: 400 },
    });
    expect(check(unpaid)).toMatchObject(refused(/more as not paid than as given/));
  });

  test("of an order that nobody committed to are refused", () => {
    const plain = checkReceipts([first], offer, signed.offer, crypto);
    expect(plain).toMatchObject(refused(/nobody committed/));
  });

  test("with their settlement are taken, and captured no more than was charged", () => {
    const all = { pulses: 5_100, milliUnits: 5_100, sessions: 2, amountMinor: 178 };
    const money = { capturedMinor: 178, refundedMinor: 0, forfeitedMinor: 0, owedMinor: 0 };
    const { breakdown: _, ...plain } = settled;
    const last = { ...plain, ...all, ...money, number: 3 };
    expect(check(first, second, last)).toMatchObject({ ok: true });
    const more = { ...last, capturedMinor: 350 };
    expect(check(first, second, more)).toMatchObject(refused(/add up/, "receipts.2"));
  });
});
