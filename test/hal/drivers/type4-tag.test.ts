// NDEF on a card that keeps it in a file: read, written, torn away after every command, and cards that say anything.

import fc from "fast-check";
import { expect, test } from "vitest";
import { fromHex, toHex } from "../../../firmware/bytes.ts";
import { NDEF_BYTES_MAX } from "../../../hal/card-reader.ts";
import type { ApduAnswer, CardChannel } from "../../../hal/drivers/card-channel.ts";
import { readType4, writeType4 } from "../../../hal/drivers/type4-tag.ts";
import type { SimCard } from "../../../hal/sim/sim-card.ts";
import { type4Tag } from "../../../hal/sim/sim-tag.ts";

const filled = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 5) & 0xff);

interface Talk extends CardChannel {
  said: string[];
}

/** `answer` may say something else than the card; the card is gone after so many commands. */
function channelTo(
  card: SimCard,
  answer: (command: Uint8Array) => Uint8Array | undefined = () => undefined,
  commands = Number.POSITIVE_INFINITY,
): Talk {
  const said: string[] = [];
  return {
    way: "tap",
    said,
    transmit: async (command): Promise<ApduAnswer> => {
      if (said.length >= commands) return { kind: "gone" };
      said.push(toHex(command));
      const bytes = answer(command) ?? card.apdu?.(command) ?? new Uint8Array();
      if (bytes.length < 2) return { kind: "mute" };
      const status = 256 * (bytes.at(-2) ?? 0) + (bytes.at(-1) ?? 0);
      return { kind: "answer", data: bytes.slice(0, -2), status };
    },
  };
}

const isRead = (command: Uint8Array, at: number): boolean =>
  command[1] === 0xb0 && command[2] === 0x00 && command[3] === at;
const bytesOf = (hex: string): Uint8Array => fromHex(hex) ?? new Uint8Array();

test("the commands by which others read one (NFC Forum type 4)", async () => {
  const message = filled(20);
  const channel = channelTo(type4Tag("card", { message }));
  expect(await readType4(channel)).toEqual({ kind: "ndef", message });
  expect(channel.said).toEqual([
    "00a4040007d276000085010100",
    "00a4000c02e103",
    "00b000000f",
    "00a4000c02e104",
    "00b0000002",
    "00b0000214",
  ]);
});

test.each([1, 255, 300, 510])("a message of %i bytes is written and read", async (length) => {
  const card = type4Tag("card");
  expect(await readType4(channelTo(card))).toEqual({ kind: "empty" });
  expect(await writeType4(channelTo(card), filled(length))).toEqual({ kind: "written" });
  expect(await readType4(channelTo(card))).toEqual({ kind: "ndef", message: filled(length) });
});

test("one that is full, or read-only, holds what it held", async () => {
  const message = filled(7);
  const card = type4Tag("card", { message });
  expect(await writeType4(channelTo(card), filled(511))).toEqual({ kind: "full", bytesMax: 510 });
  const readOnly = type4Tag("card", { message, readOnly: true });
  expect(await writeType4(channelTo(readOnly), filled(5))).toEqual({ kind: "read-only" });
  // Its container says that it may be written, and it may not.
  const lies = channelTo(readOnly, (command) =>
    isRead(command, 0) && command[4] === 15
      ? bytesOf("000f20005400ff0406e1040200000090 00".replace(" ", ""))
      : undefined,
  );
  expect(await writeType4(lies, filled(5))).toEqual({ kind: "read-only" });
  for (const one of [card, readOnly]) {
    expect(await readType4(channelTo(one))).toEqual({ kind: "ndef", message });
  }
});

test("torn away after any command, it holds the old message, the new one, or none", async () => {
  const [before, after] = [filled(30), filled(400).reverse()];
  const outcomes = new Set<string>();
  for (let commands = 0; ; commands++) {
    const card = type4Tag("card", { message: before });
    const { kind } = await writeType4(channelTo(card, undefined, commands), after);
    const read = await readType4(channelTo(card));
    const holds = read.kind === "ndef" ? toHex(read.message) : read.kind;
    outcomes.add(holds);
    expect(["empty", toHex(before), toHex(after)]).toContain(holds);
    if (kind === "written") break;
    expect(kind).toBe("torn");
  }
  expect(outcomes.size).toBe(3);
});

test("a card of another sort is empty, and cannot be written", async () => {
  const other = channelTo(type4Tag("card"), () => Uint8Array.of(0x6a, 0x82));
  expect(await readType4(other)).toEqual({ kind: "empty" });
  expect(await writeType4(other, filled(5))).toEqual({ kind: "malformed" });
});

const CONTAINERS = {
  "of another version": "000f10005400ff0406e1040200 0000",
  "that reads less than the specification asks": "000f20000e00ff0406e1040200 0000",
  "that cannot be written at all": "000f200054000004 06e1040200 0000",
  "without the file": "000f20005400ff0506e1040200 0000",
  "whose file may not be read": "000f20005400ff0406e1040200 ff00",
  "that is too short": "000e20005400ff0406e1040200 0000",
};

test.each(Object.entries(CONTAINERS))("a container %s is malformed", async (_, container) => {
  const says = bytesOf(`${container.replaceAll(" ", "")}9000`);
  const channel = channelTo(type4Tag("card"), (command) =>
    isRead(command, 0) && command[4] === 15 ? says : undefined,
  );
  expect(await readType4(channel)).toEqual({ kind: "malformed" });
});

test("a length beyond the file, or beyond what we take, is malformed, before it is read", async () => {
  for (const [length, fileBytes] of [
    [600, 512],
    [NDEF_BYTES_MAX + 1, 4_000],
  ] as const) {
    const channel = channelTo(type4Tag("card", { fileBytes }), (command) =>
      isRead(command, 0) && command[4] === 2
        ? Uint8Array.of(length >> 8, length & 0xff, 0x90, 0x00)
        : undefined,
    );
    expect(await readType4(channel)).toEqual({ kind: "malformed" });
    expect(channel.said).toHaveLength(5);
  }
});

test("one that keeps something else than what is written is malformed", async () => {
  const card = type4Tag("card");
  const channel = channelTo(card, (command) =>
    command[1] === 0xd6 ? Uint8Array.of(0x90, 0x00) : undefined,
  );
  expect(await writeType4(channel, filled(9))).toEqual({ kind: "malformed" });
});

test("I11: answers of anything at all end in bounded time, and never crash", async () => {
  const answers = fc.array(
    fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.uint8Array({ maxLength: 20 }).map((data) => Uint8Array.of(...data, 0x90, 0x00)),
      fc.constant(undefined),
    ),
    { maxLength: 20 },
  );
  await fc.assert(
    fc.asyncProperty(answers, fc.boolean(), async (list, writes) => {
      const left = [...list];
      const channel = channelTo(type4Tag("card", { message: filled(100) }), () => left.shift());
      const { kind } = writes ? await writeType4(channel, filled(300)) : await readType4(channel);
      const kinds = ["ndef", "empty", "malformed", "written", "full", "read-only"];
      expect(kinds).toContain(kind);
      expect(channel.said.length).toBeLessThan(200);
    }),
    { numRuns: 300 },
  );
});
