// Certificates: the operator's word on a device's keys, good for nothing else.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { utf8 } from "../../../firmware/bytes.ts";
import { SIGNED_BYTES_MAX } from "../../../firmware/protocol/messages.ts";
import {
  type Certificate,
  certificateOperator,
  deviceName,
  issueCertificate,
  peekCertificate,
  verifyCertificate,
} from "../../../firmware/token/certificate.ts";
import { encodeSign1 } from "../../../firmware/token/sign1.ts";
import { thumbprint } from "../../../firmware/token/signed.ts";
import { SIGNED_SIZES } from "../../../tools/protocol-markdown.ts";
import { crypto, flips, forger, SMALL_ORDER_KEYS, story, value } from "../../support/sale.ts";
import { touched } from "../../support/shapes.ts";

const { operator } = story.keys;
const { certificate: signed } = story.signed;
const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
const stamp = fc.integer({ min: 0, max: 0xffff_ffff });

describe("a certificate", () => {
  test("comes back as it was issued, with the device named after its key", () => {
    const parts = { signKey: key, boxKey: key, hostKey: key, serial: stamp, expiresS: stamp };
    fc.assert(
      fc.property(fc.record({ ...parts, bench: fc.boolean() }), (certificate) => {
        const issued = issueCertificate(certificate, operator, crypto);
        const device = deviceName(crypto, certificate.signKey);
        const expected: Certificate = { ...certificate, device };
        expect(value(verifyCertificate(issued, operator.publicKey, crypto))).toEqual(expected);
        expect(value(peekCertificate(issued, crypto))).toEqual(expected);
        expect(device).toMatch(/^[A-Za-z0-9_-]{11}$/);
      }),
      { numRuns: 30 },
    );
  });

  test("names its operator, and is refused by another as untrusted", () => {
    expect(certificateOperator(signed)).toEqual(thumbprint(crypto, operator.publicKey));
    const result = verifyCertificate(signed, story.keys.device.publicKey, crypto);
    expect(result).toMatchObject({ ok: false, fault: { kind: "untrusted" } });
  });

  test("that names an operator who did not sign it is refused", () => {
    const claims = value(peekCertificate(signed, crypto));
    const impostor = { ...operator, sign: story.keys.device.sign };
    const result = verifyCertificate(
      issueCertificate(claims, impostor, crypto),
      operator.publicKey,
      crypto,
    );
    expect(result).toMatchObject({ ok: false, fault: { kind: "signature" } });
  });

  test("is as large as it says at its largest, and that fits an announcement", () => {
    const full = new Uint8Array(32).fill(255);
    const most = { serial: 0xffff_ffff, bench: true, expiresS: 0xffff_ffff };
    const largest = { signKey: full, boxKey: full, hostKey: full, ...most };
    const issued = issueCertificate(largest, operator, crypto);
    expect(issued).toHaveLength(SIGNED_SIZES.certificate);
    expect(issued.length).toBeLessThanOrEqual(SIGNED_BYTES_MAX - 128);
  });

  test("I11: is refused with any byte changed", () => {
    for (const flipped of flips(signed)) {
      expect(verifyCertificate(flipped, operator.publicKey, crypto).ok).toBe(false);
    }
  });

  test("I11: touched by chance never throws and is never taken for genuine", () => {
    for (const bytes of touched(signed, 1500)) {
      const result = verifyCertificate(bytes, operator.publicKey, crypto);
      if (result.ok) expect(bytes).toEqual(signed);
      else expect(result.fault.message).not.toBe("");
      peekCertificate(bytes, crypto);
      certificateOperator(bytes);
    }
  });

  test("is refused under a key of small order, which any signature would fit", () => {
    const claims = value(peekCertificate(signed, crypto));
    for (const publicKey of SMALL_ORDER_KEYS) {
      const forged = issueCertificate(claims, { ...forger, publicKey }, crypto);
      const result = verifyCertificate(forged, publicKey, crypto);
      expect(result).toMatchObject({ ok: false, fault: { kind: "signature" } });
    }
  });

  test("whose hint of an operator is of another shape gives none", () => {
    const payload = Uint8Array.of(0xa0);
    const sign = operator.sign;
    const made = (hint: Uint8Array | number) =>
      encodeSign1({
        payload,
        sign,
        externalAad: utf8("sluice/1 certificate"),
        unprotected: new Map([[4, hint]]),
      });
    expect(certificateOperator(made(7))).toBeUndefined();
    expect(certificateOperator(made(new Uint8Array(9)))).toBeUndefined();
    expect(certificateOperator(new Uint8Array(3))).toBeUndefined();
    const result = verifyCertificate(made(7), operator.publicKey, crypto);
    expect(result).toMatchObject({ ok: false, fault: { kind: "malformed" } });
  });
});
