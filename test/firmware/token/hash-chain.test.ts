// The hash chain of a streamed order: the published links, and that a link proves its own units and no others.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromHex, toHex, utf8 } from "../../../firmware/bytes.ts";
import { CHAIN_UNITS_MAX } from "../../../firmware/protocol/messages.ts";
import { ChainHash, lastLink, provesFrom } from "../../../firmware/token/hash-chain.ts";
import { openNaclCrypto } from "../../../hal/drivers/nacl-crypto.ts";
import { crypto } from "../../support/sale.ts";
import chains from "../../vectors/payword-chains.json" with { type: "json" };

const bytes = (hex: string): Uint8Array => fromHex(hex) ?? new Uint8Array();
const ORDER = "00112233445566aa";
const UNITS = 40;

function linksOf(secret: Uint8Array, order: string, units: number, on = crypto): Uint8Array[] {
  const hash = new ChainHash(on, order);
  const falling = [lastLink(on, secret, order)];
  for (let unit = units; unit > 0; unit--) {
    falling.push(hash.before(unit, falling.at(-1) as Uint8Array));
  }
  return falling.reverse();
}

const links = linksOf(new Uint8Array(32).fill(9), ORDER, UNITS);
const at = (units: number) => ({ units, link: links[units] as Uint8Array });
const flipped = (link: Uint8Array, bit: number) =>
  link.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));

describe("published chains", () => {
  test.each(chains.vectors)("$name", ({ secret, order, units, links: shown }) => {
    const made = new Map(linksOf(bytes(secret), order, units).entries());
    for (const [unit, link] of Object.entries(shown)) {
      expect(toHex(made.get(Number(unit)) ?? new Uint8Array())).toBe(link);
    }
  });

  test("each hash on the way, on either implementation of the crypto port", () => {
    const vector = chains.vectors.find(({ steps }) => steps !== undefined);
    for (const on of [crypto, openNaclCrypto()]) {
      expect(toHex(on.digest(bytes(vector?.lastInput ?? "")))).toBe(vector?.lastDigest);
      for (const { from, input, digest } of vector?.steps ?? []) {
        expect(toHex(on.digest(bytes(input)))).toBe(digest);
        const place = bytes(input).slice(21, 25);
        expect(bytes(input).slice(0, 13)).toEqual(utf8("sluice/1 link"));
        expect(new DataView(place.buffer).getUint32(0)).toBe(from);
      }
      expect(linksOf(new Uint8Array(32).fill(5), ORDER, 3, on).map(toHex)).toEqual(
        Object.values(vector?.links ?? {}),
      );
    }
  });
});

describe("a link", () => {
  test("proves its units from every link before it, also where those between were lost", () => {
    for (let later = 0; later <= UNITS; later++) {
      for (let earlier = 0; earlier <= later; earlier++) {
        expect(provesFrom(crypto, ORDER, at(earlier), at(later))).toBe(true);
      }
    }
  });

  test("proves nothing of what comes after it, nor any other number of units", () => {
    fc.assert(
      fc.property(fc.nat(UNITS), fc.nat(UNITS), fc.nat(UNITS), (earlier, claimed, real) => {
        fc.pre(claimed !== real);
        const proof = { units: claimed, link: at(real).link };
        expect(provesFrom(crypto, ORDER, at(earlier), proof)).toBe(false);
      }),
    );
    expect(provesFrom(crypto, ORDER, at(5), at(4))).toBe(false);
    expect(provesFrom(crypto, ORDER, at(5), { units: 4, link: at(5).link })).toBe(false);
  });

  test("with any bit changed, or of another length, proves nothing", () => {
    for (let bit = 0; bit < 128; bit++) {
      const proof = { units: 7, link: flipped(at(7).link, bit) };
      expect(provesFrom(crypto, ORDER, at(5), proof)).toBe(false);
      expect(provesFrom(crypto, ORDER, at(7), proof)).toBe(false);
    }
    for (const link of [new Uint8Array(), at(7).link.slice(1), Uint8Array.of(...at(7).link, 0)]) {
      expect(provesFrom(crypto, ORDER, at(5), { units: 7, link })).toBe(false);
    }
  });

  test("of another order or another payer proves nothing", () => {
    const others = [
      linksOf(new Uint8Array(32).fill(9), "00112233445566ab", UNITS),
      linksOf(new Uint8Array(32).fill(10), ORDER, UNITS),
    ];
    for (const other of others) {
      const proof = { units: 7, link: other[7] as Uint8Array };
      expect(provesFrom(crypto, ORDER, at(5), proof)).toBe(false);
      expect(provesFrom(crypto, ORDER, { units: 5, link: other[5] as Uint8Array }, at(7))).toBe(
        false,
      );
    }
    const [own] = others as [Uint8Array[], Uint8Array[]];
    const [five, seven] = [own[5] as Uint8Array, own[7] as Uint8Array];
    const shown = [
      { units: 5, link: five },
      { units: 7, link: seven },
    ] as const;
    expect(provesFrom(crypto, "00112233445566ab", ...shown)).toBe(true);
    expect(provesFrom(crypto, ORDER, ...shown)).toBe(false);
  });

  test("I11: for more units than any chain has is refused before a hash is made", () => {
    let hashes = 0;
    const counting = {
      ...crypto,
      digest: (message: Uint8Array) => {
        hashes++;
        return crypto.digest(message);
      },
    };
    for (const units of [4, CHAIN_UNITS_MAX + 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      expect(provesFrom(counting, ORDER, at(5), { units, link: at(7).link })).toBe(false);
      expect([units, hashes]).toEqual([units, 0]);
    }
  });
});
