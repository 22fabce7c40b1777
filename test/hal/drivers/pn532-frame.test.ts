// Frames of the PN532: those that others exchange (test/vectors/pn532-frames.json), coded by the driver and by the
// simulator, and what the driver makes of a line that brings anything at all.

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromHex, toHex } from "../../../firmware/bytes.ts";
import {
  ACK,
  type ChipFrame,
  commandFrame,
  DATA_BYTES_MAX,
  frameParser,
  NACK,
} from "../../../hal/drivers/pn532-frame.ts";
import { answerFrame, type HostFrame, hostBytes } from "../../../hal/sim/sim-pn532-frame.ts";

const vectors = JSON.parse(readFileSync("test/vectors/pn532-frames.json", "utf8")) as {
  frames: { from: "host" | "chip"; name: string; data: string; frame: string }[];
  others: { ack: string; nack: string; error: string };
};
const bytesOf = (hex: string): Uint8Array => fromHex(hex) ?? new Uint8Array();
const fromHost = vectors.frames.filter(({ from }) => from === "host");
const fromChip = vectors.frames.filter(({ from }) => from === "chip");

/** What the driver takes out of these bytes. */
function parsed(...parts: Uint8Array[]): ChipFrame[] {
  const frames: ChipFrame[] = [];
  const parser = frameParser((frame) => frames.push(frame));
  for (const part of parts) parser.take(part);
  return frames;
}

function heardByChip(bytes: Uint8Array): HostFrame[] {
  const frames: HostFrame[] = [];
  const parser = hostBytes(
    (frame) => frames.push(frame),
    () => {},
  );
  for (const byte of bytes) parser.take(byte);
  return frames;
}

const answer = (hex: string): ChipFrame => ({ kind: "answer", data: bytesOf(hex) });
const NOISE = bytesOf("00ff13550000ffffff00");

describe("frames that others exchange", () => {
  test.each(fromHost)("of the host: $name", ({ data, frame }) => {
    expect(toHex(commandFrame(bytesOf(data)))).toBe(frame);
    expect(heardByChip(bytesOf(frame))).toEqual([{ kind: "command", data: [...bytesOf(data)] }]);
  });

  test.each(fromChip)("of the chip: $name", ({ data, frame }) => {
    expect(toHex(Uint8Array.from(answerFrame([...bytesOf(data)])))).toBe(frame);
    expect(parsed(bytesOf(frame))).toEqual([answer(data)]);
  });

  test("ACK, NACK and the error frame", () => {
    const { ack, nack, error } = vectors.others;
    expect([toHex(ACK), toHex(NACK)]).toEqual([ack, nack]);
    expect(parsed(bytesOf(ack + nack + error))).toEqual([
      { kind: "ack" },
      { kind: "nack" },
      { kind: "error" },
    ]);
    expect(heardByChip(bytesOf(ack + nack))).toEqual([{ kind: "ack" }, { kind: "nack" }]);
  });

  test("up to 254 bytes of data a frame is a short one, then a long one, up to 264", () => {
    const heads = [254, 255, 264].map((length) => {
      const frame = commandFrame(new Uint8Array(length).fill(0x40));
      expect(heardByChip(frame)).toEqual([
        { kind: "command", data: new Array<number>(length).fill(0x40) },
      ]);
      return toHex(frame.subarray(3, 8));
    });
    expect(heads).toEqual(["ff01d44040", "ffff0100ff", "ffff0109f6"]);
    for (const length of [0, DATA_BYTES_MAX + 1]) {
      expect(() => commandFrame(new Uint8Array(length))).toThrow(RangeError);
    }
  });
});

describe("what a line brings", () => {
  const version = bytesOf("0000ff06fad50332010607e800");

  test("bytes one by one, and two frames in one piece", () => {
    expect(parsed(...Array.from(version, (byte) => Uint8Array.of(byte)))).toHaveLength(1);
    expect(parsed(Uint8Array.of(...ACK, ...version))).toEqual([
      { kind: "ack" },
      answer("0332010607"),
    ]);
  });

  test("without its first or last 00, and after stray zeros, a frame is one all the same", () => {
    for (const cut of [version.subarray(1), version.subarray(0, -1)]) {
      expect(parsed(cut)).toEqual([answer("0332010607")]);
    }
    expect(parsed(new Uint8Array(7), version)).toEqual([answer("0332010607")]);
  });

  test("after a header that is none, the frame that follows it is found", () => {
    expect(parsed(bytesOf("0000ff06f9"), version)).toEqual([{ kind: "bad" }, answer("0332010607")]);
    expect(parsed(NOISE, version).at(-1)).toEqual(answer("0332010607"));
  });

  test("a long length beyond what a chip sends is refused at once", () => {
    expect(parsed(bytesOf("0000ffffff010af5"))).toEqual([{ kind: "bad" }]);
  });

  test("an answer with a wrong sum is told with its code, and what it holds is not looked at", () => {
    const inside = [...ACK, ...version];
    const frame = Uint8Array.from(answerFrame([0x41, 0x00, ...inside]));
    frame[frame.length - 2] = (frame.at(-2) ?? 0) ^ 0xff;
    expect(parsed(frame, ACK)).toEqual([{ kind: "bad", code: 0x41 }, { kind: "ack" }]);
  });

  test("our own words given back are no answer", () => {
    expect(parsed(commandFrame(bytesOf("4a0200")))).toEqual([{ kind: "echo" }]);
  });

  test("an answer that has begun is known by its code", () => {
    const parser = frameParser(() => {});
    expect(parser.half()).toBeUndefined();
    parser.take(version.subarray(0, 6));
    expect(parser.half()).toEqual({});
    parser.take(version.subarray(6, 8));
    expect(parser.half()).toEqual({ code: 0x03 });
    parser.clear();
    expect(parser.half()).toBeUndefined();
  });

  test("one bit flipped anywhere never makes another answer of it", () => {
    for (let bit = 0; bit < 8 * version.length; bit++) {
      const flipped = version.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const answers = parsed(flipped).filter(({ kind }) => kind === "answer");
      for (const one of answers) expect(one).toEqual(answer("0332010607"));
    }
  });

  test("anything at all, in any pieces, is no trouble, and the next frame after silence is heard", () => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 });
    const starts = fc.constantFrom(...[NOISE, ACK, version, bytesOf("0000ffffff0109f6d5")]);
    fc.assert(
      fc.property(fc.array(fc.oneof(pieces, fc.tuple(starts))), (groups) => {
        const frames: ChipFrame[] = [];
        const parser = frameParser((frame) => frames.push(frame));
        for (const group of groups) for (const piece of group) parser.take(piece);
        parser.clear();
        frames.length = 0;
        parser.take(version);
        expect(frames).toEqual([answer("0332010607")]);
      }),
      { numRuns: 300 },
    );
  });
});
