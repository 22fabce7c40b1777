// A claim as the simulated payment host reads it, with no code of the seller's: the published ones, and that the two
// readings never differ, since a seller who takes what the host then refuses has given his goods away.

import { expect, test } from "vitest";
import { fromHex, toHex } from "../../../firmware/bytes.ts";
import { decodeCbor, encodeCbor } from "../../../firmware/protocol/cbor.ts";
import { claimWorth, encodeClaim } from "../../../firmware/token/claim.ts";
import {
  COMMITMENT,
  commitmentSigner,
  signCommitment,
} from "../../../firmware/token/commitment.ts";
import { ChainHash, lastLink } from "../../../firmware/token/hash-chain.ts";
import { encodeSign1 } from "../../../firmware/token/sign1.ts";
import { shortDigest } from "../../../firmware/token/signed.ts";
import { seededRandom } from "../../../hal/sim/random.ts";
import { claimWorth as hostWorth } from "../../../hal/sim/stream-claim.ts";
import { mutated } from "../../support/mutations.ts";
import { crypto } from "../../support/sale.ts";
import vectors from "../../vectors/payword-claims.json" with { type: "json" };
import commitments from "../../vectors/payword-commitments.json" with { type: "json" };

const ORDER = "00112233445566aa";
const SECRET = new Uint8Array(32).fill(5);
/** Of the chain that the published commitments are for. */
const LINK_4 = vectors.vectors[1]?.hex.slice(-32) ?? "";
const payer = commitmentSigner(crypto, SECRET);
const last = lastLink(crypto, SECRET, ORDER);
const before = new ChainHash(crypto, ORDER).before(2, last).slice();
const root = new ChainHash(crypto, ORDER).before(1, before).slice();
const words = {
  ...{ order: ORDER, expiresS: 1_767_229_200, units: 2, unitMinor: 300, currency: "EUR" },
  ...{ device: new Uint8Array(8).fill(1), offer: new Uint8Array(16).fill(2), root },
};
const commitment = signCommitment(words, payer);
const digestOf = (signed: Uint8Array): string => toHex(shortDigest(crypto, signed));

/** Both readings of one claim, in the same words; the host's of the commitment that the claim holds. */
function readings(claim: Uint8Array): [seller: string, host: string] {
  const decoded = decodeCbor(claim, 4096);
  const [signed] = decoded.ok && Array.isArray(decoded.value) ? decoded.value : [];
  const digest = signed instanceof Uint8Array ? digestOf(signed) : "";
  const worth = claimWorth(claim, crypto);
  const { amountMinor, commitment: read } = worth.ok ? worth.value : {};
  const held = hostWorth(digest, claim, crypto);
  return [
    `${amountMinor} ${read?.currency}`,
    held === undefined ? "undefined undefined" : `${held.amountMinor} ${held.currency}`,
  ];
}

test.each(vectors.vectors)("published: $name", ({ hex, answer }) => {
  const claim = fromHex(hex) ?? new Uint8Array();
  const decoded = decodeCbor(claim, 4096);
  const [signed] = decoded.ok && Array.isArray(decoded.value) ? decoded.value : [];
  const digest = signed instanceof Uint8Array ? digestOf(signed) : "";
  const { ok, amountMinor, currency } = answer;
  expect(hostWorth(digest, claim, crypto)).toEqual(ok ? { amountMinor, currency } : undefined);
});

test("another commitment than the one that is bound is worth nothing, though all of it is true", () => {
  const claim = encodeClaim({ commitment, proof: { units: 2, link: last } });
  expect(hostWorth(digestOf(commitment), claim, crypto)?.amountMinor).toBe(600);
  const other = signCommitment({ ...words, unitMinor: 301 }, payer);
  expect(hostWorth(digestOf(other), claim, crypto)).toBeUndefined();
  const theirs = signCommitment(words, commitmentSigner(crypto, new Uint8Array(32).fill(6)));
  expect(hostWorth(digestOf(theirs), claim, crypto)).toBeUndefined();
  expect(hostWorth("", claim, crypto)).toBeUndefined();
});

test("a chain that goes on beyond what was committed is worth nothing there", () => {
  const shorter = signCommitment({ ...words, units: 1 }, payer);
  const worth = (units: number, link: Uint8Array) =>
    hostWorth(
      digestOf(shorter),
      encodeClaim({ commitment: shorter, proof: { units, link } }),
      crypto,
    );
  expect(worth(1, before)?.amountMinor).toBe(300);
  expect(worth(2, last)).toBeUndefined();
});

test.each(commitments.refused)("a commitment $name is worth nothing", ({ signed }) => {
  const proof = { units: 4, link: fromHex(LINK_4) ?? new Uint8Array() };
  const bytes = fromHex(signed) ?? new Uint8Array();
  // As it stands in a claim, where it may be empty.
  const claim = encodeCbor([bytes, [proof.units, proof.link]]);
  expect(hostWorth(digestOf(bytes), claim, crypto)).toBeUndefined();
});

test("what the payer signed, spoilt in any way and signed again, has one reading", () => {
  const random = seededRandom(9, "payloads");
  const claims = COMMITMENT.claims.toCbor({
    ...{ expires: words.expiresS, order: ORDER },
    commits: { key: payer.publicKey, ...words },
  });
  const payload = encodeCbor(claims);
  let good = 0;
  for (let i = 0; i < 1_500; i++) {
    const { bytes, how } = mutated([payload], random);
    if (bytes.length > 400) continue;
    const signed = encodeSign1({
      payload: bytes,
      sign: (message) => payer.sign(message),
      externalAad: new TextEncoder().encode("sluice/1 commitment"),
    });
    const proof = random.below(2) === 0 ? { units: 2, link: last } : { units: 1, link: before };
    const [seller, host] = readings(encodeClaim({ commitment: signed.slice(0, 384), proof }));
    expect([how, host]).toEqual([how, seller]);
    if (host !== "undefined undefined") good++;
  }
  // Those that still are commitments: unspoilt, or with another price, device, offer or expiry.
  expect(good).toBeGreaterThan(25);
});

test("I11: bytes spoilt in any way have one reading, and throw nothing", () => {
  const claim = encodeClaim({ commitment, proof: { units: 2, link: last } });
  const random = seededRandom(10, "claims");
  for (let i = 0; i < 1_500; i++) {
    const { bytes, how } = mutated([claim, commitment], random);
    const [seller, host] = readings(bytes);
    expect([how, host]).toEqual([how, seller]);
    expect(hostWorth(digestOf(commitment), bytes, crypto)?.amountMinor ?? 0).toBeLessThanOrEqual(
      600,
    );
  }
});
