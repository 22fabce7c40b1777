// An operator's grant for a flow service: comes back as it was signed, and is worth nothing from anybody else.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SIGNED_BYTES_MAX } from "../../../firmware/protocol/messages.ts";
import { base64url } from "../../../firmware/protocol/topics.ts";
import { issueCertificate } from "../../../firmware/token/certificate.ts";
import {
  FLOW_GRANT_BYTES_MAX,
  type FlowGrant,
  issueFlowGrant,
  serviceName,
  verifyFlowGrant,
} from "../../../firmware/token/flow-grant.ts";
import { isRevoked } from "../../../firmware/token/revocation.ts";
import { openNodeCrypto } from "../../../hal/linux/node-crypto.ts";

const crypto = openNodeCrypto();
const operator = crypto.signer(new Uint8Array(32).fill(1));
const GRANT: Omit<FlowGrant, "name"> = {
  id: "gift",
  boxKey: new Uint8Array(32).fill(5),
  role: "value-added",
  stages: [3, 10],
  adjust: false,
  pay: true,
  methods: ["giftCard"],
  card: false,
  serial: 7,
  expiresS: 1_900_000_000,
};

/** Place of the header's key, behind the head of four, the protected header and the head of a map. */
const HINT_AT = 6;

describe("a grant", () => {
  test("comes back as it was signed, named by the thumbprint of the service's key", () => {
    const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
    const name = fc.uint8Array({ minLength: 8, maxLength: 8 }).map(base64url);
    const grants = fc.record({
      id: fc.stringMatching(/^[a-z]{1,32}$/),
      boxKey: bytes32,
      role: fc.constantFrom("value-added" as const, "payment" as const),
      stages: fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 12 }),
      adjust: fc.boolean(),
      pay: fc.boolean(),
      methods: fc.array(fc.stringMatching(/^[a-zA-Z]{1,24}$/), { maxLength: 16 }),
      card: fc.boolean(),
      serial: fc.integer({ min: 0, max: 0xffff_ffff }),
      expiresS: fc.integer({ min: 0, max: 0xffff_ffff }),
    });
    fc.assert(
      fc.property(grants, fc.option(name, { nil: undefined }), (grant, device) => {
        const whole = { ...grant, ...(device !== undefined && { device }) };
        const signed = issueFlowGrant(whole, operator, crypto);
        expect(signed.length).toBeLessThanOrEqual(FLOW_GRANT_BYTES_MAX);
        const read = verifyFlowGrant(signed, operator.publicKey, crypto);
        const named = { ...whole, name: serviceName(crypto, grant.boxKey) };
        expect(read).toEqual({ ok: true, value: named });
      }),
      { numRuns: 200 },
    );
    expect(issueFlowGrant(GRANT, operator, crypto).length).toBe(155);
  });

  test("of another operator, touched, or of another sort is refused", () => {
    const signed = issueFlowGrant(GRANT, operator, crypto);
    const whole = { ...GRANT, name: serviceName(crypto, GRANT.boxKey) };
    const other = crypto.signer(new Uint8Array(32).fill(2));
    const kind = (bytes: Uint8Array, key = operator.publicKey): string | undefined => {
      const read = verifyFlowGrant(bytes, key, crypto);
      return read.ok ? undefined : read.fault.kind;
    };
    expect(kind(signed, other.publicKey)).toBe("untrusted");
    for (let i = 0; i < signed.length; i++) {
      const touched = signed.slice();
      touched[i] = (touched[i] ?? 0) ^ 1;
      // The hint of whose key it is, is not signed: without it the key that was asked for is tried.
      const read = verifyFlowGrant(touched, operator.publicKey, crypto);
      expect(read.ok ? read.value : "refused").toEqual(i === HINT_AT ? whole : "refused");
    }
    const certificate = issueCertificate(
      {
        ...{ signKey: GRANT.boxKey, boxKey: GRANT.boxKey, hostKey: GRANT.boxKey },
        ...{ serial: 1, bench: true, expiresS: 1_900_000_000 },
      },
      operator,
      crypto,
    );
    expect(certificate.length).toBeLessThan(SIGNED_BYTES_MAX);
    expect(kind(certificate)).toBe("signature");
    expect(kind(issueFlowGrant({ ...GRANT, id: "" }, operator, crypto))).toBe("malformed");
  });

  test("is revoked by the list that revokes devices, under its own name", () => {
    const device = serviceName(crypto, GRANT.boxKey);
    const list = { revoked: [{ device, serial: 7 }] };
    expect([6, 7, 8].map((serial) => isRevoked(list, { device, serial }))).toEqual([
      true,
      true,
      false,
    ]);
  });
});
