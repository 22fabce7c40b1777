// Frames of the GemPC Twin: those that others exchanged (test/vectors/gempc-frames.json), coded by the driver and said
// by the simulator, and what the driver makes of a line that brings anything at all.

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromHex, toHex } from "../../../firmware/bytes.ts";
import { ccidErrorWords, decodeCcid, encodeCcid } from "../../../hal/drivers/ccid-message.ts";
import { type TwinEvent, TwinParser, twinFrame } from "../../../hal/drivers/gempc-frame.ts";
import type { SerialPort } from "../../../hal/serial.ts";
import type { SimCard } from "../../../hal/sim/sim-card.ts";
import { simGempc } from "../../../hal/sim/sim-gempc.ts";
import { simWorld } from "../../../hal/sim/world.ts";

interface Exchange {
  to: string;
  from: string;
}

const vectors = JSON.parse(readFileSync("test/vectors/gempc-frames.json", "utf8")) as Record<
  "start" | "t0" | "t1",
  Exchange[]
>;
const bytesOf = (hex: string): Uint8Array => fromHex(hex) ?? new Uint8Array();
const all = [...vectors.start, ...vectors.t0, ...vectors.t1];
/** SYNC and ACK before the message, the checksum behind it. */
const messageOf = (frame: Uint8Array): Uint8Array => frame.slice(2, -1);

function parsed(...parts: Uint8Array[]): TwinEvent[] {
  const events: TwinEvent[] = [];
  const parser = new TwinParser((event) => events.push(event));
  for (const part of parts) parser.take(part);
  return events;
}

describe("the driver", () => {
  test.each(all)("sends $to", ({ to }) => {
    const message = messageOf(bytesOf(to));
    const [type = 0, , , , , , sequence = 0, p1 = 0, p2 = 0, p3 = 0] = message;
    const data = message.slice(10);
    const coded = encodeCcid({ type, parameters: [p1, p2, p3], data }, sequence);
    expect(toHex(twinFrame(coded))).toBe(to);
  });

  test.each(all)("reads $from", ({ to, from }) => {
    const frame = bytesOf(from);
    expect(parsed(frame)).toEqual([{ kind: "message", bytes: messageOf(frame) }]);
    const [type = 0, , , , , , sequence = 0] = messageOf(bytesOf(to));
    const answer = decodeCcid(messageOf(frame), { type }, sequence);
    expect(answer?.data).toEqual(messageOf(frame).slice(10));
    expect(answer?.outcome).toBe((frame[9] ?? 0) >> 6 === 1 ? "failed" : "ok");
    expect(decodeCcid(messageOf(frame), { type }, sequence + 1)).toBeUndefined();
    expect(decodeCcid(messageOf(frame), { type: type === 0x6b ? 0x62 : 0x6b }, sequence)).toBe(
      undefined,
    );
  });

  test("whole or in single bytes, joined, and with notices and requests for time between", () => {
    const frames = all.map(({ from }) => bytesOf(from));
    const between = [[0x50, 0x02], [0x50, 0x03], [0x80], [0xff], [0x03, 0x15, 0x16]];
    const kinds = ["removed", "inserted", "time", "time", "nak"];
    const line = frames.flatMap((frame, i) => [...frame, ...(between[i % between.length] ?? [])]);
    const expected = frames.flatMap((_, i) => ["message", kinds[i % kinds.length]]);
    expect(parsed(Uint8Array.from(line)).map(({ kind }) => kind)).toEqual(expected);
    const single = parsed(...line.map((byte) => Uint8Array.of(byte)));
    expect(single).toEqual(parsed(Uint8Array.from(line)));
  });

  test("one bit that is wrong is never a message, wherever it is", () => {
    for (const { from } of all) {
      const frame = bytesOf(from);
      for (let bit = 0; bit < frame.length * 8; bit++) {
        const flipped = frame.slice();
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const messages = parsed(flipped).filter(({ kind }) => kind === "message");
        expect(messages, `bit ${bit} of ${from}`).toEqual([]);
      }
    }
  });

  test("after anything at all the next frame is read, once what was half is cut off", () => {
    const good = bytesOf(vectors.t0[1]?.from ?? "");
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (noise) => {
        const events: TwinEvent[] = [];
        const parser = new TwinParser((event) => events.push(event));
        parser.take(noise);
        parser.cut();
        expect(parser.isHalf()).toBe(false);
        events.length = 0;
        parser.take(good);
        expect(events).toEqual([{ kind: "message", bytes: messageOf(good) }]);
      }),
    );
  });

  test("an error has words, one that is not known its number", () => {
    expect(ccidErrorWords(0xfe)).toBe("the card does not answer");
    expect(ccidErrorWords(0x0a)).toBe("the reader reports error 0a");
  });

  test("more data than a message holds is a mistake of ours", () => {
    expect(() => encodeCcid({ type: 0x6f, data: new Uint8Array(262) }, 0)).toThrow(RangeError);
  });
});

/** Says the same short answer to every SELECT. */
function vectorCard(atr: string): SimCard {
  return {
    ...{ name: "vector", atr: bytesOf(atr) },
    apdu: () => bytesOf("6f0a8408a0000000030000009000"),
    reset: () => {},
  };
}

describe("the simulator", () => {
  /** What it says to each frame, its echo before it. */
  async function answers(card: SimCard, frames: string[]): Promise<string[]> {
    const world = simWorld({ seed: 1 });
    const said: number[] = [];
    let hear: (bytes: Uint8Array) => void = () => {};
    const port: SerialPort = {
      write: (bytes) => {
        said.push(...bytes);
        return Promise.resolve();
      },
      onData: (listener) => {
        hear = listener;
      },
      onLost: () => {},
      close: () => Promise.resolve(),
    };
    const twin = simGempc(world.clock);
    twin.insert(card);
    twin.attach(port);
    const all: string[] = [];
    for (const frame of frames) {
      hear(bytesOf(frame));
      await world.runFor(500);
      all.push(toHex(Uint8Array.from(said.splice(0))));
    }
    return all;
  }
  const withEcho = (exchanges: Exchange[]): string[] => exchanges.map(({ to, from }) => to + from);
  const powerOn = (sequence: string, checksum: string): string =>
    `03066200000000 00${sequence}010000${checksum}`.replaceAll(" ", "");

  test("says what a Twin says at its start, byte for byte", async () => {
    const said = await answers(
      vectorCard("3b6500002063cb6800"),
      vectors.start.map(({ to }) => to),
    );
    expect(said).toEqual(withEcho(vectors.start));
  });

  test("speaks T=0 as a Twin does: the card keeps what it has to say until it is fetched", async () => {
    const select = twinFrame(
      encodeCcid({ type: 0x6f, data: bytesOf("00a4040008a00000000300000000") }, 0x12),
    );
    const [set, fetch] = vectors.t0;
    const said = await answers(vectorCard("3b6500002063cb6800"), [
      powerOn("10", "76"),
      set?.to ?? "",
      toHex(select),
      fetch?.to ?? "",
    ]);
    expect(said[1]).toBe((set?.to ?? "") + set?.from);
    // The surplus expected length was let pass.
    expect(said[2]?.slice(-6)).toMatch(/^610c/);
    expect(said[3]).toBe((fetch?.to ?? "") + fetch?.from);
  });

  test("speaks T=1 as a Twin does", async () => {
    const said = await answers(vectorCard("3be000008131204333"), [
      powerOn("10", "76"),
      ...vectors.t1.map(({ to }) => to),
    ]);
    expect(said.slice(1)).toEqual(withEcho(vectors.t1));
  });

  test("refuses a frame that came wrong, and one too long, and reads the next", async () => {
    const [first] = vectors.start;
    const wrong = `${first?.to.slice(0, -2)}00`;
    const said = await answers(vectorCard("3b6500002063cb6800"), [
      wrong,
      "03066f0a0200000000000000",
      first?.to ?? "",
    ]);
    expect(said).toEqual(["031516", "031516", (first?.to ?? "") + first?.from]);
  });
});
