// NDEF messages: the record that others write, what is found in a message of several, and what is none.

import fc from "fast-check";
import { expect, test } from "vitest";
import { fromHex, toHex, utf8 } from "../../../firmware/bytes.ts";
import { ndefMessage, ndefPayload, readNdef } from "../../../hal/drivers/ndef.ts";

const TYPE = "application/vnd.example.token";
const bytesOf = (hex: string): Uint8Array => fromHex(hex.replaceAll(" ", "")) ?? new Uint8Array();
const PAYLOAD = bytesOf("a1b2c3d4e5f60718");
const RECORD = `d21d08 ${toHex(utf8(TYPE))} a1b2c3d4e5f60718`;

test("a short record of a media type is the one that others write", () => {
  expect(toHex(ndefMessage(TYPE, PAYLOAD))).toBe(RECORD.replaceAll(" ", ""));
  expect(ndefPayload(bytesOf(RECORD), TYPE.toUpperCase())).toEqual(PAYLOAD);
});

test("a payload of more than 255 bytes has its length in four", () => {
  const payload = new Uint8Array(300).fill(1);
  const message = ndefMessage("a/b", payload);
  expect(toHex(message.subarray(0, 9))).toBe("c2030000012c612f62");
  expect(ndefPayload(message, "a/b")).toEqual(payload);
});

test("a type of no bytes, or of too many, is a mistake of ours", () => {
  for (const type of ["", "x".repeat(256)]) {
    expect(() => ndefMessage(type, PAYLOAD)).toThrow(RangeError);
  }
});

test("the first record of the type is taken, whatever stands beside it, names included", () => {
  // A well-known text, then one with an identifier, then another of the same type.
  const text = "91 01 03 54 02 65 6e";
  const named = `1a 03 02 01 612f62 69 beef`;
  const again = `52 03 01 612f62 00`;
  const message = bytesOf(`${text} ${named} ${again}`);
  expect(readNdef(message)?.map(({ format }) => format)).toEqual([1, 2, 2]);
  expect(ndefPayload(message, "a/b")).toEqual(bytesOf("beef"));
  expect(ndefPayload(message, "a/c")).toBeUndefined();
  // The same letters as another sort of type are another type.
  expect(ndefPayload(bytesOf("d4 03 01 612f62 00"), "a/b")).toBeUndefined();
});

test.each([
  ["nothing", ""],
  ["one byte", "d2"],
  ["a record that is cut off", "d2 03 05 612f62 0102"],
  ["a length of four bytes that is cut off", "c2 03 0000"],
  ["a length beyond all bounds", "c2 03 ffffffff 612f62"],
  ["a first record that is not marked as first", "52 03 01 612f62 00"],
  ["a second first record", "92 03 01 612f62 00 d2 03 01 612f62 00"],
  ["no last record", "92 03 01 612f62 00"],
  ["bytes behind the last record", "d2 03 01 612f62 00 00"],
  ["a record in chunks", "b2 03 01 612f62 00 56 00 01 00"],
  ["more records than anybody has", `920000${"120000".repeat(20)}520000`],
])("%s is no message", (_, hex) => {
  expect(readNdef(bytesOf(hex))).toBeUndefined();
});

test("I11: bytes of anything at all are read or refused, and what was written is read", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      const records = readNdef(bytes) ?? [];
      const sum = records.reduce((all, { type, payload }) => all + type.length + payload.length, 0);
      expect(sum).toBeLessThan(80);
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (payload) => {
      expect(ndefPayload(ndefMessage(TYPE, payload), TYPE)).toEqual(payload);
    }),
  );
});
