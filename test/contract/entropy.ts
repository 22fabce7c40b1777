// The contract of the Entropy port, run on every implementation.

import { describe, expect, test } from "vitest";
import { toHex } from "../../firmware/bytes.ts";
import type { Entropy } from "../../hal/entropy.ts";

export function describeEntropy(name: string, open: () => Entropy): void {
  describe(`Entropy on ${name}`, () => {
    test("gives as many bytes as asked for, plain and unshared", () => {
      const entropy = open();
      for (const length of [0, 1, 24, 32, 5000]) expect(entropy.bytes(length)).toHaveLength(length);
      const bytes = entropy.bytes(32);
      expect(bytes.constructor).toBe(Uint8Array);
      expect(bytes.buffer.byteLength).toBe(32);
    });

    test("does not repeat itself, and uses every bit", () => {
      const entropy = open();
      const seen = new Set<string>();
      const ones = new Uint8Array(16);
      const zeros = new Uint8Array(16);
      for (let i = 0; i < 500; i++) {
        const bytes = entropy.bytes(16);
        seen.add(toHex(bytes));
        for (const [at, byte] of bytes.entries()) {
          ones[at] = (ones[at] ?? 0) | byte;
          zeros[at] = (zeros[at] ?? 0) | ~byte;
        }
      }
      expect(seen.size).toBe(500);
      expect([toHex(ones), toHex(zeros)]).toEqual(["ff".repeat(16), "ff".repeat(16)]);
    });
  });
}
