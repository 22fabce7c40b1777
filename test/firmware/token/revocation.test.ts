// Lists of revoked certificates: the operator's alone, whole, and within their bound.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { COMMAND_BYTES_MAX } from "../../../firmware/protocol/messages.ts";
import { base64url } from "../../../firmware/protocol/topics.ts";
import { deviceThumbprint } from "../../../firmware/token/certificate.ts";
import {
  EVERY_SERIAL,
  isRevoked,
  REVOKED_MAX,
  type Revoked,
  revocationsOperator,
  signRevocations,
  verifyRevocations,
} from "../../../firmware/token/revocation.ts";
import { thumbprint } from "../../../firmware/token/signed.ts";
import { crypto, flips, story, value } from "../../support/sale.ts";

const { operator, device: other } = story.keys;
const device = fc.uint8Array({ minLength: 8, maxLength: 8 }).map(base64url);
const serial = fc.integer({ min: 0, max: EVERY_SERIAL });
const one: Revoked = { device: "CwgMb0GsGAI", serial: 7 };
const signed = signRevocations({ number: 3, issuedS: 5, revoked: [one] }, operator, crypto);

describe("a list", () => {
  test("comes back as it was signed", () => {
    const revoked = fc.array(fc.record({ device, serial }), { maxLength: REVOKED_MAX });
    fc.assert(
      fc.property(fc.record({ number: serial, issuedS: serial, revoked }), (list) => {
        const bytes = signRevocations(list, operator, crypto);
        expect(value(verifyRevocations(bytes, operator.publicKey, crypto))).toEqual(list);
      }),
      { numRuns: 30 },
    );
  });

  test("is within its bound at its largest", () => {
    const revoked = Array.from({ length: REVOKED_MAX }, (_, i) => {
      return { device: base64url(new Uint8Array(8).fill(i)), serial: EVERY_SERIAL };
    });
    const largest = { number: EVERY_SERIAL, issuedS: EVERY_SERIAL, revoked };
    const bytes = signRevocations(largest, operator, crypto);
    expect(bytes.length).toBeLessThanOrEqual(COMMAND_BYTES_MAX);
    expect(bytes.length).toBeGreaterThan(COMMAND_BYTES_MAX - 128);
    expect(verifyRevocations(bytes, operator.publicKey, crypto).ok).toBe(true);
  });

  test("names its operator, and is nobody else's", () => {
    const named = thumbprint(crypto, operator.publicKey);
    expect(value(revocationsOperator(signed))).toEqual(named);
    const refused = verifyRevocations(signed, other.publicKey, crypto);
    expect(refused).toMatchObject({ ok: false, fault: { kind: "signature" } });
    // Signed by another in the operator's name, and the other way round.
    const impostor = { publicKey: operator.publicKey, sign: other.sign };
    const forged = signRevocations({ number: 4, issuedS: 5, revoked: [] }, impostor, crypto);
    expect(verifyRevocations(forged, operator.publicKey, crypto).ok).toBe(false);
    expect(verifyRevocations(forged, other.publicKey, crypto)).toMatchObject({
      ok: false,
      fault: { kind: "untrusted" },
    });
  });

  test("with any bit changed is refused", () => {
    const accepted = [...flips(signed)].filter((bytes) => {
      return verifyRevocations(bytes, operator.publicKey, crypto).ok;
    });
    expect(accepted).toEqual([]);
  });

  test("revokes certificates up to a serial, of its device alone", () => {
    const at = (serial: number, device = one.device) =>
      isRevoked({ revoked: [one] }, { device, serial });
    expect([at(0), at(7), at(8)]).toEqual([true, true, false]);
    expect(at(7, "AAAAAAAAAAA")).toBe(false);
    const forGood = { revoked: [{ ...one, serial: EVERY_SERIAL }] };
    expect(isRevoked(forGood, { device: one.device, serial: EVERY_SERIAL })).toBe(true);
  });
});

test("a device's name is read back to the thumbprint that it was written from, or not at all", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), (bytes) => {
      expect(deviceThumbprint(base64url(bytes))).toEqual(bytes);
    }),
  );
  // The last character holds two bits that must be clear.
  for (const name of [
    "",
    "CwgMb0GsGA",
    "CwgMb0GsGAIA",
    "CwgMb0GsGAJ",
    "CwgMb0GsG+I",
    "CwgMb0GsGA ",
    "CwgMb0GsGAé",
  ]) {
    expect(deviceThumbprint(name)).toBeUndefined();
  }
});
