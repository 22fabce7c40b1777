// Receipts: both sorts, whole and within bounds.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SIGNED_BYTES_MAX } from "../../../firmware/protocol/messages.ts";
import { readCbor } from "../../../firmware/protocol/schema.ts";
import {
  peekReceipt,
  RECEIPT,
  type SessionReceipt,
  signReceipt,
  verifyReceipt,
} from "../../../firmware/token/receipt.ts";
import { sign } from "../../../firmware/token/signed.ts";
import { STOP_REASONS } from "../../../hal/loop-host.ts";
import { SIGNED_SIZES } from "../../../tools/protocol-markdown.ts";
import { crypto, deviceKey, flips, story, value } from "../../support/sale.ts";
import { arbitraryOf, largestOf, touched } from "../../support/shapes.ts";

const { device } = story.keys;
const { signed, receipts } = story;
const verify = (bytes: Uint8Array, key = deviceKey) => verifyReceipt(bytes, key, crypto);
const both = [signed["session receipt"], signed["settlement receipt"]];
const [session] = receipts as readonly [SessionReceipt];

describe("a receipt", () => {
  test("comes back as it was signed", () => {
    fc.assert(
      fc.property(arbitraryOf(RECEIPT.claims.cddl), (cbor) => {
        const bytes = sign(RECEIPT, value(readCbor(RECEIPT.claims, cbor, "receipt")), device);
        const read = value(verify(bytes));
        expect(signReceipt(read, device)).toEqual(bytes);
        expect(value(peekReceipt(bytes))).toEqual(read);
        expect(bytes.length).toBeLessThanOrEqual(SIGNED_SIZES.receipt);
      }),
      { numRuns: 100 },
    );
    expect(both.map((bytes) => value(verify(bytes)))).toEqual(receipts);
  });

  test("is as large as it says at its largest, and that is within bounds", () => {
    const claims = value(readCbor(RECEIPT.claims, largestOf(RECEIPT.claims.cddl), "receipt"));
    const settlement = sign(RECEIPT, claims, device);
    const most = Math.max(
      settlement.length,
      signReceipt({ ...session, payment: "x".repeat(32), number: 4e9 }, device).length,
    );
    expect(most).toBeLessThanOrEqual(SIGNED_SIZES.receipt);
    expect(SIGNED_SIZES.receipt).toBeLessThanOrEqual(SIGNED_BYTES_MAX);
  });

  test("I13: says every reason there is, and no other", () => {
    for (const reason of STOP_REASONS) {
      const read = value(verify(signReceipt({ ...session, reason }, device)));
      expect(read.reason).toBe(reason);
    }
    expect(() => signReceipt({ ...session, reason: "expired" as "fault" }, device)).toThrow();
    expect(() => signReceipt({ ...session, reason: "" as "fault" }, device)).toThrow();
  });

  test("of another device is refused", () => {
    for (const bytes of both) {
      const result = verify(bytes, story.keys.operator.publicKey);
      expect(result).toMatchObject({ ok: false, fault: { kind: "signature" } });
    }
  });

  test("I11: is refused with any byte changed", () => {
    for (const bytes of both) {
      for (const flipped of flips(bytes)) expect(verify(flipped).ok).toBe(false);
    }
  });

  test("I11: random and touched bytes never throw", () => {
    for (const bytes of both.flatMap((one) => [...touched(one, 800)])) {
      expect(typeof peekReceipt(bytes).ok).toBe("boolean");
      if (verify(bytes).ok) expect(both).toContainEqual(bytes);
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(verify(bytes).ok || peekReceipt(bytes).ok).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });
});
