// DES and two-key triple DES (FIPS 46-3, SP 800-67), for cryptograms of test cards only: slow, bit by bit, and never for
// anything that is worth money.

/** Tables of the standard: places of bits, counted from 1. */
const INITIAL = [
  58, 50, 42, 34, 26, 18, 10, 2, 60, 52, 44, 36, 28, 20, 12, 4, 62, 54, 46, 38, 30, 22, 14, 6, 64,
  56, 48, 40, 32, 24, 16, 8, 57, 49, 41, 33, 25, 17, 9, 1, 59, 51, 43, 35, 27, 19, 11, 3, 61, 53,
  45, 37, 29, 21, 13, 5, 63, 55, 47, 39, 31, 23, 15, 7,
];
const EXPANSION = [
  32, 1, 2, 3, 4, 5, 4, 5, 6, 7, 8, 9, 8, 9, 10, 11, 12, 13, 12, 13, 14, 15, 16, 17, 16, 17, 18, 19,
  20, 21, 20, 21, 22, 23, 24, 25, 24, 25, 26, 27, 28, 29, 28, 29, 30, 31, 32, 1,
];
const PERMUTATION = [
  16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19, 13,
  30, 6, 22, 11, 4, 25,
];
const KEY_CHOICE = [
  57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60,
  52, 44, 36, 63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21,
  13, 5, 28, 20, 12, 4,
];
const ROUND_CHOICE = [
  14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2, 41, 52,
  31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
];
/** Four rows of sixteen, each value a hexadecimal digit. */
const BOXES = [
  "e4d12fb83a6c59070f74e2d1a6cb953841e8d62bfc973a50fc8249175b3ea06d",
  "f18e6b34972dc05a3d47f28ec01a69b50e7ba4d158c6932fd8a13f42b67c05e9",
  "a09e63f51dc7b428d709346a285ecbf1d6498f30b12c5ae71ad069874fe3b52c",
  "7de3069a1285bc4fd8b56f03472c1ae9a690cb7df13e52843f06a1d8945bc72e",
  "2c417ab6853fd0e9eb2c47d150fa3986421bad78f9c5630eb8c71e2d6f09a453",
  "c1af92680d34e75baf427c9561de0b389ef528c3704a1db6432c95fabe17608d",
  "4b2ef08d3c975a61d0b7491ae35c2f8614bdc37eaf6805926bd814a7950fe23c",
  "d2846fb1a93e50c71fd8a374c56b0e927b419ce206adf35821e74a8dfc90356b",
];
/** Rounds in which the key's halves move by one place; in all others by two. */
const SINGLE_MOVES: ReadonlySet<number> = new Set([0, 1, 8, 15]);
const ROUNDS = 16;
export const BLOCK_BYTES = 8;

type Bits = readonly number[];

function toBits(bytes: Uint8Array): Bits {
  return Array.from(
    { length: 8 * bytes.length },
    (_, i) => ((bytes[i >> 3] ?? 0) >> (7 - (i & 7))) & 1,
  );
}

function toBytes(bits: Bits): Uint8Array {
  const bytes = new Uint8Array(bits.length / 8);
  for (const [i, bit] of bits.entries())
    bytes[i >> 3] = (bytes[i >> 3] ?? 0) | (bit << (7 - (i & 7)));
  return bytes;
}

function choose(bits: Bits, places: readonly number[]): Bits {
  return places.map((place) => bits[place - 1] ?? 0);
}

function roundKeys(key: Uint8Array): readonly Bits[] {
  const chosen = choose(toBits(key), KEY_CHOICE);
  let halves = [chosen.slice(0, 28), chosen.slice(28)];
  return Array.from({ length: ROUNDS }, (_, round) => {
    const by = SINGLE_MOVES.has(round) ? 1 : 2;
    halves = halves.map((half) => [...half.slice(by), ...half.slice(0, by)]);
    return choose(halves.flat(), ROUND_CHOICE);
  });
}

function feistel(right: Bits, key: Bits): Bits {
  const mixed = choose(right, EXPANSION).map((bit, i) => bit ^ (key[i] ?? 0));
  const boxed = BOXES.flatMap((box, i) => {
    const [b1 = 0, b2 = 0, b3 = 0, b4 = 0, b5 = 0, b6 = 0] = mixed.slice(6 * i, 6 * i + 6);
    const value = Number.parseInt(
      box[32 * b1 + 16 * b6 + 8 * b2 + 4 * b3 + 2 * b4 + b5] ?? "0",
      16,
    );
    return [value >> 3, (value >> 2) & 1, (value >> 1) & 1, value & 1];
  });
  return choose(boxed, PERMUTATION);
}

function des(block: Uint8Array, keys: readonly Bits[]): Uint8Array {
  const start = choose(toBits(block), INITIAL);
  let left = start.slice(0, 32);
  let right = start.slice(32);
  for (const key of keys) {
    const mixed = feistel(right, key);
    [left, right] = [right, left.map((bit, i) => bit ^ (mixed[i] ?? 0))];
  }
  const swapped = [...right, ...left];
  const ended: number[] = [];
  for (const [i, place] of INITIAL.entries()) ended[place - 1] = swapped[i] ?? 0;
  return toBytes(ended);
}

/** One block of 8 bytes under a key of 8. */
export function desEncrypt(block: Uint8Array, key: Uint8Array): Uint8Array {
  return des(block, roundKeys(key));
}

export function desDecrypt(block: Uint8Array, key: Uint8Array): Uint8Array {
  return des(block, roundKeys(key).toReversed());
}

/** One block under a key of 16 bytes. */
export function tripleDesEncrypt(block: Uint8Array, key: Uint8Array): Uint8Array {
  const [left, right] = [key.subarray(0, 8), key.subarray(8, 16)];
  return desEncrypt(desDecrypt(desEncrypt(block, left), right), left);
}
