// A commitment: the published ones, each field of it, what is refused, and that it has one form only.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromHex, toHex } from "../../../firmware/bytes.ts";
import { SIGNED_BYTES_MAX } from "../../../firmware/protocol/messages.ts";
import {
  COMMITMENT,
  type Commitment,
  commitmentSigner,
  signCommitment,
  verifyCommitment,
} from "../../../firmware/token/commitment.ts";
import { shortDigest, sign } from "../../../firmware/token/signed.ts";
import { seededRandom } from "../../../hal/sim/random.ts";
import { mutated } from "../../support/mutations.ts";
import { crypto, flips, forger, SMALL_ORDER_KEYS, value } from "../../support/sale.ts";
import { arbitraryOf } from "../../support/shapes.ts";
import vectors from "../../vectors/payword-commitments.json" with { type: "json" };

const bytes = (hex: string): Uint8Array => fromHex(hex) ?? new Uint8Array();
const payer = commitmentSigner(crypto, new Uint8Array(32).fill(5));
const other = commitmentSigner(crypto, new Uint8Array(32).fill(6));
const said: Commitment = {
  order: "00112233445566aa",
  expiresS: 1_767_229_200,
  device: new Uint8Array(8).fill(1),
  offer: new Uint8Array(16).fill(2),
  root: new Uint8Array(16).fill(3),
  units: 10,
  unitMinor: 35,
  currency: "EUR",
};
const signed = signCommitment(said, payer);

describe("published commitments", () => {
  test.each(vectors.vectors)("$name", (vector) => {
    const { secret, signSeed, key, payload, toBeSigned, digest, name: _, ...words } = vector;
    const signer = commitmentSigner(crypto, bytes(secret));
    expect([toHex(signer.publicKey), crypto.signer(bytes(signSeed)).publicKey]).toEqual([
      key,
      signer.publicKey,
    ]);
    const { device, offer, root } = words;
    const commitment = {
      ...{ order: words.order, expiresS: words.expiresS, units: words.units },
      ...{ unitMinor: words.unitMinor, currency: words.currency },
      ...{ device: bytes(device), offer: bytes(offer), root: bytes(root) },
    };
    const made = signCommitment(commitment, signer);
    expect(toHex(made)).toBe(words.signed);
    expect(words.signed).toContain(payload);
    expect(toBeSigned.endsWith(payload)).toBe(true);
    expect(toHex(shortDigest(crypto, made))).toBe(digest);
    expect(value(verifyCommitment(made, crypto))).toEqual({ ...commitment, key: bytes(key) });
  });

  test.each(vectors.refused)("$name is refused", ({ signed: hex, kind, field }) => {
    const fault = { kind, ...(field !== undefined && { at: field }) };
    expect(verifyCommitment(bytes(hex), crypto)).toMatchObject({ ok: false, fault });
  });
});

describe("a commitment", () => {
  test("comes back as it was signed, with the key that signed it, and fits where signed objects go", () => {
    const shape = COMMITMENT.claims.cddl;
    fc.assert(
      fc.property(arbitraryOf(shape), fc.integer({ min: 1, max: 65_535 }), (cbor, units) => {
        const claims = COMMITMENT.claims.fromCbor(cbor, "commitment");
        const { key: _, ...commits } = claims.commits;
        const words = {
          ...{ ...commits, units, currency: "EUR" },
          ...{ order: claims.order, expiresS: claims.expires },
        };
        const made = signCommitment(words, payer);
        expect(made.length).toBeLessThanOrEqual(SIGNED_BYTES_MAX);
        expect(value(verifyCommitment(made, crypto))).toEqual({ ...words, key: payer.publicKey });
      }),
      { numRuns: 60 },
    );
  });

  test("is 187 bytes at most", () => {
    const most = { units: 65_535, unitMinor: 1_000_000_000, expiresS: 4_000_000_000 };
    expect(signCommitment({ ...said, ...most }, payer).length).toBeLessThanOrEqual(187);
  });

  test("with any one bit changed is refused", () => {
    for (const touched of flips(signed)) expect(verifyCommitment(touched, crypto).ok).toBe(false);
  });

  test.each(Object.keys(said))("of which %s was changed is not the payer's any more", (name) => {
    const change = said[name as keyof Commitment];
    const changed = {
      ...said,
      [name]:
        typeof change === "number"
          ? change + 1
          : typeof change === "string"
            ? change.replace(/^./, (first) => (first === "0" ? "1" : "F"))
            : change.map((byte) => byte ^ 1),
    };
    const made = signCommitment(changed, payer);
    const spliced = Uint8Array.of(...made.slice(0, -64), ...signed.slice(-64));
    expect(verifyCommitment(made, crypto).ok).toBe(true);
    expect(verifyCommitment(spliced, crypto)).toMatchObject({ fault: { kind: "signature" } });
  });

  test("that names a key of small order is refused, whatever its signature is", () => {
    for (const key of SMALL_ORDER_KEYS) {
      const forged = signCommitment(said, { ...forger, publicKey: key });
      expect(verifyCommitment(forged, crypto)).toMatchObject({ fault: { kind: "signature" } });
    }
  });

  test("has a payer of its own for each secret, and the same one again", () => {
    expect(payer.publicKey).not.toEqual(other.publicKey);
    expect(signCommitment(said, payer)).toEqual(signed);
    expect(signCommitment(said, other)).not.toEqual(signed);
  });

  test("has one form: what says more, though the payer signed it, is refused", () => {
    const claims = {
      expires: said.expiresS,
      order: said.order,
      commits: { key: payer.publicKey, ...said },
    };
    expect(sign(COMMITMENT, claims, payer)).toEqual(signed);
    const hinted = sign(COMMITMENT, claims, payer, new Map([[4, new Uint8Array(2)]]));
    const fault = { kind: "malformed", at: "commitment" };
    expect(verifyCommitment(hinted, crypto)).toMatchObject({ fault });
  });

  test("I11: no bytes make the check throw, and none but the true ones pass", () => {
    const random = seededRandom(7, "commitments");
    for (let i = 0; i < 1_500; i++) {
      const { bytes: spoilt, how } = mutated([signed], random);
      const isSame = toHex(spoilt) === toHex(signed);
      expect([how, verifyCommitment(spoilt, crypto).ok]).toEqual([how, isSame]);
    }
  });
});
