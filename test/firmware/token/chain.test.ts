// The chain of a device's receipts: nothing taken out, put in, changed or moved goes unseen.

import { describe, expect, test } from "vitest";
import {
  FIRST_PREVIOUS,
  type Receipt,
  signReceipt,
  verifyChain,
} from "../../../firmware/token/receipt.ts";
import { shortDigest } from "../../../firmware/token/signed.ts";
import { crypto, deviceKey, story } from "../../support/sale.ts";

const { device, operator } = story.keys;
const [template] = story.receipts as readonly [Receipt];

function chainOf(length: number): Uint8Array[] {
  const chain: Uint8Array[] = [];
  let previous: Uint8Array = FIRST_PREVIOUS;
  for (let number = 1; number <= length; number++) {
    const signed = signReceipt({ ...template, number, previous }, device);
    chain.push(signed);
    previous = shortDigest(crypto, signed);
  }
  return chain;
}

const chain = chainOf(5);
const verify = (receipts: readonly Uint8Array[]) => verifyChain(receipts, deviceKey, crypto);
const at = (...places: number[]) => places.map((place) => chain[place] as Uint8Array);
const broken = (place: number) => ({
  ok: false,
  fault: { kind: "broken-chain", at: `receipts.${place}` },
});

describe("a chain of receipts", () => {
  test("verifies whole, in part, and with gaps where other people's orders were", () => {
    const whole = verify(chain);
    expect(whole.ok && whole.value.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5]);
    for (const part of [[], at(2), at(1, 2), at(0, 2, 4), at(0, 1, 4)]) {
      expect(verify(part)).toMatchObject({ ok: true });
    }
  });

  test("is refused out of order or with a receipt twice", () => {
    expect(verify(at(1, 0))).toMatchObject(broken(1));
    expect(verify(at(0, 1, 1))).toMatchObject(broken(2));
    expect(verify(at(0, 3, 2))).toMatchObject(broken(2));
  });

  test("is refused where one was replaced, although the new one is well signed", () => {
    const replaced = signReceipt(
      { ...template, number: 3, previous: shortDigest(crypto, chain[1] as Uint8Array), pulses: 1 },
      device,
    );
    const [first, second, , fourth] = chain as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
    expect(verify([first, second, replaced])).toMatchObject({ ok: true });
    expect(verify([first, second, replaced, fourth])).toMatchObject(broken(3));
  });

  test("begins with number 1 and nothing before it", () => {
    const late = signReceipt(
      { ...template, number: 1, previous: new Uint8Array(16).fill(7) },
      device,
    );
    const none = signReceipt({ ...template, number: 0, previous: FIRST_PREVIOUS }, device);
    expect(verify([late])).toMatchObject(broken(0));
    expect(verify([none])).toMatchObject(broken(0));
  });

  test("is refused with one that somebody else signed, or that is none", () => {
    const forged = signReceipt({ ...template, number: 9 }, operator);
    expect(verify([...chain, forged])).toMatchObject({ ok: false, fault: { kind: "signature" } });
    expect(verify([...chain, new Uint8Array(4)])).toMatchObject({ fault: { kind: "malformed" } });
  });
});
