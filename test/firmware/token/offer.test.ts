// Offers: what was signed, whole, and what adds up.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  AMOUNT_MINOR_MAX,
  PULSES_MAX,
  SIGNED_BYTES_MAX,
  UNITS_MAX,
} from "../../../firmware/protocol/messages.ts";
import { readCbor } from "../../../firmware/protocol/schema.ts";
import {
  OFFER,
  type Offer,
  peekOffer,
  signOffer,
  verifyOffer,
} from "../../../firmware/token/offer.ts";
import { sign } from "../../../firmware/token/signed.ts";
import { SIGNED_SIZES } from "../../../tools/protocol-markdown.ts";
import {
  crypto,
  deviceKey,
  flips,
  forger,
  SMALL_ORDER_KEYS,
  story,
  value,
} from "../../support/sale.ts";
import { arbitraryOf, largestOf, touched } from "../../support/shapes.ts";

const { device } = story.keys;
const { offer, signed } = story;
const verify = (bytes: Uint8Array, key = deviceKey) => verifyOffer(bytes, key, crypto);
const changed = (change: Partial<Offer>) => verify(signOffer({ ...offer, ...change }, device));

describe("an offer", () => {
  test("comes back as it was signed", () => {
    fc.assert(
      fc.property(arbitraryOf(OFFER.claims.cddl), (cbor) => {
        const bytes = sign(OFFER, value(readCbor(OFFER.claims, cbor, "offer")), device);
        const read = value(peekOffer(bytes));
        expect(signOffer(read, device)).toEqual(bytes);
        const verified = verify(bytes);
        if (verified.ok) expect(verified.value).toEqual(read);
        else expect(verified.fault.kind).toBe("offer-mismatch");
      }),
      { numRuns: 100 },
    );
    expect(value(verify(signed.offer))).toEqual(offer);
  });

  test("I4: is refused when its lines do not add up to its total", () => {
    const units = { kind: "units" as const, amountMinor: 350 };
    const fault = { kind: "offer-mismatch", at: "offer.totalMinor" };
    expect(changed({ totalMinor: 351 })).toMatchObject({ ok: false, fault });
    expect(changed({ lines: [] })).toMatchObject({ ok: false, fault });
    expect(changed({ lines: [units, { kind: "fee", amountMinor: 1 }] })).toMatchObject({ fault });
    const fee = { lines: [units, { kind: "fee" as const, amountMinor: 1 }], totalMinor: 351 };
    expect(changed(fee)).toMatchObject({ ok: true });
  });

  test.each<[string, Partial<Offer>]>([
    ["a numerator of 0", { numerator: 0 }],
    ["a denominator of 0", { denominator: 0 }],
    ["a grant beyond what is counted", { numerator: PULSES_MAX, denominator: 1 }],
    ["pulses of more units than anybody sells", { numerator: 1, denominator: 1001 }],
  ])("is refused with %s", (_name, change) => {
    const fault = { kind: "offer-mismatch", at: "offer.numerator" };
    expect(changed(change)).toMatchObject({ ok: false, fault });
  });

  test("is taken with pulses per unit at their bounds", () => {
    expect(changed({ numerator: PULSES_MAX / 10, denominator: 1 })).toMatchObject({ ok: true });
    expect(changed({ numerator: 1, denominator: 1000 })).toMatchObject({ ok: true });
    expect(changed({ numerator: PULSES_MAX, denominator: PULSES_MAX })).toMatchObject({ ok: true });
  });

  test("is as large as it says at its largest, and that is within bounds", () => {
    const claims = value(readCbor(OFFER.claims, largestOf(OFFER.claims.cddl), "offer"));
    expect(claims.terms.units).toBe(UNITS_MAX);
    expect(claims.terms.totalMinor).toBe(AMOUNT_MINOR_MAX);
    expect(sign(OFFER, claims, device)).toHaveLength(SIGNED_SIZES.offer);
    expect(SIGNED_SIZES.offer).toBeLessThanOrEqual(SIGNED_BYTES_MAX);
  });

  test("is refused under another device's key", () => {
    const result = verify(signed.offer, story.keys.operator.publicKey);
    expect(result).toMatchObject({ ok: false, fault: { kind: "signature" } });
  });

  test("is refused under a key of small order, which any signature would fit", () => {
    const forged = signOffer(offer, forger);
    for (const key of SMALL_ORDER_KEYS) expect(verify(forged, key).ok).toBe(false);
  });

  test("I11: is refused with any byte changed", () => {
    for (const flipped of flips(signed.offer)) expect(verify(flipped).ok).toBe(false);
  });

  test("I11: random and touched bytes never throw", () => {
    for (const bytes of touched(signed.offer, 1500)) {
      expect(typeof peekOffer(bytes).ok).toBe("boolean");
      if (verify(bytes).ok) expect(bytes).toEqual(signed.offer);
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(verify(bytes).ok || peekOffer(bytes).ok).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });
});
