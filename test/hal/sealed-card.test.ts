// The two layouts of a sealed card: keyed in, and read at a reader. Whatever a payer seals is read whole or refused.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromHex, toHex } from "../../firmware/bytes.ts";
import { readSealedPlain, SEALED_TAGS } from "../../hal/sealed-card.ts";

const HEAD = `${"07".repeat(16)}000000964555521f0c`;
const DIGITS = "34313131313131313131313131313131";
const PACKED = "5a084111111111111111";
const COUNTER = "9f36020001";

const read = (hex: string) => readSealedPlain(fromHex(hex) ?? new Uint8Array());
const text = (bytes: Uint8Array | undefined): string => String.fromCharCode(...(bytes ?? []));

describe("layouts", () => {
  test("keyed in: the digits follow the head", () => {
    const card = read(`${HEAD}${DIGITS}`);
    expect(card).toMatchObject({ amountMinor: 150, currency: "EUR", entryMethod: "manual" });
    expect([text(card?.number), text(card?.expiry)]).toEqual(["4111111111111111", "3112"]);
    expect(card?.chip).toBeUndefined();
  });

  test.each([
    ["0c", undefined],
    ["8c", true],
    ["81", true],
  ])("a month of %s: the digest is a commitment's where 128 was added", (month, stream) => {
    const card = read(`${HEAD.slice(0, -2)}${month}${DIGITS}`);
    const expiry = month === "81" ? "3101" : "3112";
    expect([card?.stream, text(card?.expiry)]).toEqual([stream, expiry]);
    expect(read(`${HEAD.slice(0, -2)}${month}02${PACKED}${COUNTER}`)?.stream).toBe(stream);
  });

  test.each([
    ["01", "insert"],
    ["02", "tap"],
  ])("at a reader: the way (%s), the number, the card's data", (way, entryMethod) => {
    const card = read(`${HEAD}${way}${PACKED}${COUNTER}`);
    expect(card).toMatchObject({ amountMinor: 150, currency: "EUR", entryMethod });
    expect(text(card?.number)).toBe("4111111111111111");
    expect([...(card?.chip ?? [])].map(([tag, value]) => [tag, toHex(value)])).toEqual([
      [0x9f36, "0001"],
    ]);
  });

  test("a number of odd length is filled up with F", () => {
    // 19 digits.
    expect(text(read(`${HEAD}025a0a6304000000000000000f`)?.number)).toBe("6304000000000000000");
  });
});

describe("refused", () => {
  test.each([
    ["nothing", ""],
    ["a head alone", HEAD],
    ["a thirteenth month", `${HEAD.slice(0, -2)}0d${DIGITS}`],
    ["no month, of a commitment", `${HEAD.slice(0, -2)}80${DIGITS}`],
    ["a thirteenth month, of a commitment", `${HEAD.slice(0, -2)}8d${DIGITS}`],
    ["letters in the number", `${HEAD}41${DIGITS.slice(2)}`],
    ["a wrong check digit", `${HEAD}${DIGITS.slice(0, -1)}2`],
    ["twenty digits", `${HEAD}${"30".repeat(20)}`],
    ["a third way", `${HEAD}03${PACKED}`],
    ["a way and no number", `${HEAD}02${COUNTER}`],
    ["a number that is not the first", `${HEAD}02${COUNTER}${PACKED}`],
    ["a number under another tag", `${HEAD}029f10${PACKED.slice(2)}`],
    ["a packed number with letters", `${HEAD}025a0841a1111111111111`],
    ["a tag that is not wanted", `${HEAD}02${PACKED}5708411111111111111d`],
    ["a number twice", `${HEAD}02${PACKED}${PACKED}`],
    ["a tag twice", `${HEAD}02${PACKED}${COUNTER}${COUNTER}`],
    ["a value cut off", `${HEAD}02${PACKED}9f360200`],
    ["a value too long", `${HEAD}02${PACKED}9f1021${"00".repeat(33)}`],
    ["half a tag", `${HEAD}02${PACKED}9f`],
    ["too much of all", `${HEAD}02${PACKED}${SEALED_TAGS.map(filled).join("")}`],
  ])("%s", (_, hex) => {
    expect(read(hex)).toBeUndefined();
  });

  test("bytes by chance behind a true head", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (chance) => {
        const card = read(`${HEAD}02${toHex(chance)}`);
        expect(card === undefined || card.number.length >= 12).toBe(true);
      }),
    );
  });
});

/** An object of 32 bytes. */
function filled(tag: number): string {
  return `${tag.toString(16)}20${"00".repeat(32)}`;
}
