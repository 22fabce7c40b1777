// The sealed card: for the payment host's eyes, and for one offer.

import { describe, expect, test } from "vitest";
import { concatBytes, toHex, utf8 } from "../../../firmware/bytes.ts";
import { type Card, sealCard } from "../../../firmware/consumer/credential.ts";
import { credentialNonce } from "../../../firmware/protocol/credential.ts";
import { encodeMessage } from "../../../firmware/protocol/message-codec.ts";
import { shortDigest } from "../../../firmware/token/signed.ts";
import { crypto, story, value } from "../../support/sale.ts";

const { keys, offer, signed } = story;
const digest = shortDigest(crypto, signed.offer);
const hostKey = crypto.boxPublicKey(keys.hostBox);
const consumerKey = crypto.boxPublicKey(keys.consumerBox);
let drawn = 0;
const entropy = { bytes: (length: number) => new Uint8Array(length).fill(++drawn) };
const card: Card = { number: "4111111111111111", expiryYear: 2029, expiryMonth: 12 };
const seal = (change: Partial<Card> = {}, to = hostKey) =>
  sealCard({ ...card, ...change }, offer, digest, to, keys.consumerBox, { crypto, entropy });

function open(sealed: { nonce: Uint8Array; box: Uint8Array }, id: string, secret: Uint8Array) {
  const shared = crypto.boxShared(consumerKey, secret);
  if (shared === undefined) throw new Error("no shared key");
  return crypto.open(sealed.box, credentialNonce(id, sealed.nonce), shared);
}

describe("a sealed card", () => {
  test.each(["411111111111", "4111111111111111", "4111111111111111111"])(
    "of %s opens with the host's key to what it is bound to",
    (number) => {
      const plain = open(value(seal({ number })), offer.id, keys.hostBox);
      const amount = Uint8Array.of(0, 0, 0x01, 0x5e);
      const expected = concatBytes(
        digest,
        amount,
        utf8("EUR"),
        Uint8Array.of(29, 12),
        utf8(number),
      );
      expect(plain).toEqual(expected);
    },
  );

  test("may be bound to a commitment in the offer's place, and the host can tell", () => {
    const commitment = new Uint8Array(16).fill(0xc0);
    const ports = { crypto, entropy };
    const sealed = value(
      sealCard(card, offer, { commitment }, hostKey, keys.consumerBox, ports, 700),
    );
    const plain = open(sealed, offer.id, keys.hostBox) ?? new Uint8Array();
    expect(plain.slice(0, 16)).toEqual(commitment);
    expect([...plain.slice(16, 25)]).toEqual([0, 0, 0x02, 0xbc, ...utf8("EUR"), 29, 128 + 12]);
    expect(plain.slice(25)).toEqual(utf8(card.number));
  });

  test("I12: opens with the device's key neither, nor is the number in the message", () => {
    const sealed = value(seal());
    expect(open(sealed, offer.id, keys.deviceBox)).toBeUndefined();
    const { nonce, box: credential } = sealed;
    const bytes = encodeMessage({ is: "pay", offer: offer.id, nonce, credential });
    expect(toHex(bytes)).not.toContain(toHex(utf8(card.number)));
    expect(toHex(bytes)).not.toContain(toHex(utf8(card.number.slice(0, 6))));
  });

  test("opens under no other offer's id and no other nonce", () => {
    const sealed = value(seal());
    expect(open(sealed, offer.id, keys.hostBox)).toBeDefined();
    expect(open(sealed, "0000000000000000", keys.hostBox)).toBeUndefined();
    expect(open({ ...sealed, nonce: new Uint8Array(8) }, offer.id, keys.hostBox)).toBeUndefined();
  });

  test("is another one each time", () => {
    const [first, second] = [value(seal()), value(seal())];
    expect(first.nonce).not.toEqual(second.nonce);
    expect(first.box).not.toEqual(second.box);
  });

  test.each([
    "",
    "41111111111",
    "41111111111111111111",
    "4111 1111 1111 1111",
    "４１１１１１１１１１１１１１１１",
  ])("of %j is refused", (number) => {
    const fault = { kind: "credential-invalid", at: "card.number" };
    expect(seal({ number })).toMatchObject({ ok: false, fault });
  });

  test("for a host whose key is of small order, or no key, is refused", () => {
    const fault = { kind: "untrusted" };
    expect(seal({}, new Uint8Array(32))).toMatchObject({ ok: false, fault });
    expect(seal({}, Uint8Array.of(1, ...new Uint8Array(31)))).toMatchObject({ ok: false, fault });
    expect(seal({}, new Uint8Array(31))).toMatchObject({ ok: false, fault });
  });
});
