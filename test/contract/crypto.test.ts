// The Crypto contract on both implementations, and the two against each other.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toHex } from "../../firmware/bytes.ts";
import { openNaclCrypto } from "../../hal/drivers/nacl-crypto.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { describeCrypto } from "./crypto.ts";

describeCrypto("tweetnacl", openNaclCrypto);
describeCrypto("node:crypto", openNodeCrypto);

describe("tweetnacl and node:crypto", () => {
  const portable = openNaclCrypto();
  const system = openNodeCrypto();
  const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const messages = fc.uint8Array({ maxLength: 300 });

  test("make the same keys, signatures and digests", () => {
    fc.assert(
      fc.property(seeds, messages, (seed, message) => {
        const [a, b] = [portable.signer(seed), system.signer(seed)];
        expect(toHex(a.publicKey)).toBe(toHex(b.publicKey));
        expect(toHex(a.sign(message))).toBe(toHex(b.sign(message)));
        expect(toHex(portable.digest(message))).toBe(toHex(system.digest(message)));
      }),
      { numRuns: 40 },
    );
  });

  test("answer alike on signatures with any bytes changed", () => {
    const changes = fc.array(fc.tuple(fc.nat(95), fc.nat(255)), { maxLength: 2 });
    fc.assert(
      fc.property(seeds, messages, changes, (seed, message, edits) => {
        const signer = system.signer(seed);
        const both = Uint8Array.from([...signer.sign(message), ...signer.publicKey]);
        for (const [at, byte] of edits) both[at] = byte;
        const [signature, key] = [both.subarray(0, 64), both.subarray(64)];
        const answer = system.verify(key, message, signature);
        expect(portable.verify(key, message, signature)).toBe(answer);
        if (edits.length === 0) expect(answer).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  test("refuse random bytes for a key and a signature alike, without throwing", () => {
    const signatures = fc.uint8Array({ minLength: 60, maxLength: 66 });
    fc.assert(
      fc.property(seeds, messages, signatures, (key, message, signature) => {
        expect(portable.verify(key, message, signature)).toBe(false);
        expect(system.verify(key, message, signature)).toBe(false);
      }),
      { numRuns: 60 },
    );
  });

  test("keys beyond those kept are imported anew", () => {
    const crypto = openNodeCrypto();
    const message = Uint8Array.of(1);
    for (let i = 0; i < 600; i++) {
      const signer = crypto.signer(
        new Uint8Array(32).fill((i % 300) & 255, 0, 31).fill((i % 300) >> 8, 31),
      );
      expect(crypto.verify(signer.publicKey, message, signer.sign(message))).toBe(true);
    }
  });
});
