// Chance of the bench: sfc32, seeded from a number and a name, so that every part of the world has a
// stream of its own and a new part does not move the draws of the others. Integers only: the same seed
// gives the same draws on every machine.

import type { Entropy } from "../entropy.ts";

export interface Random {
  /** 0 to 2^32 - 1. */
  uint32(): number;
  /** An integer from 0 to limit - 1, without bias; limit 1 to 2^32. */
  below(limit: number): number;
  /** Milliseconds from min to max, both included, in steps of a microsecond. */
  betweenMs(min: number, max: number): number;
  /** True this many times in a million. */
  chance(perMillion: number): boolean;
}

/** The stream of this name under this seed. */
export function seededRandom(seed: number, name: string): Random {
  const uint32 = sfc32(seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0, fnv1a(name));
  const below = (limit: number): number => {
    if (!(Number.isInteger(limit) && limit >= 1 && limit <= 2 ** 32)) {
      throw new RangeError(`below(${limit}): want an integer from 1 to 2^32`);
    }
    const fair = 2 ** 32 - (2 ** 32 % limit);
    let draw = uint32();
    while (draw >= fair) draw = uint32();
    return draw % limit;
  };
  return {
    uint32,
    below,
    betweenMs: (min, max) => {
      const minUs = Math.round(min * 1000);
      return (minUs + below(Math.round(max * 1000) - minUs + 1)) / 1000;
    },
    chance: (perMillion) => perMillion > 0 && below(1_000_000) < perMillion,
  };
}

/** Seeded bytes behind the Entropy port. Never for a real key. */
export function seededEntropy(random: Random): Entropy {
  return {
    bytes: (length) => {
      const bytes = new Uint8Array(length);
      for (let i = 0; i < length; i++) bytes[i] = random.uint32() & 255;
      return bytes;
    },
  };
}

function sfc32(seedLow: number, seedHigh: number, nameHash: number): () => number {
  let a = seedLow;
  let b = seedHigh;
  let c = nameHash;
  let counter = 1;
  const next = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return sum >>> 0;
  };
  // The first draws still resemble the seed; its author discards a dozen.
  for (let i = 0; i < 12; i++) next();
  return next;
}

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}
