// The payer's way along his chain with a few kept links: the same links as the plain chain, whatever its length, from
// wherever it begins, and never many links or many hashes.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CHAIN_UNITS_MAX } from "../../../firmware/protocol/messages.ts";
import { ChainHash, lastLink } from "../../../firmware/token/hash-chain.ts";
import { PebbledChain } from "../../../firmware/token/pebbled-chain.ts";
import { crypto } from "../../support/sale.ts";

const ORDER = "00112233445566aa";
const LAST = lastLink(crypto, new Uint8Array(32).fill(9), ORDER);

let hashes = 0;
const counting = {
  ...crypto,
  digest: (message: Uint8Array) => {
    hashes++;
    return crypto.digest(message);
  },
};

function plainChain(units: number): Uint8Array[] {
  const hash = new ChainHash(crypto, ORDER);
  const links: Uint8Array[] = new Array(units + 1);
  links[units] = LAST;
  for (let unit = units; unit > 0; unit--) {
    links[unit - 1] = hash.before(unit, links[unit] as Uint8Array);
  }
  return links;
}

const same = (a: Uint8Array, b: Uint8Array | undefined) =>
  b !== undefined && a.length === b.length && a.every((byte, i) => byte === b[i]);

/** Walks to the end by the given strides, and says what was worst on the way. */
function walk(chain: PebbledChain, plain: readonly Uint8Array[], stride: () => number) {
  const units = plain.length - 1;
  const worst = { pebbles: chain.pebbles, hashesAStep: 0, wrong: [] as number[], hashes: 0 };
  expect(same(chain.current.link, plain[chain.current.units])).toBe(true);
  for (let unit = chain.current.units; unit < units; ) {
    const next = Math.min(units, unit + stride());
    hashes = 0;
    const { units: reached, link } = chain.advance(next);
    if (reached !== next || !same(link, plain[next])) worst.wrong.push(next);
    worst.pebbles = Math.max(worst.pebbles, chain.pebbles);
    worst.hashesAStep = Math.max(worst.hashesAStep, hashes / (next - unit));
    worst.hashes += hashes;
    unit = next;
  }
  return worst;
}

const one = () => 1;
const logOf = (units: number) => Math.log2(units);

describe("a pebbled chain", () => {
  test("gives the links of the plain one, for every length up to 300", () => {
    for (let units = 1; units <= 300; units++) {
      const chain = new PebbledChain(counting, ORDER, units, LAST);
      const worst = walk(chain, plainChain(units), one);
      expect([units, worst.wrong]).toEqual([units, []]);
      expect(worst.pebbles).toBeLessThanOrEqual(logOf(units) + 2);
      expect(worst.hashesAStep).toBeLessThanOrEqual(Math.ceil(logOf(units)) + 1);
      expect(worst.hashes).toBeLessThanOrEqual(units * (Math.ceil(logOf(units)) / 2 + 1));
    }
  });

  test("goes on from any of its links, as after a restart", () => {
    for (let units = 1; units <= 70; units++) {
      const plain = plainChain(units);
      for (let released = 0; released <= units; released++) {
        hashes = 0;
        const chain = new PebbledChain(counting, ORDER, units, LAST, released);
        expect(hashes).toBe(units - released);
        const worst = walk(chain, plain, one);
        expect([units, released, worst.wrong]).toEqual([units, released, []]);
        expect(worst.pebbles).toBeLessThanOrEqual(logOf(units) + 2);
        expect(worst.hashesAStep).toBeLessThanOrEqual(Math.ceil(logOf(units)) + 1);
      }
    }
  });

  test("gives them for lengths, beginnings and strides by chance", () => {
    const lengths = fc.integer({ min: 1, max: 3_000 });
    fc.assert(
      fc.property(lengths, fc.nat(), fc.integer({ min: 1, max: 99 }), (units, from, stride) => {
        const released = from % (units + 1);
        const chain = new PebbledChain(counting, ORDER, units, LAST, released);
        const worst = walk(chain, plainChain(units), () => stride);
        expect(worst.wrong).toEqual([]);
        expect(worst.pebbles).toBeLessThanOrEqual(logOf(units) + 2);
        expect(worst.hashesAStep).toBeLessThanOrEqual(Math.ceil(logOf(units)) + 1);
      }),
      { numRuns: 40 },
    );
  });

  test("of the most units keeps 16 links, and makes 17 hashes a step at most, 8.5 in the mean", () => {
    const chain = new PebbledChain(counting, ORDER, CHAIN_UNITS_MAX, LAST);
    const worst = walk(chain, plainChain(CHAIN_UNITS_MAX), one);
    expect(worst.wrong).toEqual([]);
    expect(worst.pebbles).toBe(16);
    expect(worst.hashesAStep).toBeLessThanOrEqual(17);
    expect(worst.hashes / CHAIN_UNITS_MAX).toBeLessThanOrEqual(8.5);
  });

  test("gives a link again at no cost, and none before it or beyond the last", () => {
    const chain = new PebbledChain(counting, ORDER, 10, LAST);
    const { link } = chain.advance(4);
    hashes = 0;
    expect(chain.advance(4)).toEqual({ units: 4, link });
    expect(hashes).toBe(0);
    expect(() => chain.advance(3)).toThrow("rising order");
    expect(() => chain.advance(11)).toThrow("rising order");
    expect(chain.advance(10)).toEqual({ units: 10, link: LAST });
    expect(chain.pebbles).toBe(0);
  });
});
