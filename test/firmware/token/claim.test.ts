// A claim: what it is worth, to the unit, and that nothing else is worth anything.

import { describe, expect, test } from "vitest";
import { fromHex, toHex } from "../../../firmware/bytes.ts";
import { claimWorth, encodeClaim } from "../../../firmware/token/claim.ts";
import { commitmentSigner, signCommitment } from "../../../firmware/token/commitment.ts";
import { lastLink } from "../../../firmware/token/hash-chain.ts";
import { PebbledChain } from "../../../firmware/token/pebbled-chain.ts";
import { seededRandom } from "../../../hal/sim/random.ts";
import { mutated } from "../../support/mutations.ts";
import { crypto, flips, value } from "../../support/sale.ts";
import vectors from "../../vectors/payword-claims.json" with { type: "json" };

const ORDER = "00112233445566aa";
const SECRET = new Uint8Array(32).fill(5);
const UNITS = 12;
const chain = () => new PebbledChain(crypto, ORDER, UNITS, lastLink(crypto, SECRET, ORDER));
const commitment = signCommitment(
  {
    ...{ order: ORDER, expiresS: 1_767_229_200, units: UNITS, unitMinor: 35, currency: "EUR" },
    ...{ device: new Uint8Array(8), offer: new Uint8Array(16), root: chain().current.link },
  },
  commitmentSigner(crypto, SECRET),
);

describe("published claims", () => {
  test.each(vectors.vectors)("$name", ({ hex, answer }) => {
    const worth = claimWorth(fromHex(hex) ?? new Uint8Array(), crypto);
    const { ok, kind, field, units, amountMinor, currency, order } = answer;
    const expected = ok
      ? { ok, value: { units, amountMinor, commitment: { currency, order } } }
      : { ok, fault: { kind, ...(field !== undefined && { at: field }) } };
    expect(worth).toMatchObject(expected);
  });
});

describe("a claim", () => {
  test("is worth the units of its link at the committed price, for every link of the chain", () => {
    const links = chain();
    for (let units = 0; units <= UNITS; units++) {
      const claim = encodeClaim({ commitment, proof: links.advance(units) });
      expect(value(claimWorth(claim, crypto))).toMatchObject({ units, amountMinor: units * 35 });
    }
  });

  test("with any one bit changed is worth nothing", () => {
    const claim = encodeClaim({ commitment, proof: chain().advance(7) });
    for (const touched of flips(claim)) expect(claimWorth(touched, crypto).ok).toBe(false);
  });

  test("I11: no bytes make the check throw, and none are worth more than was proved", () => {
    const proof = chain().advance(7);
    const claim = encodeClaim({ commitment, proof });
    const random = seededRandom(8, "claims");
    for (let i = 0; i < 1_500; i++) {
      const { bytes, how } = mutated([claim, commitment], random);
      const worth = claimWorth(bytes, crypto);
      const isSame = toHex(bytes) === toHex(claim);
      expect([how, worth.ok ? worth.value.units : 0]).toEqual([how, isSame ? 7 : 0]);
    }
  });
});
