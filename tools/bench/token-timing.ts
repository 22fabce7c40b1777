// What signing and checking a delivery token costs: whole, from the claims to the bytes and back, and the bare
// signature inside, on both implementations of the Crypto port.

import { signToken, verifyToken } from "../../firmware/token/delivery-token.ts";
import type { Crypto } from "../../hal/crypto.ts";
import { openNaclCrypto } from "../../hal/drivers/nacl-crypto.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { type Summary, summarise } from "./sample.ts";

export interface TokenTiming {
  /** Microseconds. */
  sign: Summary;
  verify: Summary;
  bareSign: Summary;
  bareVerify: Summary;
}

export interface TokenTimings {
  node: TokenTiming;
  nacl: TokenTiming;
  /** Verifying and finding the order in a book of so many others, over the same in a book of one. */
  usedTokens: number;
  usedRatio: number;
}

const SEED = new Uint8Array(32).fill(7);
const TOKEN = {
  order: "00112233445566aa",
  consumer: new Uint8Array(8).fill(9),
  service: 1,
  price: 1,
  units: 10,
  expiresS: 1_800_000_000,
};

export function timeTokens(rounds: number, usedTokens: number): TokenTimings {
  const node = timeOn(openNodeCrypto(), rounds);
  // Portable and slow: fewer rounds say as much.
  const nacl = timeOn(openNaclCrypto(), Math.max(20, rounds >> 4));
  return { node, nacl, usedTokens, usedRatio: timeBook(rounds, usedTokens) };
}

function timeOn(crypto: Crypto, rounds: number): TokenTiming {
  const signer = crypto.signer(SEED);
  const token = signToken(TOKEN, signer);
  const signature = signer.sign(token);
  const must = (good: boolean): void => {
    if (!good) throw new Error("a token of our own making is not good");
  };
  return {
    sign: timeEach(rounds, () => must(signToken(TOKEN, signer).length === token.length)),
    verify: timeEach(rounds, () => must(verifyToken(token, signer.publicKey, crypto).ok)),
    bareSign: timeEach(rounds, () => must(signer.sign(token).length === 64)),
    bareVerify: timeEach(rounds, () => must(crypto.verify(signer.publicKey, token, signature))),
  };
}

/** Both books are asked by turns, so that whatever else the machine does falls on both alike. */
function timeBook(rounds: number, usedTokens: number): number {
  const crypto = openNodeCrypto();
  const signer = crypto.signer(SEED);
  const token = signToken(TOKEN, signer);
  const small = new Map([[TOKEN.order, 1]]);
  const large = new Map(small);
  for (let i = 0; large.size < usedTokens; i++) large.set(i.toString(16).padStart(16, "0"), i);
  const use = (book: ReadonlyMap<string, number>) => (): void => {
    const read = verifyToken(token, signer.publicKey, crypto);
    if (!read.ok || book.get(read.value.order) === undefined) throw new Error("not in the book");
  };
  const [one, many] = timeByTurns(rounds, use(small), use(large));
  return many / one;
}

function timeByTurns(rounds: number, one: () => void, other: () => void): [number, number] {
  const samples: [number[], number[]] = [[], []];
  for (let i = 0; i < rounds; i++) {
    samples[0].push(microseconds(one));
    samples[1].push(microseconds(other));
  }
  return [summarise(samples[0]).median, summarise(samples[1]).median];
}

function timeEach(rounds: number, work: () => void): Summary {
  for (let i = 0; i < rounds >> 2; i++) work();
  return summarise(Array.from({ length: rounds }, () => microseconds(work)));
}

function microseconds(work: () => void): number {
  const startMs = performance.now();
  work();
  return (performance.now() - startMs) * 1000;
}
