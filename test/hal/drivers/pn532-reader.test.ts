// The reader with a PN532 beyond what every reader must do: how it is brought up and brought back, what it says when it
// cannot be, cards at the edge of the field, and a chip that says anything at all.

import { expect, test } from "vitest";
import type { CardReader, Presence, ReaderStatus } from "../../../hal/card-reader.ts";
import type { SerialPort } from "../../../hal/serial.ts";
import type { SimCard } from "../../../hal/sim/sim-card.ts";
import { ntag213, type4Tag } from "../../../hal/sim/sim-tag.ts";
import { testCard } from "../../../hal/sim/test-cards.ts";
import { type SimWorld, simWorld } from "../../../hal/sim/world.ts";
import {
  type Pn532Bench,
  pn532Bench,
  pn532Reader,
  puppet,
  settled,
  well,
} from "../../support/pn532-bench.ts";

const REQUEST = { amountMinor: 150, currency: "EUR", offer: new Uint8Array(16), timeoutMs: 2_000 };
const MESSAGE = Uint8Array.from({ length: 50 }, (_, i) => i);

interface Opened extends Pn532Bench {
  reader: CardReader;
  statuses: ReaderStatus[];
  presences: (Presence | undefined)[];
}

async function opened(bench = pn532Bench()): Promise<Opened> {
  const reader = pn532Reader(bench);
  const statuses: ReaderStatus[] = [];
  const presences: (Presence | undefined)[] = [];
  reader.onStatus((status) => statuses.push(status));
  reader.onPresence((presence) => presences.push(presence));
  await bench.world.runFor(1_000);
  return { ...bench, reader, statuses, presences };
}

const readerAt = (world: SimWorld, open: () => Promise<SerialPort>): CardReader =>
  pn532Reader({ ...pn532Bench(), world, open });

test("it is brought up in this order: configuration, version, echo, settings, field", async () => {
  const { world, open, asked } = puppet((data) => well(data));
  const reader = readerAt(world, open);
  await world.runFor(300);
  expect(reader.status()).toEqual({ ready: true, message: "contactless reader with a PN532" });
  expect(asked.slice(0, 2)).toEqual(["1401", "02"]);
  expect(asked[2]).toMatch(/^0000[0-9a-f]{16}$/);
  expect(asked.slice(3, 10)).toEqual([
    ...["320100", "1214", "3202000b0a", "3205ff0102", "320101", "5200", "4a0200"],
  ]);
});

test.each([
  ["is silent", () => undefined, /check power, wiring \(TX to RX\) and that its switches say HSU/],
  [
    "is another chip",
    (data: readonly number[]) => (data[0] === 2 ? [0x33, 1, 6, 7] : well(data)),
    /no PN532/,
  ],
  [
    "says nothing of itself",
    (data: readonly number[]) => (data[0] === 2 ? [] : well(data)),
    /does not say what it is/,
  ],
  [
    "gives other bytes back",
    (data: readonly number[]) => (data[0] === 0 ? [0, 1, 2] : well(data)),
    /garbles/,
  ],
  [
    "refuses settings",
    (data: readonly number[]) => (data[0] === 0x32 ? undefined : well(data)),
    /settings/,
  ],
] as const)("one that %s is not ready, and says why", async (_, answer, why) => {
  const { world, open } = puppet(answer);
  const reader = readerAt(world, open);
  await world.runFor(5_000);
  expect(reader.status().ready).toBe(false);
  expect(reader.status().message).toMatch(why);
  expect(await reader.readCard(REQUEST)).toEqual({ kind: "lost" });
});

test("a port that is not there is said in the port's own words", async () => {
  const bench = pn532Bench();
  bench.unplug();
  const { reader, world } = await opened(bench);
  await world.runFor(1_000);
  expect(reader.status()).toEqual({
    ready: false,
    message: "there is no such port: plug it in",
  });
});

test("a chip that loses power for a moment is brought back, unnoticed", async () => {
  const { chip, world, statuses, presences, reader } = await opened();
  chip.present(ntag213("tag", { message: MESSAGE }));
  await world.runFor(1_000);
  chip.brownOut();
  await world.runFor(3_000);
  expect(statuses).toHaveLength(1);
  expect(presences).toEqual([{ number: 1, sort: "tag" }]);
  const read = await settled(world, reader.readTag(1_000), 3_000);
  expect(read).toEqual({ kind: "ndef", message: MESSAGE });
});

test("one that dies is not ready, loses its presence, and comes back", async () => {
  const { chip, world, statuses, reader } = await opened();
  chip.present(ntag213("tag"));
  await world.runFor(1_000);
  chip.setSilent(true);
  await world.runFor(10_000);
  expect(reader.status().message).toMatch(/does not answer/);
  expect(reader.presence()).toBeUndefined();
  chip.setSilent(false);
  chip.brownOut();
  await world.runFor(2_000);
  expect(statuses.map(({ ready }) => ready)).toEqual([true, false, true]);
  expect(reader.presence()?.sort).toBe("tag");
});

test("a card at the edge of the field, missed once, is the same presence; missed longer, another", async () => {
  for (const card of [ntag213("tag"), type4Tag("card"), testCard("visa-test") as SimCard]) {
    const { chip, world, presences, reader } = await opened();
    chip.present(card);
    // Less than between two looks, at any moment between them.
    for (let i = 0; i < 8; i++) {
      await world.runFor(1_000 + 37 * i);
      chip.remove();
      await world.runFor(200);
      chip.present(card);
    }
    await world.runFor(1_000);
    expect(presences).toHaveLength(1);
    chip.remove();
    await world.runFor(1_000);
    chip.present(card);
    await world.runFor(1_000);
    expect(presences.map((presence) => presence?.number)).toEqual([1, undefined, 2]);
    await reader.close();
  }
});

test("another tag in place of the first is another presence; a number that is made up anew is not", async () => {
  const { chip, world, presences } = await opened();
  const telephone = (last: number): SimCard =>
    type4Tag("telephone", { uid: Uint8Array.of(0x08, 1, 2, last) });
  for (const card of [
    ntag213("one"),
    ntag213("two", { uid: Uint8Array.of(4, 9, 9, 9, 9, 9, 9) }),
    telephone(1),
    telephone(2),
  ]) {
    chip.remove();
    chip.present(card);
    await world.runFor(1_000);
  }
  expect(presences.map((presence) => presence?.number)).toEqual([1, 2, 3]);
});

test("a second tag that comes makes them several, and when it goes, one", async () => {
  const { chip, world, presences } = await opened();
  const first = ntag213("first");
  const second = ntag213("second", { uid: Uint8Array.of(4, 9, 9, 9, 9, 9, 9) });
  chip.present(first);
  chip.present(second);
  await world.runFor(1_000);
  chip.remove(second);
  await world.runFor(1_000);
  expect(presences.map((presence) => presence?.sort)).toEqual(["several", "tag"]);
});

test("a card that is neither tag nor speaks APDUs is unknown: no payment, no message", async () => {
  const { chip, world, reader } = await opened();
  const uid = Uint8Array.of(1, 2, 3, 4);
  chip.present({ name: "classic", field: { uid, sensRes: [0, 4], selRes: 0x08 }, reset: () => {} });
  await world.runFor(1_000);
  expect(reader.presence()?.sort).toBe("unknown");
  const ask = <T>(call: Promise<T>): Promise<T> => settled(world, call, 5_000);
  expect(await ask(reader.readTag(100))).toEqual({ kind: "empty" });
  expect(await ask(reader.writeTag(MESSAGE, 100))).toEqual({ kind: "malformed" });
  expect(await ask(reader.readCard(REQUEST))).toMatchObject({ kind: "failed" });
  expect(await ask(reader.challenge(new Uint8Array(32), 100))).toEqual({ kind: "unable" });
});

test("a card that falls dumb in mid-read, and one that asks for time without end, are given up", async () => {
  for (const fault of ["no-answer", "dumb"] as const) {
    const { chip, world, reader } = await opened();
    const card = testCard("visa-test") as SimCard;
    let commands = 0;
    chip.present({
      ...card,
      apdu: (command) => {
        commands++;
        if (commands === 2 && fault === "no-answer") chip.fail("no-answer", 3);
        return commands > 2 && fault === "dumb"
          ? new Uint8Array()
          : (card.apdu?.(command) ?? new Uint8Array());
      },
    });
    const startMs = world.nowMs();
    const read = await settled(world, reader.readCard(REQUEST), 60_000);
    expect(["torn", "failed"]).toContain(read.kind);
    expect(world.nowMs() - startMs).toBeLessThan(20_000);
    await reader.close();
  }
});

test("a tag that is swapped for another while it is written is torn, and the other one untouched", async () => {
  const { chip, world, reader } = await opened();
  const other = ntag213("other", { uid: Uint8Array.of(4, 9, 9, 9, 9, 9, 9) });
  const before = other.dump();
  chip.present(ntag213("first"));
  const writing = reader.writeTag(MESSAGE, 1_000);
  await world.runFor(60);
  chip.remove();
  chip.present(other);
  expect(await settled(world, writing, 5_000)).toEqual({ kind: "torn" });
  expect(other.dump()).toEqual(before);
});

test("a tag that was disturbed for a moment is called again, and read on", async () => {
  const { chip, world, reader } = await opened();
  const tag = ntag213("tag", { message: MESSAGE });
  let reads = 0;
  const { memory } = tag;
  chip.present({
    ...tag,
    memory: {
      ...memory,
      read: (page) => (++reads === 3 ? undefined : memory.read(page)),
    },
  });
  const read = await settled(world, reader.readTag(1_000), 5_000);
  expect(reads).toBeGreaterThan(3);
  expect(read).toEqual({ kind: "ndef", message: MESSAGE });
});

test("a message of no bytes, and a challenge of another length, are mistakes of ours", async () => {
  const { reader } = await opened();
  expect(() => reader.writeTag(new Uint8Array(), 100)).toThrow(RangeError);
  expect(() => reader.challenge(new Uint8Array(31), 100)).toThrow(RangeError);
});

test("after cancel nothing more is said to the card", async () => {
  const { chip, world, reader } = await opened();
  const card = testCard("visa-test") as SimCard;
  let commands = 0;
  chip.present({
    ...card,
    apdu: (command) => {
      commands++;
      return card.apdu?.(command) ?? new Uint8Array();
    },
  });
  const reading = reader.readCard(REQUEST);
  await world.runFor(60);
  const before = commands;
  expect(before).toBeGreaterThan(0);
  reader.cancel();
  expect(await reading).toEqual({ kind: "canceled" });
  await world.runFor(3_000);
  expect(commands).toBe(before);
});

test("a call that is canceled while its card says nothing holds up nobody", async () => {
  const { chip, world, reader } = await opened();
  const card = testCard("visa-test") as SimCard;
  chip.present({
    ...card,
    apdu: (command) => {
      chip.fail("no-answer");
      return card.apdu?.(command) ?? new Uint8Array();
    },
  });
  const reading = reader.readCard(REQUEST);
  await world.runFor(500);
  reader.cancel();
  expect(await reading).toEqual({ kind: "canceled" });
  chip.remove();
  chip.present(ntag213("tag", { message: MESSAGE }));
  const startMs = world.nowMs();
  const read = await settled(world, reader.readTag(5_000), 5_000);
  expect(read).toEqual({ kind: "ndef", message: MESSAGE });
  expect(world.nowMs() - startMs).toBeLessThan(1_000);
});

test("I11: a chip that says anything at all is no trouble: every call ends, and no reading comes of it", async () => {
  for (let seed = 0; seed < 40; seed++) {
    const random = simWorld({ seed }).random;
    let isWild = false;
    const { world, open } = puppet((data) => {
      const target = [
        1,
        1,
        0x00,
        random.below(2) * 0x40 + 4,
        random.below(2) * 0x20,
        4,
        1,
        2,
        3,
        4,
        1,
      ];
      if (!isWild || random.below(3) > 0) return well(data, data[0] === 0x4a ? target : [0]);
      const length = random.below(40);
      return Array.from({ length }, () => (random.below(2) === 0 ? 0 : random.below(256)));
    });
    const reader = readerAt(world, open);
    await world.runFor(500);
    isWild = true;
    for (let i = 0; i < 6; i++) {
      const calls: readonly (() => Promise<{ kind: string }>)[] = [
        () => reader.readCard(REQUEST),
        () => reader.readTag(500),
        () => reader.writeTag(MESSAGE, 500),
        () => reader.challenge(new Uint8Array(32), 500),
      ];
      const answer = await settled(world, calls[i % 4]?.() ?? reader.readTag(1), 60_000);
      expect(["read", "ndef", "written", "signed"]).not.toContain(answer.kind);
      await world.runFor(500);
    }
    await reader.close();
  }
});
