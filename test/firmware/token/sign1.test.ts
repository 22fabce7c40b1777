// COSE_Sign1: ours in one strict form, others' in theirs, and the signature always over the bytes received.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatBytes, fromHex, toHex, utf8 } from "../../../firmware/bytes.ts";
import { encodeCbor } from "../../../firmware/protocol/cbor.ts";
import { verifyForeignSign1 } from "../../../firmware/token/foreign-sign1.ts";
import {
  decodeSign1,
  encodeSign1,
  PROTECTED_EDDSA,
  type Sign1,
  toBeSigned,
  verifySign1,
} from "../../../firmware/token/sign1.ts";
import { openNodeCrypto } from "../../../hal/linux/node-crypto.ts";
import coseSign1 from "../../vectors/cose-sign1.json" with { type: "json" };

const BYTES_MAX = 512;
const crypto = openNodeCrypto();
const signer = crypto.signer(new Uint8Array(32).fill(5));
const offer = utf8("offer");
const payload = utf8("ten units");

function bytes(hex: string): Uint8Array {
  const decoded = fromHex(hex);
  if (decoded === undefined) throw new Error(`not hexadecimal: ${hex}`);
  return decoded;
}

function signed(unprotected?: ReadonlyMap<number, Uint8Array>): Uint8Array {
  return encodeSign1({
    payload,
    sign: (message) => signer.sign(message),
    externalAad: offer,
    ...(unprotected && { unprotected }),
  });
}

function decoded(object: Uint8Array): Sign1 {
  const result = decodeSign1(object, BYTES_MAX);
  if (!result.ok) throw new Error(result.fault.message);
  return result.value;
}

describe("our own", () => {
  test("an object is an untagged array of protected {1: -8}, unprotected, payload, signature", () => {
    expect(toHex(signed())).toMatch(/^8443a10127a04974656e20756e6974735840[0-9a-f]{128}$/);
  });

  test("what was signed verifies and gives the payload back", () => {
    const result = verifySign1(crypto, decoded(signed()), signer.publicKey, offer);
    expect(result).toEqual({ ok: true, value: payload });
  });

  test("the Sig_structure is that of RFC 9052 4.4", () => {
    const message = toBeSigned(PROTECTED_EDDSA, bytes("11aa"), bytes("00"));
    expect(toHex(message)).toBe("846a5369676e61747572653143a101274211aa4100");
  });

  test("the signature of one sort of object is not good for another sort", () => {
    const result = verifySign1(crypto, decoded(signed()), signer.publicKey, utf8("receipt"));
    expect(result).toMatchObject({ ok: false, fault: { kind: "signature" } });
  });

  test("another key, payload or signature is refused", () => {
    const sign1 = decoded(signed());
    const other = crypto.signer(new Uint8Array(32).fill(6));
    const flipped = Uint8Array.from(sign1.signature);
    flipped[0] = (flipped[0] ?? 0) ^ 1;
    for (const result of [
      verifySign1(crypto, sign1, other.publicKey, offer),
      verifySign1(crypto, { ...sign1, payload: utf8("99 units") }, signer.publicKey, offer),
      verifySign1(crypto, { ...sign1, signature: flipped }, signer.publicKey, offer),
    ]) {
      expect(result).toMatchObject({ ok: false, fault: { kind: "signature" } });
    }
  });

  test("the unprotected header is a hint: it survives, and does not touch the signature", () => {
    const sign1 = decoded(signed(new Map([[4, bytes("3131")]])));
    expect(sign1.unprotected).toEqual(new Map([[4, bytes("3131")]]));
    expect(verifySign1(crypto, sign1, signer.publicKey, offer).ok).toBe(true);
  });

  test.each([
    ["a tag 18 before it", (object: Uint8Array) => concatBytes(bytes("d2"), object)],
    ["a byte after it", (object: Uint8Array) => concatBytes(object, bytes("00"))],
    ["another algorithm", () => array(bytes("a10126"), new Map(), payload)],
    ["a second protected parameter", () => array(bytes("a201270300"), new Map(), payload)],
    ["a long form of {1: -8}", () => array(bytes("a1013807"), new Map(), payload)],
    ["no protected header", () => array(new Uint8Array(), new Map(), payload)],
    ["a text label", () => array(PROTECTED_EDDSA, new Map([["kid", 1]]), payload)],
    ["no payload", () => array(PROTECTED_EDDSA, new Map(), null)],
    ["a short signature", () => encodeCbor([PROTECTED_EDDSA, new Map(), payload, bytes("00")])],
    ["five elements", () => encodeCbor([PROTECTED_EDDSA, new Map(), payload, payload, 1])],
    ["no array", () => encodeCbor(new Map([[1, 2]]))],
    ["no CBOR", () => bytes("84ff")],
  ])("%s is malformed", (_name, make) => {
    const result = decodeSign1(make(signed()), BYTES_MAX);
    expect(result).toMatchObject({ ok: false, fault: { kind: "malformed" } });
  });

  test("more bytes than allowed are too-large", () => {
    const result = decodeSign1(signed(), 20);
    expect(result).toMatchObject({ ok: false, fault: { kind: "too-large" } });
  });

  test("I11: an object with any byte changed is refused or still what was signed, and never throws", () => {
    const object = signed();
    fc.assert(
      fc.property(fc.nat(object.length - 1), fc.integer({ min: 0, max: 255 }), (at, byte) => {
        const touched = Uint8Array.from(object);
        touched[at] = byte;
        const sign1 = decodeSign1(touched, BYTES_MAX);
        const result = sign1.ok && verifySign1(crypto, sign1.value, signer.publicKey, offer);
        if (result !== false && result.ok) expect(touched).toEqual(object);
        else expect(touched).not.toEqual(object);
      }),
      { numRuns: 500 },
    );
  });
});

function array(
  first: Uint8Array,
  second: ReadonlyMap<number | string, number>,
  third: Uint8Array | null,
): Uint8Array {
  return encodeCbor([first, second, third, new Uint8Array(64)]);
}

describe("anybody's", () => {
  const key = signer.publicKey;
  const none = new Uint8Array();

  /** Signed by our key over the very bytes given, tag 18 before it. */
  function foreign(protectedHex: string, unprotectedHex: string, payloadHex = "4100"): Uint8Array {
    const header = bytes(protectedHex);
    const signature = signer.sign(toBeSigned(header, none, bytes(payloadHex).subarray(1)));
    const head = encodeCbor(header);
    const parts = [bytes("d284"), head, bytes(unprotectedHex), bytes(payloadHex)];
    return concatBytes(...parts, encodeCbor(signature));
  }

  test.each(coseSign1.vectors)("COSE working group: $name", (vector) => {
    const answer = verifyForeignSign1(crypto, {
      sign1: bytes(vector.hex),
      publicKey: bytes(vector.publicKey),
      externalAad: bytes(vector.externalAad ?? ""),
    });
    expect(answer.ok ? { ok: true, payload: toHex(answer.payload) } : answer).toEqual(
      vector.answer.ok ? { ok: true, payload: vector.answer.payload } : vector.answer,
    );
  });

  test.each([
    ["with a content type protected", "a201270300", "a0", true],
    ["with a key id protected", "a2012704423131", "a0", true],
    ["with text labels", "a20127617801", "a1617900", true],
    ["with crit of a parameter that we know", "a301270281030300", "a0", true],
    ["with a long form in the protected header", "a1013807", "a0", true],
    ["of no stated length", "bf0127ff", "bfff", true],
    [
      "with crit of a parameter that we do not know",
      "a3012702811903e81903e800",
      "a0",
      "unsupported-crit",
    ],
    ["with crit of a parameter that is not there", "a20127028103", "a0", "malformed"],
    ["with an empty crit", "a201270280", "a0", "malformed"],
    ["with crit unprotected", "a10127", "a1028103", "malformed"],
    ["with one label in both headers", "a2012704423131", "a104423131", "malformed"],
    ["with one label twice", "a201270127", "a0", "malformed"],
    ["with the algorithm unprotected only", "a10300", "a10127", "unsupported-alg"],
    ["with no protected header", "", "a10127", "unsupported-alg"],
    ["with ES256", "a10126", "a0", "unsupported-alg"],
    ["with an algorithm by name", "a101654564445341", "a0", "unsupported-alg"],
  ])("an object %s", (_name, protectedHex, unprotectedHex, expected) => {
    const sign1 = foreign(protectedHex, unprotectedHex);
    const answer = verifyForeignSign1(crypto, { sign1, publicKey: key, externalAad: none });
    expect(answer.ok || answer.kind).toBe(expected);
  });

  test("a detached payload is malformed", () => {
    const sign1 = foreign("a10127", "a0", "f6");
    const answer = verifyForeignSign1(crypto, { sign1, publicKey: key, externalAad: none });
    expect(answer).toEqual({ ok: false, kind: "malformed" });
  });

  test("I11: random bytes never throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (tail) => {
        const sign1 = concatBytes(bytes("d28443a10127"), tail);
        const answer = verifyForeignSign1(crypto, { sign1, publicKey: key, externalAad: none });
        expect(answer.ok).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });
});
