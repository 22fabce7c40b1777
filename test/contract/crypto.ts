// What every implementation of the Crypto port must do, and where two implementations must agree.

import { describe, expect, test } from "vitest";
import { fromHex, toHex } from "../../firmware/bytes.ts";
import type { Crypto } from "../../hal/crypto.ts";
import rfc8032 from "../vectors/rfc8032.json" with { type: "json" };
import wycheproof from "../vectors/wycheproof-ed25519.json" with { type: "json" };

const GROUP_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const FIELD_PRIME = 2n ** 255n - 19n;

/** All 8 points whose order divides 8, in every encoding that a lenient decoder takes for one of them. */
const SMALL_ORDER_KEYS = [
  "0100000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000080",
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0000000000000000000000000000000000000000000000000000000000000080",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

/** The same for X25519 (u of order 1, 2, 4, 8 on the curve and its twist), and the encodings of them above p. */
const SMALL_ORDER_BOX_KEYS = [
  littleEndian(0n),
  littleEndian(1n),
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  littleEndian(FIELD_PRIME - 1n),
  littleEndian(FIELD_PRIME),
  littleEndian(FIELD_PRIME + 1n),
];

export function describeCrypto(name: string, open: () => Crypto): void {
  describe(name, () => {
    describeSignatures(open());
    describeBox(open());

    test("digest is SHA-512 (FIPS 180-4, message abc)", () => {
      expect(toHex(open().digest(bytes("616263")))).toBe(
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" +
          "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
      );
    });
  });
}

function describeSignatures(crypto: Crypto): void {
  const seed = Uint8Array.from({ length: 32 }, (_, i) => i);
  const message = bytes("48656c6c6f");
  const signer = crypto.signer(seed);
  const signature = signer.sign(message);

  test.each(rfc8032.vectors)("signs and verifies RFC 8032 7.1 $name", (vector) => {
    const vectorSigner = crypto.signer(bytes(vector.seed));
    expect(toHex(vectorSigner.publicKey)).toBe(vector.publicKey);
    expect(toHex(vectorSigner.sign(bytes(vector.message)))).toBe(vector.signature);
    const verified = crypto.verify(
      bytes(vector.publicKey),
      bytes(vector.message),
      bytes(vector.signature),
    );
    expect(verified).toBe(true);
  });

  test.each(wycheproof.vectors)("answers Wycheproof $id right: $comment", (vector) => {
    const verified = crypto.verify(
      bytes(wycheproof.publicKeys[vector.key] ?? ""),
      bytes(vector.message),
      bytes(vector.signature),
    );
    expect(verified).toBe(vector.valid);
  });

  test("signatures and keys are plain arrays of their own", () => {
    expect(Object.getPrototypeOf(signature)).toBe(Uint8Array.prototype);
    expect(Object.getPrototypeOf(signer.publicKey)).toBe(Uint8Array.prototype);
    expect([signature.length, signer.publicKey.length]).toEqual([64, 32]);
  });

  test("another message, another key or any flipped bit is refused", () => {
    const other = crypto.signer(Uint8Array.from(seed, (byte) => byte ^ 1));
    expect(crypto.verify(signer.publicKey, message, signature)).toBe(true);
    expect(crypto.verify(signer.publicKey, bytes("48656c6c70"), signature)).toBe(false);
    expect(crypto.verify(other.publicKey, message, signature)).toBe(false);
    for (let bit = 0; bit < 512; bit += 37) {
      expect(crypto.verify(signer.publicKey, message, flip(signature, bit))).toBe(false);
    }
  });

  test("a signature with S + L, which is the same to a lenient verifier, is refused", () => {
    for (const factor of [1n, 2n, 3n]) {
      const scalar = fromLittleEndian(signature.subarray(32)) + factor * GROUP_ORDER;
      const malleable = Uint8Array.from([
        ...signature.subarray(0, 32),
        ...bytes(littleEndian(scalar)),
      ]);
      expect(crypto.verify(signer.publicKey, message, malleable)).toBe(false);
    }
  });

  test.each(SMALL_ORDER_KEYS)("the key %s of small order is refused", (key) => {
    // R = S*B - h*A is the identity for S = 0 whenever h is a multiple of the order of A: one of these
    // messages at least would verify under every such key.
    const forged = Uint8Array.from([1, ...new Uint8Array(63)]);
    for (let i = 0; i < 32; i++) {
      expect(crypto.verify(bytes(key), Uint8Array.of(i), forged)).toBe(false);
    }
  });

  test("a key whose y is not below p is refused", () => {
    for (let above = 0n; above < 19n; above++) {
      const key = bytes(littleEndian(FIELD_PRIME + above));
      expect(crypto.verify(key, message, signature)).toBe(false);
    }
  });

  test("wrong lengths are refused and never throw", () => {
    for (const length of [0, 1, 31, 33, 63, 65, 128]) {
      expect(crypto.verify(signer.publicKey, message, new Uint8Array(length))).toBe(false);
      expect(crypto.verify(new Uint8Array(length), message, signature)).toBe(false);
    }
  });

  test("more keys than are kept at once verify all the same", () => {
    const signers = [0, 1, 2].map((i) => crypto.signer(Uint8Array.from(seed, (b) => b + i)));
    const first = signers.map((s) => crypto.verify(s.publicKey, message, s.sign(message)));
    const again = signers.map((s) => crypto.verify(s.publicKey, message, s.sign(message)));
    expect([...first, ...again]).toEqual(new Array(6).fill(true));
  });
}

function describeBox(crypto: Crypto): void {
  const secretA = Uint8Array.from({ length: 32 }, (_, i) => i + 1);
  const secretB = Uint8Array.from({ length: 32 }, (_, i) => 255 - i);
  const nonce = new Uint8Array(24).fill(7);
  const message = bytes("48656c6c6f");
  const sharedA = crypto.boxShared(crypto.boxPublicKey(secretB), secretA) ?? new Uint8Array();
  const sharedB = crypto.boxShared(crypto.boxPublicKey(secretA), secretB) ?? new Uint8Array();

  test("boxPublicKey is X25519 of the base point (RFC 7748 6.1)", () => {
    const alice = bytes("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
    const bob = bytes("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    expect(toHex(crypto.boxPublicKey(alice))).toBe(
      "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
    );
    expect(toHex(crypto.boxPublicKey(bob))).toBe(
      "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
    );
  });

  test("both sides share one key, and what one seals the other opens", () => {
    expect(toHex(sharedA)).toBe(toHex(sharedB));
    const box = crypto.seal(message, nonce, sharedA);
    expect(box).toHaveLength(message.length + 16);
    expect(crypto.open(box, nonce, sharedB)).toEqual(message);
  });

  test("a touched box, another nonce or another key opens nothing", () => {
    const box = crypto.seal(message, nonce, sharedA);
    for (let bit = 0; bit < box.length * 8; bit += 11) {
      expect(crypto.open(flip(box, bit), nonce, sharedB)).toBeUndefined();
    }
    expect(crypto.open(box, flip(nonce, 0), sharedB)).toBeUndefined();
    expect(crypto.open(box, nonce, flip(sharedB, 0))).toBeUndefined();
    expect(crypto.open(box.subarray(0, 15), nonce, sharedB)).toBeUndefined();
    expect(crypto.open(new Uint8Array(), nonce, sharedB)).toBeUndefined();
  });

  test.each(SMALL_ORDER_BOX_KEYS)("the key %s of small order shares nothing", (key) => {
    expect(crypto.boxShared(bytes(key), secretA)).toBeUndefined();
    expect(crypto.boxShared(flip(bytes(key), 255), secretB)).toBeUndefined();
  });

  test("a key of a wrong length shares nothing", () => {
    expect(crypto.boxShared(new Uint8Array(31), secretA)).toBeUndefined();
    expect(crypto.boxShared(new Uint8Array(33), secretA)).toBeUndefined();
  });
}

function bytes(hex: string): Uint8Array {
  const decoded = fromHex(hex);
  if (decoded === undefined) throw new Error(`not hexadecimal: ${hex}`);
  return decoded;
}

function flip(original: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(original);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

function littleEndian(value: bigint): string {
  const digits = value.toString(16).padStart(64, "0");
  return (digits.match(/../g) ?? []).reverse().join("");
}

function fromLittleEndian(scalar: Uint8Array): bigint {
  return BigInt(`0x${toHex(Uint8Array.from(scalar).reverse())}`);
}
