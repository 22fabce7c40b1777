// BER-TLV and lists of tags: what is read, what is refused, and how values are made to fit.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromHex, toHex } from "../../../firmware/bytes.ts";
import { fillDol, findTlv, readDol, readTlv, writeTlv } from "../../../hal/drivers/ber-tlv.ts";

const bytes = (hex: string): Uint8Array => fromHex(hex) ?? new Uint8Array();
const nested = (depth: number): string => {
  let hex = "5a00";
  for (let level = 1; level < depth; level++) {
    hex = `70${(hex.length / 2).toString(16).padStart(2, "0")}${hex}`;
  }
  return hex;
};

describe("reading", () => {
  test("tags of one to three bytes, lengths of one to three, filler between", () => {
    const read = readTlv(bytes("00005a0112009f2601ffdf8117810142820200070000"));
    expect(read?.map(({ tag, value }) => [tag, toHex(value)])).toEqual([
      ...[
        [0x5a, "12"],
        [0x9f26, "ff"],
        [0xdf8117, "42"],
      ],
      [0x82, "0007"],
    ]);
  });

  test("an object inside others is found by its way", () => {
    const read = readTlv(bytes("6f0ca50abf0c075a0111500241 42".replace(" ", "")));
    expect(toHex(findTlv(read, 0x6f, 0xa5, 0xbf0c, 0x50)?.value ?? bytes(""))).toBe("4142");
    expect(findTlv(read, 0x6f, 0xa5, 0x50)).toBeUndefined();
  });

  test.each([
    ["a value cut off", "5a0312"],
    ["no length", "5a"],
    ["half a tag", "9f"],
    ["a tag of four bytes", "9f81810101ff"],
    ["a length cut off", "5a82"],
    ["a length of three bytes", "5a8300000112"],
    ["a length without end", "5a8012"],
    ["an inner value cut off", "70035a0312"],
    ["too deep", nested(7)],
    ["too many", "5a00".repeat(97)],
    ["too long", `5a8201fe${"00".repeat(510)}`],
  ])("%s is refused whole", (_, hex) => {
    expect(readTlv(bytes(hex))).toBeUndefined();
  });

  test("as deep, as many and as long as may be is read", () => {
    expect(readTlv(bytes(nested(6)))).toHaveLength(1);
    expect(readTlv(bytes("5a00".repeat(96)))).toHaveLength(96);
    expect(readTlv(bytes(`5a8201fc${"00".repeat(508)}`))).toHaveLength(1);
  });

  test("what is written is read back, and bytes by chance are read or refused", () => {
    const value = fc.uint8Array({ maxLength: 127 });
    fc.assert(
      fc.property(fc.constantFrom(0x5a, 0x9f26, 0x95), value, (tag, content) => {
        const [read, ...more] = readTlv(writeTlv(tag, content)) ?? [];
        expect([read?.tag, read?.value, more.length]).toEqual([tag, content, 0]);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (chance) => {
        const read = readTlv(chance);
        const total = read?.reduce((sum, object) => sum + object.value.length, 0) ?? 0;
        expect(total).toBeLessThanOrEqual(chance.length);
        readDol(chance);
      }),
    );
  });
});

describe("lists", () => {
  test("numbers fit on the right, all else on the left, what is not known is zeros", () => {
    const list = readDol(bytes("9f02035a029f37059f1a03c205")) ?? [];
    const values = new Map([
      [0x9f02, bytes("000000000150")],
      [0x5a, bytes("112233")],
      [0x9f37, bytes("aabb")],
      [0x9f1a, bytes("0276")],
    ]);
    const isNumeric = (tag: number): boolean => tag === 0x9f02 || tag === 0x9f1a;
    expect(toHex(fillDol(list, values, isNumeric))).toBe("0001501122aabb0000000002760000000000");
  });

  test.each([
    ["no length", "9f02"],
    ["half a tag", "9f020a9f"],
    ["a long length", "9f0281"],
    ["more than a command holds", "9f027f9f037a"],
    ["too many", "5a00".repeat(33)],
  ])("%s is refused", (_, hex) => {
    expect(readDol(bytes(hex))).toBeUndefined();
  });
});
