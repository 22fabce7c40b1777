// Messages by their bytes, written out by hand from the definitions of the fields; what is refused, and where; and
// frames spoilt by chance.

import { describe, expect, test } from "vitest";
import { currencyCode, currencyNumber } from "../../../hal/drivers/iso8583-currency.ts";
import { FIELD_FORMATS } from "../../../hal/drivers/iso8583-fields.ts";
import { deframer, framed } from "../../../hal/drivers/iso8583-line.ts";
import {
  decodeIso8583,
  encodeIso8583,
  MESSAGE_BYTES_MAX,
} from "../../../hal/drivers/iso8583-message.ts";
import { seededRandom } from "../../../hal/sim/random.ts";
import { bytesOf, spoilt } from "../../support/iso8583-bytes.ts";

type Vector = readonly [
  name: string,
  type: string,
  fields: readonly (readonly [number, string])[],
  bytes: string,
];

const VECTORS: readonly Vector[] = [
  [
    "authorisation",
    "0100",
    [
      [2, "4111111111111111"],
      [3, "000000"],
      [4, "000000001000"],
      [7, "1122081530"],
      [11, "000042"],
      [14, "3012"],
      [41, "TERM0001"],
      [49, "978"],
    ],
    // 2 3 4 7 | 11 14 | | | | 41 | 49
    "0100<7224000000808000>" +
      "164111111111111111" +
      "000000" +
      "000000001000" +
      "1122081530" +
      "000042" +
      "3012" +
      "TERM0001" +
      "978",
  ],
  [
    "answer",
    "0110",
    [
      [11, "000042"],
      [37, "632608000042"],
      [38, "A1B2C3"],
      [39, "00"],
      [41, "T1"],
    ],
    // 11 | 37 38 39 | 41
    "0110<002000000e800000>" + "000042" + "632608000042" + "A1B2C3" + "00" + "T1      ",
  ],
  [
    "approval in part, with the amount that was asked beside it",
    "0110",
    [
      [4, "000000000600"],
      [11, "000042"],
      [39, "10"],
      [54, "0057978D000000001000"],
    ],
    // 4 | 11 | 39 | 54
    "0110<1020000002000400>" + "000000000600" + "000042" + "10" + "0200057978D000000001000",
  ],
  [
    "reversal, with a second bitmap",
    "0400",
    [
      [11, "000043"],
      [37, "632608000042"],
      [90, "010000004211220815300000000000000000000000"],
    ],
    // 1 | 11 | 37 || 90
    "0400<8020000008000000><0000004000000000>" +
      "000043" +
      "632608000042" +
      "010000004211220815300000000000000000000000",
  ],
  [
    "sign of life",
    "0800",
    [
      [7, "1122081530"],
      [11, "000044"],
      [70, "301"],
    ],
    "0800<8220000000000000><0400000000000000>" + "1122081530" + "000044" + "301",
  ],
  [
    "bytes",
    "0200",
    [
      [52, "0123456789abcdef"],
      [64, "ff00ff00ff00ff00"],
    ],
    "0200<0000000000001001><0123456789abcdef><ff00ff00ff00ff00>",
  ],
];

describe("a message", () => {
  test.each(VECTORS)("%s: these bytes, both ways", (_, type, fields, text) => {
    const bytes = bytesOf(text);
    expect(encodeIso8583(type, new Map(fields))).toEqual(bytes);
    expect(decodeIso8583(bytes)).toEqual({ ok: true, message: { type, fields: new Map(fields) } });
  });

  test("digits are filled from the left, text from the right, and elements come in order", () => {
    const fields = new Map([
      [41, "T1"],
      [4, "5"],
      [11, "7"],
    ]);
    expect(encodeIso8583("0100", fields)).toEqual(
      bytesOf("0100<1020000000800000>" + "000000000005" + "000007" + "T1      "),
    );
  });

  test("what must not become text is left out, and still checked", () => {
    const [, , , text] = VECTORS[0] as Vector;
    const read = decodeIso8583(bytesOf(text), [2, 14]);
    expect(read.ok && [...read.message.fields.keys()]).toEqual([3, 4, 7, 11, 41, 49]);
    const spoilt = bytesOf(text.replace("164111", "16x111"));
    expect(decodeIso8583(spoilt, [2, 14])).toEqual({ ok: false, why: "alphabet", field: 2 });
  });

  const [, , , GOOD] = VECTORS[0] as Vector;
  test.each<[string, string, object]>([
    ["nothing", "", { why: "short" }],
    ["half a bitmap", "0100<72240000>", { why: "short" }],
    ["no second bitmap", "0400<8020000008000000><00>", { why: "short" }],
    ["letters for a type", GOOD.replace("0100", "01x0"), { why: "type" }],
    ["another version", GOOD.replace("0100", "1100"), { why: "type" }],
    ["cut off", GOOD.slice(0, -1), { why: "short", field: 49 }],
    ["a byte too many", `${GOOD}0`, { why: "long" }],
    ["a length above its element", GOOD.replace("164111", "204111"), { why: "length", field: 2 }],
    ["a length of letters", GOOD.replace("164111", "1a4111"), { why: "length", field: 2 }],
    ["a length beyond the end", "0110<0000000000000400>120", { why: "short", field: 54 }],
    [
      "letters in an amount",
      GOOD.replace("000000001000", "00000000100x"),
      { why: "alphabet", field: 4 },
    ],
    [
      "a control character",
      GOOD.replace("TERM0001", "TERM\u0007001"),
      { why: "alphabet", field: 41 },
    ],
    [
      "a third bitmap",
      "0100<8000000000000000><8000000000000000><0000000000000000>",
      { why: "unknown", field: 65 },
    ],
  ])("refused: %s", (_, text, refusal) => {
    expect(decodeIso8583(bytesOf(text))).toEqual({ ok: false, ...refusal });
  });

  test("one that is too long is refused unread", () => {
    expect(decodeIso8583(new Uint8Array(MESSAGE_BYTES_MAX + 1).fill(0x30))).toEqual({
      ok: false,
      why: "long",
    });
  });

  test.each<[number, string]>([
    [2, "4".repeat(20)],
    [4, "1x"],
    [39, "é1"],
    [52, "00"],
    [65, "0"],
    [129, "0"],
  ])(
    "element %i is never written wrongly: that is a bug, which names no value",
    (number, value) => {
      expect(() => encodeIso8583("0100", new Map([[number, value]]))).toThrow(
        /^assertion failed: ISO 8583 element \d+ (does not fit|is unknown|is too short)$/,
      );
    },
  );

  test("every element but the bitmaps has a format", () => {
    const numbers = Array.from({ length: 127 }, (_, index) => index + 2);
    expect([...FIELD_FORMATS.keys()]).toEqual(numbers);
    expect(FIELD_FORMATS.get(43)).toEqual({ alphabet: "ans", length: 40, lengthDigits: 0 });
    expect(FIELD_FORMATS.get(90)).toEqual({ alphabet: "n", length: 42, lengthDigits: 0 });
    expect(FIELD_FORMATS.get(102)).toEqual({ alphabet: "ans", length: 28, lengthDigits: 2 });
    expect(FIELD_FORMATS.get(128)).toEqual({ alphabet: "b", length: 8, lengthDigits: 0 });
  });

  test("I11: 20,000 spoilt messages are refused or read, and what is read is what is written", () => {
    const random = seededRandom(8583, "messages");
    const reals = VECTORS.map(([, , , text]) => bytesOf(text));
    let read = 0;
    for (let i = 0; i < 20_000; i++) {
      const bytes = spoilt(reals[random.below(reals.length)] ?? new Uint8Array(), random);
      const result = decodeIso8583(bytes);
      if (!result.ok) continue;
      read++;
      const { type, fields } = result.message;
      const again = decodeIso8583(encodeIso8583(type, fields));
      expect(again).toEqual(result);
    }
    expect(read).toBeGreaterThan(1_000);
    expect(read).toBeLessThan(15_000);
  });
});

describe("a stream of messages", () => {
  const collect = (): { got: string[]; frames: ReturnType<typeof deframer> } => {
    const got: string[] = [];
    return { got, frames: deframer((bytes) => got.push(String.fromCharCode(...bytes))) };
  };
  const stream = Uint8Array.from(
    ["one", "", "three"].flatMap((text) => [...framed(bytesOf(text))]),
  );

  test("is cut at its lengths, however it arrives; an empty message is none", () => {
    expect([...framed(new Uint8Array(300))].slice(0, 2)).toEqual([1, 44]);
    for (let size = 1; size <= stream.length; size++) {
      const { got, frames } = collect();
      for (let at = 0; at < stream.length; at += size) {
        expect(frames.take(stream.slice(at, at + size))).toBe(true);
      }
      expect(got).toEqual(["one", "three"]);
      expect(frames.isHalf()).toBe(false);
    }
  });

  test("is over at a length that no message has, and keeps nothing", () => {
    const { got, frames } = collect();
    expect(frames.take(Uint8Array.of(0x04, 0x01, 0x30))).toBe(false);
    expect(frames.isHalf()).toBe(false);
    expect(frames.take(Uint8Array.of(0x00, 0x05, 0x30))).toBe(true);
    expect(frames.isHalf()).toBe(true);
    frames.clear();
    expect(frames.take(stream)).toBe(true);
    expect(got).toEqual(["one", "three"]);
  });

  test("I12: the bytes of a message are overwritten when it was heard", () => {
    let held = new Uint8Array();
    const frames = deframer((bytes) => {
      held = bytes as Uint8Array<ArrayBuffer>;
    });
    frames.take(framed(bytesOf("4111111111111111")));
    expect([...held]).toEqual(new Array(16).fill(0));
  });
});

describe("currencies", () => {
  test.each([
    ["EUR", "978"],
    ["GBP", "826"],
    ["USD", "840"],
    ["JPY", "392"],
    ["ALL", "008"],
    ["KWD", "414"],
  ])("%s is %s, both ways", (code, digits) => {
    expect([currencyNumber(code), currencyCode(digits)]).toEqual([digits, code]);
  });

  test("what is none has no number", () => {
    expect([currencyNumber("ZZZ"), currencyNumber("eur"), currencyCode("000")]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});
