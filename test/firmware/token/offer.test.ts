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
  type AmountLine,
  OFFER,
  type Offer,
  peekOffer,
  signOffer,
  type Tariff,
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
    const fault = { kind: "offer-mismatch", at: "offer.totalMinor" };
    for (const totalMinor of [349, 351, 0]) {
      expect(changed({ totalMinor })).toMatchObject({ ok: false, fault });
    }
  });

  test("I4: is refused when its lines are not the units at their price and the named fees", () => {
    const line = (kind: AmountLine["kind"], amountMinor: number) => ({ kind, amountMinor });
    const units = line("units", 350);
    const charged = (lines: AmountLine[], tariff?: Tariff) => {
      const totalMinor = lines.reduce((sum, { amountMinor }) => sum + amountMinor, 0);
      return changed({ lines, totalMinor, ...(tariff && { tariff }) });
    };
    const fault = { kind: "offer-mismatch", at: "offer.lines" };
    const refused = { ok: false, fault };
    const two = { feeNames: ["Start", "Service"] };
    expect(charged([units])).toMatchObject({ ok: true });
    expect(charged([units, line("start", 50), line("fee", 10)], two)).toMatchObject({ ok: true });
    expect(charged([])).toMatchObject(refused);
    for (const lines of [[349], [351], [350, 350], [350, 1], [175, 175]]) {
      expect(charged(lines.map((amount) => line("units", amount)))).toMatchObject(refused);
    }
    expect(charged([units, line("fee", 10)])).toMatchObject(refused);
    expect(charged([line("fee", 10), units], { feeNames: ["Service"] })).toMatchObject(refused);
    expect(charged([units, line("start", 50)], two)).toMatchObject(refused);
    expect(charged([units, line("tax", 50), line("fee", 1)], two)).toMatchObject(refused);
    expect(charged([units, line("units", 50), line("fee", 1)], two)).toMatchObject(refused);
    expect(charged([line("fee", 350)])).toMatchObject(refused);
  });

  test("I4: is refused when its tiers do not rise or are not in its first line", () => {
    const priced = (amountMinor: number, ...tiers: [number, number][]) =>
      changed({
        lines: [{ kind: "units", amountMinor }],
        totalMinor: amountMinor,
        tariff: { tiers: tiers.map(([fromUnits, each]) => ({ fromUnits, amountMinor: each })) },
      });
    const fault = { kind: "offer-mismatch", at: "offer.lines" };
    expect(priced(5 * 35 + 3 * 30 + 2 * 0, [6, 30], [9, 0])).toMatchObject({ ok: true });
    expect(priced(350, [11, 1])).toMatchObject({ ok: true });
    expect(priced(350, [6, 30])).toMatchObject({ ok: false, fault });
    expect(priced(5 * 35 + 5 * 30 - 1, [6, 30])).toMatchObject({ ok: false, fault });
    expect(priced(350, [12, 30], [11, 30])).toMatchObject({ ok: false, fault });
    expect(priced(350, [11, 30], [11, 30])).toMatchObject({ ok: false, fault });
    expect(priced(300, [1, 30])).toMatchObject({ ok: false, fault });
    expect(priced(300, [0, 30])).toMatchObject({ ok: false, fault });
  });

  test("of a plain price is as short as it always was", () => {
    expect(signed.offer).toHaveLength(136);
    const tariff = { taxBasisPoints: 1900, feeNames: ["Start"] };
    expect(signOffer({ ...offer, tariff }, device).length).toBeGreaterThan(136);
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
