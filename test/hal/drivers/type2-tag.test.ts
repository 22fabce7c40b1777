// NDEF on a tag of memory: the pages as the specification lays them out, a tag torn away after every single step, full,
// locked and foreign tags, and memory that holds anything at all.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromHex, toHex } from "../../../firmware/bytes.ts";
import { readType2, type TagMemory, writeType2 } from "../../../hal/drivers/type2-tag.ts";
import type { SimCard } from "../../../hal/sim/sim-card.ts";
import { ntag213 } from "../../../hal/sim/sim-tag.ts";

const bytesOf = (hex: string): Uint8Array => fromHex(hex.replaceAll(" ", "")) ?? new Uint8Array();
const filled = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 3) & 0xff);

/** `steps`: after so many reads and writes the tag is gone. */
function memoryOf({ memory }: SimCard, steps = Number.POSITIVE_INFINITY) {
  let left = steps;
  const count = { reads: 0, writes: 0 };
  const tag: TagMemory = {
    read: async (page) => {
      count.reads++;
      if (left-- <= 0) return { kind: "gone" };
      const bytes = memory?.read(page);
      return bytes === undefined ? { kind: "refused" } : { kind: "pages", bytes };
    },
    write: async (page, bytes) => {
      count.writes++;
      if (left-- <= 0) return "gone";
      return memory?.write(page, bytes) === true ? "written" : "refused";
    },
  };
  return { ...tag, count };
}

/** A tag of any size: container and data area as given, 16 bytes before them. */
function anyTag(container: Uint8Array, area: Uint8Array): SimCard & { bytes: Uint8Array } {
  const bytes = new Uint8Array(16 + area.length);
  bytes.set(container, 12);
  bytes.set(area, 16);
  const pages = Math.ceil(bytes.length / 4);
  return {
    name: "any",
    bytes,
    memory: {
      read: (page) => {
        if (page >= pages) return undefined;
        return Uint8Array.from({ length: 16 }, (_, i) => bytes[(4 * page + i) % (4 * pages)] ?? 0);
      },
      write: (page, four) => {
        bytes.set(four, 4 * page);
        return true;
      },
    },
    reset: () => {},
  };
}

const writable = (bytes: number): Uint8Array => Uint8Array.of(0xe1, 0x10, bytes / 8, 0x00);

/** One record of a media type, 40 bytes, and the pages that hold it (NFC Forum, type 2 tag operation). */
const RECORD = "d21d08 6170706c69636174696f6e2f766e642e6578616d706c652e746f6b656e a1b2c3d4e5f60718";
const PAGES =
  "0103a00c 340328d2 1d086170 706c6963 6174696f 6e2f766e 642e6578 616d706c 652e746f 6b656ea1 b2c3d4e5 f60718fe";

describe("a message on an NTAG213", () => {
  test("is read from the pages that others write, and written as they do", async () => {
    const message = bytesOf(RECORD);
    const tag = ntag213("tag");
    expect(await writeType2(memoryOf(tag), message)).toEqual({ kind: "written" });
    expect(toHex(tag.dump().subarray(16, 64))).toBe(PAGES.replaceAll(" ", ""));
    expect(await readType2(memoryOf(tag))).toEqual({ kind: "ndef", message });
  });

  test("takes 137 bytes and no more, and says how many", async () => {
    const tag = ntag213("tag");
    expect(await writeType2(memoryOf(tag), filled(138))).toEqual({ kind: "full", bytesMax: 137 });
    expect(await readType2(memoryOf(tag))).toEqual({ kind: "empty" });
    for (const length of [137, 136, 1]) {
      expect(await writeType2(memoryOf(tag), filled(length))).toEqual({ kind: "written" });
      expect(await readType2(memoryOf(tag))).toEqual({ kind: "ndef", message: filled(length) });
    }
    // What is not the message's is as it was: number, locks, settings, password.
    const [before, after] = [ntag213("tag").dump(), tag.dump()];
    expect([after.subarray(0, 21), after.subarray(160)]).toEqual([
      before.subarray(0, 21),
      before.subarray(160),
    ]);
  });

  test("torn away after any step, it holds the old message, the new one, or none", async () => {
    const [before, after] = [filled(60), filled(100).reverse()];
    const outcomes: string[] = [];
    for (let steps = 0; ; steps++) {
      const tag = ntag213("tag", { message: before });
      const { kind } = await writeType2(memoryOf(tag, steps), after);
      const read = await readType2(memoryOf(tag));
      const holds = read.kind === "ndef" ? toHex(read.message) : read.kind;
      outcomes.push(holds);
      expect(["empty", toHex(before), toHex(after)]).toContain(holds);
      if (kind === "written") break;
      expect(kind).toBe("torn");
    }
    expect(new Set(outcomes).size).toBe(3);
    expect(outcomes.at(-1)).toBe(toHex(after));
  });

  test("that is read-only, or locked, is not written", async () => {
    const message = filled(10);
    const readOnly = ntag213("tag", { message, readOnly: true });
    expect(await writeType2(memoryOf(readOnly), filled(5))).toEqual({ kind: "read-only" });
    expect(await readType2(memoryOf(readOnly))).toEqual({ kind: "ndef", message });
    const locked = ntag213("tag", { message });
    locked.memory.write(2, Uint8Array.of(0, 0, 0xff, 0xff));
    expect(await writeType2(memoryOf(locked), filled(5))).toEqual({ kind: "read-only" });
    expect(await readType2(memoryOf(locked))).toEqual({ kind: "ndef", message });
  });

  test("one that was made for something else is empty, and is not formatted", async () => {
    const blank = ntag213("tag", { blank: true });
    const before = blank.dump();
    expect(await readType2(memoryOf(blank))).toEqual({ kind: "empty" });
    expect(await writeType2(memoryOf(blank), filled(5))).toEqual({ kind: "malformed" });
    expect(blank.dump()).toEqual(before);
  });
});

describe("tags of other makes", () => {
  test.each([254, 255, 256, 700])(
    "a message of %i bytes, with its length in 1 or 3",
    async (length) => {
      const tag = anyTag(writable(872), new Uint8Array(872).fill(0));
      tag.bytes.set([0x03, 0x00, 0xfe], 16);
      const message = filled(length);
      expect(await writeType2(memoryOf(tag), message)).toEqual({ kind: "written" });
      const head = length < 255 ? [0x03, length] : [0x03, 0xff, length >> 8, length & 0xff];
      expect([...tag.bytes.subarray(16, 16 + head.length)]).toEqual(head);
      expect(await readType2(memoryOf(tag))).toEqual({ kind: "ndef", message });
    },
  );

  test("one with a long message, torn away after any step, never holds half of it", async () => {
    const after = filled(300);
    // The head begins in the last byte of a page.
    const start = [0x01, 0x00, 0x00, 0x03, 0x02, 0xaa, 0xbb, 0xfe];
    for (let steps = 0; ; steps++) {
      const tag = anyTag(writable(872), Uint8Array.from([...start, ...new Uint8Array(864)]));
      const { kind } = await writeType2(memoryOf(tag, steps), after);
      const read = await readType2(memoryOf(tag));
      const holds = read.kind === "ndef" ? toHex(read.message) : read.kind;
      expect(["empty", "aabb", toHex(after)]).toContain(holds);
      if (kind === "written") break;
    }
  });

  test("bytes that a control block keeps for the tag itself are not the message's", async () => {
    // Position: byte 8 of page 2 of 16 bytes = 40; 4 bytes.
    const start = [0x02, 0x03, 0x28, 0x04, 0x04, 0x03, 0x00, 0xfe];
    const tag = anyTag(writable(64), Uint8Array.from([...start, ...new Uint8Array(56).fill(0xee)]));
    const message = filled(30);
    expect(await writeType2(memoryOf(tag), message)).toEqual({ kind: "written" });
    expect([...tag.bytes.subarray(40, 44)]).toEqual([0xee, 0xee, 0xee, 0xee]);
    expect([...tag.bytes.subarray(36, 40)]).toEqual([...message.subarray(13, 17)]);
    expect([...tag.bytes.subarray(44, 48)]).toEqual([...message.subarray(17, 21)]);
    expect(await readType2(memoryOf(tag))).toEqual({ kind: "ndef", message });
  });

  test.each([
    ["nothing but zeros", "", "empty"],
    ["only a terminator", "fe", "empty"],
    ["a block of its maker, then the message", "fd02 0300 0302 beef fe", "ndef beef"],
    ["zeros, then the message", "000000 0301 77", "ndef 77"],
    ["a message that is longer than the tag", "03 40", "malformed"],
    ["a length that is cut off", `${"00".repeat(63)}03`, "malformed"],
    ["a long length that is cut off", `${"00".repeat(61)}03ff01`, "malformed"],
    ["a block that is longer than the tag", "fd 80", "malformed"],
  ])("one with %s", async (_, area, expected) => {
    const tag = anyTag(writable(64), bytesOf(area.replaceAll(" ", "").padEnd(128, "0")));
    const read = await readType2(memoryOf(tag));
    const got = read.kind === "ndef" ? `ndef ${toHex(read.message)}` : read.kind;
    expect(got).toBe(expected);
  });

  test("one of another version, or that asks for a password, is malformed", async () => {
    for (const container of ["e1200800", "e1101010"]) {
      const tag = anyTag(bytesOf(container), bytesOf("0301770000000000"));
      expect(await readType2(memoryOf(tag))).toEqual({ kind: "malformed" });
    }
  });

  test("a length that reaches into the tag's own pages is malformed, and those are not read", async () => {
    const tag = ntag213("tag", { message: filled(100) });
    tag.memory.write(5, Uint8Array.of(0x34, 0x03, 150, 0x00));
    const memory = memoryOf(tag);
    expect(await readType2(memory)).toEqual({ kind: "malformed" });
    expect(memory.count.reads).toBeLessThan(5);
  });

  test("one that does not keep what is written to it is malformed", async () => {
    const tag = anyTag(writable(64), bytesOf("0300fe".padEnd(128, "0")));
    const memory = memoryOf(tag);
    const forgets: TagMemory = { read: memory.read, write: async () => "written" };
    expect(await writeType2(forgets, filled(9))).toEqual({ kind: "malformed" });
  });

  test("I11: memory of anything at all is read in bounded time, and never crashes", async () => {
    const blocks = fc.array(
      fc.tuple(fc.constantFrom(0, 1, 2, 3, 0xfd, 0xfe, 0x55), fc.uint8Array({ maxLength: 12 })),
      { maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 4, maxLength: 4 }),
        blocks,
        fc.boolean(),
        async (head, list, isTag) => {
          const area = new Uint8Array(256);
          let at = 0;
          for (const [type, value] of list) {
            const block = [type, value.length, ...value].slice(0, 256 - at);
            area.set(block, at);
            at += block.length;
          }
          const tag = anyTag(isTag ? writable(256) : head, area);
          const reading = memoryOf(tag);
          const { kind } = await readType2(reading);
          expect(["ndef", "empty", "malformed"]).toContain(kind);
          expect(reading.count.reads).toBeLessThan(300);
          const writing = memoryOf(tag);
          expect(["written", "full", "read-only", "malformed"]).toContain(
            (await writeType2(writing, filled(40))).kind,
          );
          expect(writing.count.writes).toBeLessThan(60);
        },
      ),
      { numRuns: 300 },
    );
  });
});
