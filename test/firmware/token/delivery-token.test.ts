// Delivery tokens: small, bound to what was bought, and never another object's signature.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { COMMAND, verifyCommand } from "../../../firmware/producer/command.ts";
import { readCbor } from "../../../firmware/protocol/schema.ts";
import { ANNOUNCEMENT, verifyAnnouncement } from "../../../firmware/token/announcement.ts";
import { CERTIFICATE, verifyCertificate } from "../../../firmware/token/certificate.ts";
import { COMMITMENT, verifyCommitment } from "../../../firmware/token/commitment.ts";
import {
  type DeliveryToken,
  peekToken,
  signToken,
  TOKEN,
  verifyToken,
} from "../../../firmware/token/delivery-token.ts";
import { OFFER, verifyOffer } from "../../../firmware/token/offer.ts";
import { PREPAID, verifyPrepaid } from "../../../firmware/token/prepaid-token.ts";
import { RECEIPT, verifyReceipt } from "../../../firmware/token/receipt.ts";
import { REVOCATIONS, verifyRevocations } from "../../../firmware/token/revocation.ts";
import { type SignedSort, sign, verify as verifySigned } from "../../../firmware/token/signed.ts";
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
const { signed } = story;
const verify = (bytes: Uint8Array, key = deviceKey) => verifyToken(bytes, key, crypto);

describe("a delivery token", () => {
  test("comes back as it was signed", () => {
    fc.assert(
      fc.property(arbitraryOf(TOKEN.claims.cddl), (cbor) => {
        const bytes = sign(TOKEN, value(readCbor(TOKEN.claims, cbor, "token")), device);
        const read: DeliveryToken = value(verify(bytes));
        expect(signToken(read, device)).toEqual(bytes);
        expect(value(peekToken(bytes))).toEqual(read);
        expect(bytes.length).toBeLessThanOrEqual(120);
      }),
      { numRuns: 100 },
    );
  });

  test("with every field at its largest has 120 bytes", () => {
    const claims = value(readCbor(TOKEN.claims, largestOf(TOKEN.claims.cddl), "token"));
    expect(sign(TOKEN, claims, device)).toHaveLength(120);
    expect(SIGNED_SIZES.token).toBe(120);
  });

  test("of the next device, or under a key of small order, is refused", () => {
    const fault = { kind: "signature" };
    expect(verify(signed.token, story.keys.operator.publicKey)).toMatchObject({ fault });
    const forged = signToken(value(peekToken(signed.token)), forger);
    for (const key of SMALL_ORDER_KEYS) expect(verify(forged, key)).toMatchObject({ fault });
  });

  test("I11: is refused with any byte changed", () => {
    for (const flipped of flips(signed.token)) expect(verify(flipped).ok).toBe(false);
  });

  test("I11: random and touched bytes never throw", () => {
    for (const bytes of touched(signed.token, 1500)) {
      expect(typeof peekToken(bytes).ok).toBe("boolean");
      if (verify(bytes).ok) expect(bytes).toEqual(signed.token);
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(verify(bytes).ok || peekToken(bytes).ok).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("I11: a signature of one sort", () => {
  const sorts = [
    CERTIFICATE,
    ANNOUNCEMENT,
    OFFER,
    TOKEN,
    PREPAID,
    COMMITMENT,
    RECEIPT,
    REVOCATIONS,
    COMMAND,
  ] as unknown as readonly SignedSort<never>[];

  test.each(sorts.map((sort) => [sort.name, sort] as const))(
    "over the very claims of a signed %s is none of that sort",
    (name, sort) => {
      const claims = value(readCbor(sort.claims, largestOf(sort.claims.cddl), name));
      const genuine = sign(sort, claims, device);
      expect(verifySigned(sort, genuine, deviceKey, crypto)).toMatchObject({ ok: true });
      for (const other of sorts.filter((one) => one.name !== name)) {
        const disguised = sign({ ...sort, name: other.name }, claims, device);
        const result = verifySigned(sort, disguised, deviceKey, crypto);
        expect(result).toMatchObject({ ok: false, fault: { kind: "signature" } });
      }
    },
  );

  test("is taken by no other sort's check", () => {
    const checks: Record<string, (bytes: Uint8Array) => { ok: boolean }> = {
      certificate: (bytes) => verifyCertificate(bytes, story.keys.operator.publicKey, crypto),
      announcement: (bytes) =>
        verifyAnnouncement(bytes, story.device, story.keys.operator.publicKey, crypto),
      offer: (bytes) => verifyOffer(bytes, deviceKey, crypto),
      token: verify,
      prepaid: (bytes) => verifyPrepaid(bytes, story.keys.operator.publicKey, crypto),
      commitment: (bytes) => verifyCommitment(bytes, crypto),
      receipt: (bytes) => verifyReceipt(bytes, deviceKey, crypto),
      revocations: (bytes) => verifyRevocations(bytes, story.keys.operator.publicKey, crypto),
      command: (bytes) => verifyCommand(bytes, story.device, story.keys.operator.publicKey, crypto),
    };
    for (const [name, bytes] of Object.entries(signed)) {
      const sort = name.replace(/^.* /, "");
      const taking = Object.entries(checks).filter(([, check]) => check(bytes).ok);
      expect(taking.map(([one]) => one)).toEqual([sort]);
    }
  });
});
