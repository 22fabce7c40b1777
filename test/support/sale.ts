// The sale of the protocol's examples, and the ways of touching what was signed that its tests share.

import type { Result } from "../../firmware/result.ts";
import type { Crypto, Signer } from "../../hal/crypto.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { tellStory } from "../../tools/protocol-examples.ts";

export const crypto: Crypto = openNodeCrypto();
export const story = tellStory(crypto);
export const deviceKey = story.keys.device.publicKey;

export function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(result.fault.message);
  return result.value;
}

/** Each byte in turn with one bit of it changed: which one goes round. */
export function* flips(signed: Uint8Array): Generator<Uint8Array> {
  for (const [at, byte] of signed.entries()) {
    const flipped = Uint8Array.from(signed);
    flipped[at] = byte ^ (1 << (at & 7));
    yield flipped;
  }
}

/** Encodings of points of small order (orders 1, 2, 4, 8), and the same with the sign bit set. */
export const SMALL_ORDER_KEYS: readonly Uint8Array[] = [
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "0000000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
].flatMap((hex) => [0, 0x80].map((sign) => withSign(hex, sign)));

function withSign(hex: string, sign: number): Uint8Array {
  const key = Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  key[31] = (key[31] ?? 0) | sign;
  return key;
}

/** A "signature" that fits every message under the identity as key: R the identity, S zero. */
export const forger: Signer = {
  publicKey: new Uint8Array(32),
  sign: () => Uint8Array.from({ length: 64 }, (_, i) => (i === 0 ? 1 : 0)),
};
