// What the seller of a streamed order makes of proofs, honest and not, and how far it goes ahead of them.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  chargedPulses,
  judgeFirstProof,
  judgeProof,
  limitPulses,
  type SellerStream,
  unpaidPulses,
  withProof,
} from "../../../firmware/producer/stream-seller.ts";
import { STEP_UNITS_MAX, WINDOW_UNITS_MAX } from "../../../firmware/protocol/messages.ts";
import { ChainHash, lastLink } from "../../../firmware/token/hash-chain.ts";
import { grantPulses, valueOfPulses } from "../../../firmware/units.ts";
import type { Crypto } from "../../../hal/crypto.ts";
import { openNodeCrypto } from "../../../hal/linux/node-crypto.ts";

const crypto = openNodeCrypto();
const ORDER = "00112233445566aa";
const SECRET = new Uint8Array(32).fill(9);
const PER_UNIT = { numerator: 10, denominator: 1 };

/** All links of a chain, by the units that they pay for. */
function chain(units: number, order = ORDER, secret = SECRET): readonly Uint8Array[] {
  const hash = new ChainHash(crypto, order);
  const links: Uint8Array[] = [];
  links[units] = lastLink(crypto, secret, order);
  for (let at = units; at > 0; at--) links[at - 1] = hash.before(at, link(links, at)).slice();
  return links;
}

function link(links: readonly Uint8Array[], units: number): Uint8Array {
  const found = links[units];
  if (found === undefined) throw new Error(`the chain has no link ${units}`);
  return found;
}

const LINKS = chain(20);
const streamAt = (proved: number, more: Partial<SellerStream> = {}): SellerStream => ({
  ...{ order: ORDER, units: 20, ratio: PER_UNIT, step: 2, window: 3 },
  ...{ proved, link: link(LINKS, proved) },
  ...more,
});
const judged = (stream: SellerStream, units: number, preimage: Uint8Array): string =>
  judgeProof(crypto, stream, units, preimage);

function counting(): { crypto: Crypto; hashes: () => number } {
  let hashes = 0;
  const digest = (message: Uint8Array): Uint8Array => {
    hashes += 1;
    return crypto.digest(message);
  };
  return { crypto: { ...crypto, digest }, hashes: () => hashes };
}

describe("a proof", () => {
  test("is good for its unit and all before it, however many were lost between", () => {
    for (let units = 5; units <= 9; units++) {
      expect(judged(streamAt(4), units, link(LINKS, units))).toBe("good");
    }
  });

  test("that comes again, or late, is old and changes nothing", () => {
    const stream = streamAt(4);
    for (let units = 0; units <= 4; units++) {
      expect(judged(stream, units, link(LINKS, units))).toBe("old");
    }
  });

  test("from further ahead than step and window together is not looked into", () => {
    const { crypto: counted, hashes } = counting();
    expect(judgeProof(counted, streamAt(4), 10, link(LINKS, 10))).toBe("too-far");
    expect(hashes()).toBe(0);
  });

  test("beyond the order's units is not looked into, though it is of a longer chain", () => {
    const longer = chain(30);
    const { crypto: counted, hashes } = counting();
    const stream = streamAt(20, { link: link(longer, 20) });
    expect(judgeProof(counted, stream, 21, link(longer, 21))).toBe("too-far");
    expect(hashes()).toBe(0);
  });

  test("I11: costs at most step and window hashes, whatever its bytes are", () => {
    const link16 = fc.uint8Array({ minLength: 16, maxLength: 16 });
    const sizes = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 5 }));
    const place = fc.tuple(fc.nat(20), fc.nat(70_000));
    fc.assert(
      fc.property(link16, sizes, place, (bytes, [step, window], [proved, units]) => {
        const { crypto: counted, hashes } = counting();
        const verdict = judgeProof(counted, streamAt(proved, { step, window }), units, bytes);
        expect(["old", "too-far", "wrong"]).toContain(verdict);
        expect(hashes()).toBeLessThanOrEqual(step + window);
      }),
    );
  });
});

describe("the proof that comes with begin", () => {
  test("may be as far ahead as any step or window, and is looked into as any other", () => {
    const links = chain(3_000);
    const far = (units: number, shown = units): string => {
      const stream = streamAt(0, { units: 3_000, step: 1, window: 0, link: link(links, 0) });
      return judgeFirstProof(crypto, stream, units, link(links, shown));
    };
    expect([far(1), far(1_024), far(2_048)]).toEqual(["good", "good", "good"]);
    expect([far(2_049), far(0), far(1_024, 1_023)]).toEqual(["too-far", "old", "wrong"]);
  });
});

describe("a cheating consumer", () => {
  test("who shows a link in the place of another gains nothing", () => {
    for (let shown = 0; shown <= 20; shown++) {
      for (let units = 5; units <= 9; units++) {
        const expected = shown === units ? "good" : "wrong";
        expect(judged(streamAt(4), units, link(LINKS, shown))).toBe(expected);
      }
    }
  });

  test("who changes any bit of a link gains nothing", () => {
    for (let bit = 0; bit < 128; bit++) {
      const forged = link(LINKS, 5).slice();
      forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(judged(streamAt(4), 5, forged)).toBe("wrong");
    }
  });

  test("who shows the links of another order of his gains nothing", () => {
    const other = chain(20, "00112233445566ab");
    expect(judged(streamAt(4), 5, link(other, 5))).toBe("wrong");
  });

  test("who commits two orders to one secret cannot pay both with one link", () => {
    const other = "00112233445566ab";
    const last = link(LINKS, 20);
    const hash = new ChainHash(crypto, other);
    const links: Uint8Array[] = [];
    links[20] = last;
    for (let at = 20; at > 0; at--) links[at - 1] = hash.before(at, link(links, at)).slice();
    const stream = streamAt(4, { order: other, link: link(links, 4) });
    expect(judged(stream, 5, link(links, 5))).toBe("good");
    expect(judged(stream, 5, link(LINKS, 5))).toBe("wrong");
  });

  test("who shows another payer's links gains nothing", () => {
    const other = chain(20, ORDER, new Uint8Array(32).fill(8));
    expect(judged(streamAt(4), 5, link(other, 5))).toBe("wrong");
  });

  test("who shows links that are too short or too long gains nothing", () => {
    for (const length of [0, 1, 15, 17, 64]) {
      expect(judged(streamAt(4), 5, new Uint8Array(length))).toBe("wrong");
    }
    const longer = new Uint8Array(17);
    longer.set(link(LINKS, 5));
    expect(judged(streamAt(4), 5, longer)).toBe("wrong");
  });

  test("who cannot undo a hash learns no link from the root or from those before", () => {
    expect(judged(streamAt(0), 1, link(LINKS, 0))).toBe("wrong");
    expect(judged(streamAt(4), 5, link(LINKS, 4))).toBe("wrong");
    expect(judged(streamAt(4), 5, link(LINKS, 3))).toBe("wrong");
  });
});

describe("what the seller risks", () => {
  const ratios = fc.record({
    numerator: fc.integer({ min: 1, max: 50 }),
    denominator: fc.integer({ min: 1, max: 50 }),
  });
  const sizes = fc.record({
    units: fc.integer({ min: 1, max: 60 }),
    window: fc.nat(70),
    proved: fc.nat(60),
  });

  test("I4: is never above the window, and what it charges never above proof or delivery", () => {
    fc.assert(
      fc.property(
        ratios,
        sizes,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (ratio, size, share) => {
          const proved = Math.min(size.proved, size.units);
          const stream = streamAt(0, { ...size, proved, ratio });
          const limit = limitPulses(stream);
          const delivered = Math.floor(share * limit);
          const charged = chargedPulses(stream, delivered);
          expect(limit).toBeLessThanOrEqual(grantPulses(size.units, ratio));
          expect(charged).toBeLessThanOrEqual(Math.min(delivered, grantPulses(proved, ratio)));
          expect(unpaidPulses(stream, delivered)).toBe(delivered - charged);
          // Where a pulse is no whole part of a unit, the one that is paid in part is not charged.
          const part = ratio.denominator === 1 ? 0 : 1;
          expect(delivered - charged).toBeLessThanOrEqual(grantPulses(size.window, ratio) + part);
          const price = { priceMinor: 45 };
          const worth = valueOfPulses(charged, size.units, price, ratio);
          expect(worth).toBeLessThanOrEqual(45 * proved);
        },
      ),
    );
  });

  test("I4: all is charged once all is proved", () => {
    fc.assert(
      fc.property(ratios, sizes, (ratio, size) => {
        const stream = streamAt(0, { ...size, proved: size.units, ratio });
        const all = grantPulses(size.units, ratio);
        expect(limitPulses(stream)).toBe(all);
        expect(chargedPulses(stream, all)).toBe(all);
      }),
    );
  });

  test("a proof moves the limit by what it proves, and never back", () => {
    const before = streamAt(4);
    const after = withProof(before, 6, link(LINKS, 6));
    expect(limitPulses(before)).toBe(70);
    expect(limitPulses(after)).toBe(90);
    expect(judged(after, 8, link(LINKS, 8))).toBe("good");
    expect(judged(after, 5, link(LINKS, 5))).toBe("old");
  });

  test("window 0 asks for proof first", () => {
    expect(limitPulses(streamAt(0, { window: 0 }))).toBe(0);
    expect(limitPulses(streamAt(3, { window: 0 }))).toBe(30);
  });

  test("the largest step and window are within what a device hashes for one proof", () => {
    const units = STEP_UNITS_MAX + WINDOW_UNITS_MAX;
    const links = chain(units);
    const { crypto: counted, hashes } = counting();
    const sizes = { units, step: STEP_UNITS_MAX, window: WINDOW_UNITS_MAX, link: link(links, 0) };
    expect(judgeProof(counted, streamAt(0, sizes), units, link(links, units))).toBe("good");
    expect(hashes()).toBe(units);
  });
});
