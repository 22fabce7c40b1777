// T=1 against the card of the bench, with a reader between that garbles, loses and refuses; and against a card that
// says anything at all.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromHex, toHex } from "../../../firmware/bytes.ts";
import type { ApduAnswer } from "../../../hal/drivers/card-channel.ts";
import type { BlockAnswer, BlockSender } from "../../../hal/drivers/iso7816-block.ts";
import { T1Link } from "../../../hal/drivers/iso7816-t1.ts";
import { SimT1 } from "../../../hal/sim/sim-contact-t1.ts";

const bytesOf = (hex: string): Uint8Array => fromHex(hex.replaceAll(" ", "")) ?? new Uint8Array();
const SELECT = bytesOf("00a4040007a000000004101000");
const GENERATE_AC = bytesOf("80ae80000411223344 00");

/** What becomes of the block with this number, on its way to the card or back. */
type Trouble = "lost" | "garbled" | "wrong" | "refused" | "lost-after" | "gone";

interface Bench {
  link: T1Link;
  /** Blocks as they went out, in hexadecimal. */
  sent: string[];
  times: number[];
  /** Commands that the card carried out. */
  carried: string[];
}

function bench(
  options: { ifsc?: number; crc?: boolean; timeRequests?: number; answer?: string } = {},
  troubles: Readonly<Record<number, Trouble>> = {},
): Bench {
  const { ifsc = 32, crc = false, answer = "6f048402aabb9000" } = options;
  const bench = { sent: [] as string[], times: [] as number[], carried: [] as string[] };
  const card = new SimT1({
    ...{ ifsc, crc, badBlocks: { left: 0 }, timeRequests: () => options.timeRequests ?? 0 },
    apdu: (command) => {
      bench.carried.push(toHex(command));
      return bytesOf(answer);
    },
  });
  const sender: BlockSender = {
    send: (block, times) => {
      const trouble = troubles[bench.sent.length];
      bench.sent.push(toHex(block));
      bench.times.push(times);
      return Promise.resolve(pass(trouble, block, card));
    },
  };
  return { ...bench, link: new T1Link(sender, { ifsc, crc }) };
}

function pass(trouble: Trouble | undefined, block: Uint8Array, card: SimT1): BlockAnswer {
  switch (trouble) {
    case undefined:
      return { kind: "block", bytes: card.receive(block) };
    case "gone":
    case "refused":
      return { kind: trouble };
    case "lost":
      return { kind: "unclear" };
    case "garbled": {
      card.receive(block);
      return { kind: "garbled" };
    }
    case "lost-after":
      card.receive(block);
      return { kind: "unclear" };
    case "wrong": {
      const bytes = card.receive(block);
      bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
      return { kind: "block", bytes };
    }
  }
}

const ANSWER: ApduAnswer = { kind: "answer", data: bytesOf("6f048402aabb"), status: 0x9000 };

describe("T=1", () => {
  test("tells the card its block size, and numbers its blocks", async () => {
    const { link, sent } = bench();
    expect(await link.begin()).toBe("ok");
    expect(await link.exchange(SELECT)).toEqual(ANSWER);
    expect(await link.exchange(SELECT)).toEqual(ANSWER);
    expect(sent).toEqual([
      "00c101fe3e",
      "00000d00a4040007a0000000041010000e",
      "00400d00a4040007a0000000041010004e",
    ]);
  });

  test.each([false, true])("chains both ways, with a CRC: %s", async (crc) => {
    const answer = `${"5a".repeat(256)}9000`;
    const { link, carried } = bench({ ifsc: 5, crc, answer });
    // The card's own blocks are 32 bytes long as long as nobody told it otherwise.
    const long = await link.exchange(bytesOf(`00a40400ff${"11".repeat(255)}00`));
    expect(long).toEqual({ kind: "answer", data: new Uint8Array(256).fill(0x5a), status: 0x9000 });
    expect(carried).toHaveLength(1);
  });

  test("gives the card the time that it asks for, and not without end", async () => {
    const patient = bench({ timeRequests: 3 });
    expect(await patient.link.exchange(SELECT)).toEqual(ANSWER);
    expect(patient.sent.slice(1)).toEqual(Array(3).fill("00e30102e0"));
    expect(patient.times).toEqual([1, 2, 2, 2]);
    const endless = bench({ timeRequests: 1e9 });
    expect(await endless.link.exchange(GENERATE_AC)).toEqual({ kind: "mute" });
    expect(endless.sent.length).toBeLessThan(40);
  });

  test.each<Trouble>(["lost", "garbled", "wrong", "refused", "lost-after"])(
    "a block that is %s is recovered, wherever in a chain, and the command is carried out once",
    async (trouble) => {
      for (let at = 0; at < 8; at++) {
        const options = { ifsc: 8, answer: `${"5a".repeat(70)}9000` };
        const { link, carried } = bench(options, { [at]: trouble });
        const answer = await link.exchange(GENERATE_AC);
        expect(answer, `at ${at}`).toEqual({
          ...{ kind: "answer", data: new Uint8Array(70).fill(0x5a), status: 0x9000 },
        });
        expect(carried).toEqual([toHex(GENERATE_AC)]);
      }
    },
  );

  test("asks for a block again in the way that others do", async () => {
    const { link, sent } = bench({}, { 0: "wrong", 1: "lost" });
    expect(await link.exchange(SELECT)).toEqual(ANSWER);
    expect(sent.slice(1)).toEqual(["00810081", "00820082"]);
  });

  test("after three tries it begins afresh: what changes nothing goes again, a cryptogram does not", async () => {
    const troubles = { 0: "wrong", 1: "wrong", 2: "wrong", 3: "wrong" } as const;
    const again = bench({}, troubles);
    expect(await again.link.exchange(SELECT)).toEqual(ANSWER);
    expect(again.sent[4]).toBe("00c000c0");
    expect(again.carried).toHaveLength(2);
    const once = bench({}, troubles);
    expect(await once.link.exchange(GENERATE_AC)).toEqual({ kind: "mute" });
    expect(once.carried).toHaveLength(1);
    // The link is good again.
    expect(await once.link.exchange(SELECT)).toEqual(ANSWER);
  });

  test("a card that cannot be brought to its senses is not asked any more", async () => {
    const all = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [at, "lost" as const]));
    const { link, sent } = bench({}, all);
    expect(await link.exchange(SELECT)).toEqual({ kind: "mute" });
    const before = sent.length;
    expect(before).toBeLessThanOrEqual(7);
    expect(await link.exchange(SELECT)).toEqual({ kind: "mute" });
    expect(sent).toHaveLength(before);
  });

  test("a card that is taken away is gone, in any state", async () => {
    for (let at = 0; at < 8; at++) {
      const options = { ifsc: 8, answer: `${"5a".repeat(70)}9000` };
      const { link } = bench(options, { [at]: "gone" });
      const told = await link.exchange(SELECT);
      if (at < 4) expect(told).toEqual({ kind: "gone" });
      else expect(told.kind).toBe("answer");
    }
  });

  test("a block that comes a second time is not taken for the answer to the next command", async () => {
    const first = "0000046f01aa9000";
    const said = [first, first, "0040046f01bb9000"].map((hex) => {
      const bytes = bytesOf(`${hex.slice(0, 4)}05${hex.slice(6)}`);
      return Uint8Array.from([...bytes, bytes.reduce((sum, byte) => sum ^ byte, 0)]);
    });
    const sent: string[] = [];
    const sender: BlockSender = {
      send: (block) => {
        const bytes = said[sent.length] ?? new Uint8Array();
        sent.push(toHex(block));
        return Promise.resolve({ kind: "block", bytes });
      },
    };
    const link = new T1Link(sender, { ifsc: 32, crc: false });
    const told = (hex: string) => ({ kind: "answer", data: bytesOf(hex), status: 0x9000 });
    expect(await link.exchange(SELECT)).toEqual(told("6f01aa"));
    expect(await link.exchange(SELECT)).toEqual(told("6f01bb"));
    // It was asked for again.
    expect(sent[2]).toBe("00920092");
  });

  test("an answer longer than one can be ends, and is none", async () => {
    const { link, carried } = bench({ answer: "5a".repeat(400) });
    expect(await link.exchange(GENERATE_AC)).toEqual({ kind: "mute" });
    expect(carried).toHaveLength(1);
  });

  test("a card that says anything at all is heard to the end, and is never believed without a checksum", async () => {
    const block = fc.oneof(
      fc.uint8Array({ maxLength: 12 }),
      fc
        .tuple(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 6 }))
        .map(([control, data]) => {
          const head = [0, control, data.length, ...data];
          return Uint8Array.from([...head, head.reduce((sum, byte) => sum ^ byte, 0)]);
        }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(block, { minLength: 1, maxLength: 30 }), async (blocks) => {
        let sent = 0;
        const sender: BlockSender = {
          send: () => {
            const bytes = blocks[sent++ % blocks.length]?.slice() ?? new Uint8Array();
            return Promise.resolve({ kind: "block", bytes });
          },
        };
        const told = await new T1Link(sender, { ifsc: 3, crc: false }).exchange(GENERATE_AC);
        expect(["answer", "mute"]).toContain(told.kind);
        expect(sent).toBeLessThan(900);
      }),
      { numRuns: 500 },
    );
  });
});
