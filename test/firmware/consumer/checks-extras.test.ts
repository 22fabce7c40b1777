// What a consumer believes of settlements with additional amounts, and of holds.

import { describe, expect, test } from "vitest";
import { checkReceipts } from "../../../firmware/consumer/checks.ts";
import { settlementCharge } from "../../../firmware/token/charge.ts";
import {
  EXTRA_NAME_BYTES_MAX,
  EXTRAS_MAX,
  type SessionReceipt,
  type SettlementReceipt,
  signReceipt,
} from "../../../firmware/token/receipt.ts";
import { crypto, story } from "../../support/sale.ts";

const { offer, signed } = story;
const [session, plain] = story.receipts as readonly [SessionReceipt, SettlementReceipt];
const TIP = { name: "tip", amountMinor: 20 };
const mismatch = { ok: false, fault: { kind: "offer-mismatch", at: "receipts.1" } };

const settlement: SettlementReceipt = {
  ...plain,
  ...settlementCharge(offer, session.pulses, [TIP]),
  capturedMinor: plain.capturedMinor + TIP.amountMinor,
};
const check = (
  change: Partial<SettlementReceipt>,
  confirmed: Parameters<typeof checkReceipts>[4] = [TIP],
) => checkReceipts([session, { ...settlement, ...change }], offer, signed.offer, crypto, confirmed);

describe("I4: an extra on a settlement", () => {
  test("that was accepted stands there by its name", () => {
    expect(settlement.breakdown).toMatchObject({
      lines: [{ kind: "units" }, { kind: "extra", amountMinor: 20 }],
      extraNames: ["tip"],
    });
    expect(check({})).toMatchObject({ ok: true });
    expect(check({}, "any")).toMatchObject({ ok: true });
  });

  test.each([
    ["none", []],
    ["another amount", [{ ...TIP, amountMinor: 19 }]],
    ["another name", [{ ...TIP, name: "charity" }]],
  ])("is refused when what was accepted was %s", (_name, confirmed) => {
    expect(check({}, confirmed)).toMatchObject(mismatch);
  });

  test("may be left out, in the payer's favour", () => {
    const back = plain.refundedMinor + TIP.amountMinor;
    const without = { ...plain, capturedMinor: settlement.capturedMinor, refundedMinor: back };
    const all = [session, without];
    expect(checkReceipts(all, offer, signed.offer, crypto, [TIP])).toMatchObject({ ok: true });
    expect(checkReceipts(all, offer, signed.offer, crypto, [])).toMatchObject(mismatch);
  });

  test("stands there once, with its line, its name and its sum", () => {
    const { breakdown = { lines: [] } } = settlement;
    const [units, extra] = breakdown.lines as [never, never];
    const twice = { lines: [units, extra, extra], extraNames: ["tip", "tip"] };
    const { amountMinor, capturedMinor } = settlement;
    expect(
      check({
        breakdown: twice,
        amountMinor: amountMinor + 20,
        capturedMinor: capturedMinor + 20,
      }),
    ).toMatchObject(mismatch);
    expect(check({ breakdown: { lines: [units], extraNames: ["tip"] } })).toMatchObject(mismatch);
    expect(check({ breakdown: { lines: breakdown.lines } })).toMatchObject(mismatch);
    expect(check({ amountMinor: amountMinor + 1 })).toMatchObject(mismatch);
  });

  test("is captured within what was signed", () => {
    const { capturedMinor, refundedMinor } = settlement;
    const more = { capturedMinor: capturedMinor + 1, refundedMinor: refundedMinor + 1 };
    expect(check(more)).toMatchObject(mismatch);
  });

  test("is not due where nothing was delivered", () => {
    expect(settlementCharge(offer, 0, [TIP])).toEqual({ amountMinor: 0 });
    expect(settlementCharge(offer, 1, [TIP]).amountMinor).toBeGreaterThanOrEqual(20);
  });
});

describe("a hold", () => {
  test("is captured for what was delivered, and nothing has to come back", () => {
    const captured = { capturedMinor: settlement.amountMinor, refundedMinor: 0 };
    expect(check(captured)).toMatchObject({ ok: true });
  });

  test("that is not to be had any more is the seller's loss; a refund is never missing", () => {
    expect(check({ capturedMinor: 0, refundedMinor: 0 })).toMatchObject({ ok: true });
    const { capturedMinor, refundedMinor } = settlement;
    expect(refundedMinor).toBeGreaterThan(0);
    expect(check({ capturedMinor: capturedMinor - 1 })).toMatchObject(mismatch);
  });
});

test("a settlement with as many extras as there may be fits into a message", () => {
  const most = 1_000_000_000;
  const extras = Array.from({ length: EXTRAS_MAX }, (_, i) => ({
    name: String(i).repeat(EXTRA_NAME_BYTES_MAX),
    amountMinor: most,
  }));
  const lines = ["start", "fee", "fee", "units"].map((kind) => ({ kind, amountMinor: most }));
  const receipt: SettlementReceipt = {
    ...settlement,
    number: 4_000_000_000,
    payment: "x".repeat(32),
    amountMinor: most,
    capturedMinor: most,
    breakdown: {
      taxMinor: most,
      lines: [
        ...(lines as { kind: "fee"; amountMinor: number }[]),
        ...extras.map(({ amountMinor }) => ({ kind: "extra" as const, amountMinor })),
      ],
      extraNames: extras.map(({ name }) => name),
    },
  };
  expect(signReceipt(receipt, crypto.signer(new Uint8Array(32))).length).toBeLessThanOrEqual(384);
});
