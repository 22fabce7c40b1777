// The chip reader's driver against the reader of the bench, in virtual time: how it starts, how it settles with a card,
// and what it makes of each thing that can go wrong.

import { describe, expect, onTestFinished, test } from "vitest";
import { fromHex, toHex } from "../../../firmware/bytes.ts";
import type { CardReader, CardReading, Presence } from "../../../hal/card-reader.ts";
import type { SerialPort } from "../../../hal/serial.ts";
import type { SimCard } from "../../../hal/sim/sim-card.ts";
import { testCard } from "../../../hal/sim/test-cards.ts";
import { type GempcBench, gempcBench, gempcReader } from "../../support/gempc-bench.ts";
import { settled } from "../../support/pn532-bench.ts";

const T1 = "mastercard-chip";
const T0 = "mastercard-chip-t0";
const GENERATE_AC = 0xae;
const READY = "chip reader GemTwin-V2.00-GF01";

interface Site extends GempcBench {
  reader: CardReader;
  /** How often a card decided about a payment. */
  decisions: number;
  insert(name: string, atr?: string): void;
  read(timeoutMs?: number): Promise<CardReading>;
}

async function site(
  prepare: (bench: GempcBench) => void = () => {},
  between?: (port: SerialPort) => SerialPort,
): Promise<Site> {
  const bench = gempcBench(1, between);
  prepare(bench);
  const reader = gempcReader(bench);
  onTestFinished(() => reader.close());
  const here: Site = {
    ...{ ...bench, reader, decisions: 0 },
    insert: (name, atr) => {
      const card = testCard(name) as SimCard;
      const { apdu } = card;
      here.twin.insert({
        ...card,
        ...(atr === undefined ? {} : { atr: fromHex(atr.replaceAll(" ", "")) as Uint8Array }),
        apdu: (command) => {
          if (command[1] === GENERATE_AC) here.decisions++;
          return apdu?.(command) ?? new Uint8Array();
        },
      });
    },
    read: (timeoutMs = 2_000) => {
      const offer = new Uint8Array(16);
      const request = { amountMinor: 150, currency: "EUR", offer, timeoutMs };
      return settled(here.world, reader.readCard(request), 60_000);
    },
  };
  await bench.world.runFor(1_000);
  return here;
}

const heardHex = ({ heard }: Site): string => toHex(Uint8Array.from(heard));

test("it starts a Twin as others do", async () => {
  const here = await site();
  expect(heardHex(here).slice(0, 84)).toBe(
    "03066b010000000000000000026d03066b0300000000010000000101016d030665000000000002000000",
  );
  expect(here.reader.status()).toEqual({ ready: true, message: READY });
});

test.each([T1, T0, "visa-chip"])("%s is read, and decides once", async (name) => {
  const here = await site();
  here.insert(name);
  expect(await here.read()).toMatchObject({
    ...{ kind: "read", card: { entryMethod: "insert", cryptogramType: "ARQC" } },
  });
  expect(here.decisions).toBe(1);
  expect(heardHex(here)).toContain("0306620000000000"); // powered
  expect(heardHex(here).slice(-26 * 2)).toMatch(/030663/);
});

describe("protocol and speed", () => {
  test.each([
    ["T=1 at 372", "3be00000813120 4333", "", "610700000000", "11100043002000"],
    ["T=0 at 372", "3b6500002063cb6800", "", "610500000000", "1100000a00"],
    ["T=1 faster", "3bf01300008131204330", "ff1113fd", "610700000000", "13100043002000"],
    ["T=0 faster", "3b751300002063cb6800", "ff1013fc", "610500000000", "1300000a00"],
    ["a speed beyond the reader", "3bf097000081312043b4", "", "610700000000", "11100043002000"],
  ])("%s", async (_, atr, pps, head, parameters) => {
    const here = await site();
    here.insert(T1, atr);
    expect((await here.read()).kind).toBe("read");
    if (pps === "") expect(heardHex(here)).not.toMatch(/6f04000000.{10}ff/);
    else expect(heardHex(here)).toContain(pps);
    expect(heardHex(here)).toMatch(new RegExp(`${head}.{8}${parameters}`));
  });
});

describe("trouble that is overcome", () => {
  test.each<[string, (site: Site) => void]>([
    ["no echo", ({ twin }) => (twin.faults.isWithoutEcho = true)],
    ["frames refused", ({ twin }) => (twin.faults.naks = 2)],
    ["an answer with a wrong checksum", ({ twin }) => (twin.faults.badChecksums = 1)],
    ["a slow card", ({ twin }) => (twin.faults.timeRequests = 5)],
    ["a card that asks for time", ({ twin }) => (twin.faults.card.timeRequests = 3)],
    ["wrong blocks of the card", ({ twin }) => (twin.faults.card.badBlocks.left = 2)],
  ])("%s", async (_, spoil) => {
    for (const name of [T1, T0]) {
      const here = await site();
      spoil(here);
      here.insert(name);
      expect((await here.read()).kind, name).toBe("read");
      expect(here.decisions).toBe(1);
    }
  });

  test("wrong answers all along: over T=1 each is asked for again, and the card decides once", async () => {
    const here = await site();
    here.insert(T1);
    // Several times during one reading.
    const spoil = (): void => {
      here.twin.faults.badChecksums = 1;
      here.world.after(150, spoil);
    };
    spoil();
    expect((await here.read()).kind).toBe("read");
    expect(here.decisions).toBe(1);
  });

  test("two wrong bits that no checksum sees: the echo shows them", async () => {
    let spoilt = 0;
    const spoil = (bytes: Uint8Array): Uint8Array => {
      // The first command for a record, before it goes out: another record of another file.
      if (spoilt > 0 || bytes[2] !== 0x6f || bytes[13] !== 0xb2) return bytes;
      spoilt++;
      return bytes.map((byte, at) => (at === 14 || at === 15 ? byte ^ 0x08 : byte));
    };
    const here = await site(undefined, (port) => ({
      ...port,
      write: (bytes) => port.write(spoil(bytes)),
    }));
    here.insert(T0);
    expect((await here.read()).kind).toBe("read");
    expect(heardHex(here)).toMatch(/00b2090400..03066f05000000.{10}00b2010c00/);
  });

  test("a reader that is there late, or begins with words", async () => {
    const here = await site(({ twin }) => {
      twin.faults.isSilent = true;
    });
    await here.world.runFor(8_000);
    expect(here.reader.status()).toMatchObject({ ready: false });
    expect((await here.read(100)).kind).toBe("lost");
    here.twin.faults.isSilent = false;
    here.twin.brownOut();
    await here.world.runFor(8_000);
    expect(here.reader.status()).toEqual({ ready: true, message: READY });
  });

  test("a brown-out while nothing is read changes nothing", async () => {
    const here = await site();
    here.insert(T1);
    here.twin.brownOut();
    expect((await here.read()).kind).toBe("read");
  });
});

describe("trouble that ends a reading", () => {
  test.each<[string, (site: Site) => void, string]>([
    ["mute", ({ twin }) => (twin.faults.card.isMute = true), "the card does not answer"],
    ["no ATR with a right checksum", ({ twin }) => (twin.faults.powerError = 0xf7), "checksum"],
    ["too much current", ({ twin }) => (twin.faults.powerError = 0xa2), "too much current"],
    [
      "an ATR that is none",
      ({ twin }) => (twin.faults.card.atr = Uint8Array.of(0x3b, 0xff)),
      "cannot be read",
    ],
  ])("a card with %s is failed, after all three voltages", async (_, spoil, words) => {
    const here = await site();
    spoil(here);
    here.insert(T1);
    const reading = await here.read();
    expect(reading).toMatchObject({ kind: "failed", why: "malformed" });
    expect(JSON.stringify(reading)).toContain(words);
    const voltages = [...heardHex(here).matchAll(/030662.{12}(0[123])0000/g)].map(([, v]) => v);
    expect(voltages).toEqual(["01", "02", "03"]);
    // It lies there all the same, and the next one is read.
    expect(here.reader.presence()?.sort).toBe("card");
    Object.assign(here.twin.faults, { powerError: undefined });
    Object.assign(here.twin.faults.card, { isMute: false, atr: undefined });
    expect((await here.read()).kind).toBe("read");
  });

  test.each([T0, T1])(
    "a reader that falls silent in mid-read is lost (%s), and is back by itself",
    async (name) => {
      for (let afterMs = 1; afterMs < 400; afterMs += 40) {
        const here = await site();
        here.insert(name);
        const startMs = here.world.nowMs();
        here.world.after(afterMs, () => (here.twin.faults.isSilent = true));
        expect((await here.read()).kind, `${afterMs} ms`).toBe("lost");
        expect(here.world.nowMs() - startMs).toBeLessThan(30_000);
        here.twin.faults.isSilent = false;
        await here.world.runWhile(() => !here.reader.status().ready, 8_000);
        expect((await here.read()).kind).toBe("read");
      }
    },
  );

  test("a brown-out in mid-read is no reading, whenever it is", async () => {
    for (let afterMs = 10; afterMs < 400; afterMs += 30) {
      const here = await site();
      here.insert(T0);
      here.world.after(afterMs, () => here.twin.brownOut());
      const reading = await here.read();
      expect(["failed", "read"]).toContain(reading.kind);
      expect(here.decisions).toBeLessThanOrEqual(reading.kind === "read" ? 2 : 1);
      expect((await here.read()).kind).toBe("read");
    }
  });

  test("an answer to the card's decision that comes wrong over T=0 is not asked for again", async () => {
    const here = await site();
    here.insert(T0);
    const spoil = (): void => {
      if (here.decisions > 0) here.twin.faults.badChecksums = 1;
      else here.world.after(1, spoil);
    };
    spoil();
    expect(await here.read()).toMatchObject({ kind: "failed" });
    expect(here.decisions).toBe(1);
  });
});

test("a card that was swapped between two looks is another presence", async () => {
  const here = await site();
  const told: (Presence | undefined)[] = [];
  here.reader.onPresence((presence) => told.push(presence));
  here.insert(T1);
  await here.world.runFor(1_000);
  here.twin.remove();
  here.insert(T0);
  await here.world.runFor(1_000);
  expect(told).toEqual([{ number: 1, sort: "card" }, undefined, { number: 2, sort: "card" }]);
});

test("a card that is swapped in mid-read is torn, however fast", async () => {
  for (let afterMs = 120; afterMs < 340; afterMs += 20) {
    const here = await site();
    here.insert(T1);
    await here.world.runFor(1_000);
    here.world.after(afterMs, () => {
      here.twin.remove();
      here.insert(T1);
    });
    expect((await here.read()).kind, `${afterMs} ms`).toBe("torn");
    expect(here.reader.presence()?.number).toBe(2);
  }
});

test("a card that asks for time without end is given up, and holds up nobody who gave it up before", async () => {
  const here = await site();
  here.twin.faults.timeRequests = 140;
  here.insert(T0);
  const startMs = here.world.nowMs();
  const reading = here.reader.readCard({
    ...{ amountMinor: 150, currency: "EUR", offer: new Uint8Array(16), timeoutMs: 2_000 },
  });
  expect(await settled(here.world, reading, 90_000)).toEqual({ kind: "torn" });
  const asked = here.reader.challenge(new Uint8Array(32), 2_000);
  expect(await settled(here.world, asked, 5_000)).toEqual({ kind: "absent" });
  here.twin.remove();
  here.twin.faults.timeRequests = 0;
  await here.world.runFor(35_000);
  expect(here.world.nowMs() - startMs).toBeLessThan(120_000);
  here.insert(T1);
  expect((await here.read()).kind).toBe("read");
});

test("a challenge that is none is a mistake of ours, and the reader goes on", async () => {
  const here = await site();
  here.insert(T1);
  const call = here.reader.challenge(new Uint8Array(31), 1_000);
  await expect(settled(here.world, call, 10_000)).rejects.toThrow(RangeError);
  expect((await here.read()).kind).toBe("read");
});
