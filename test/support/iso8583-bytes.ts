// Messages as a reader writes them, and messages spoilt by chance.

import type { Random } from "../../hal/sim/random.ts";

/** ASCII, and bytes in hexadecimal between angle brackets. */
export function bytesOf(text: string): Uint8Array {
  const parts = text
    .split(/[<>]/)
    .map((part, index) =>
      index % 2 === 0
        ? [...part].map((one) => one.charCodeAt(0))
        : (part.match(/../g) ?? []).map((h) => Number.parseInt(h, 16)),
    );
  return Uint8Array.from(parts.flat());
}

/** Bits turned, bytes changed, cut off, doubled, turned round. */
export function spoilt(real: Uint8Array, random: Random): Uint8Array {
  const bytes = real.slice();
  for (let i = random.below(4); i > 0; i--) {
    const at = random.below(bytes.length);
    bytes[at] =
      random.below(2) === 0 ? random.below(256) : (bytes[at] ?? 0) ^ (1 << random.below(8));
  }
  const from = random.below(bytes.length + 1);
  const parts = [
    [bytes],
    [bytes.subarray(0, from)],
    [bytes.subarray(0, from), bytes],
    [bytes.subarray(from), bytes.subarray(0, from)],
  ][random.below(4)];
  return Uint8Array.from((parts ?? []).flatMap((part) => [...part]));
}
