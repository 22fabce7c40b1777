// The EMV reader against the bench's cards: two whole traces byte for byte, every way in which a card can end, and that
// what leaves is masked or sealed.

import { describe, expect, test } from "vitest";
import { fromHex, toHex } from "../../../firmware/bytes.ts";
import type { CardReading } from "../../../hal/card-reader.ts";
import { openNodeCrypto } from "../../../hal/linux/node-crypto.ts";
import { openSealedCard } from "../../../hal/sealed-card.ts";
import { TEST_CARD_LIST } from "../../../hal/sim/test-cards.ts";
import { isGenuine } from "../../../hal/sim/test-issuers.ts";
import { benchCard, HOST_SECRET, OFFER, readOn, simChannel } from "../../support/emv.ts";

/** Amount 1.50 EUR, 1 March 2026, chance 1A2B3C4D, counter 1. */
const VISA_TRACE = `
C 00A404000E325041592E5359532E444446303100
R 6F30840E325041592E5359532E4444463031A51EBF0C1B61194F07A0000000031010500B56495341204352454449548701019000
C 00A4040007A000000003101000
R 6F468407A0000000031010A53B500B56495341204352454449548701015F2D02656E9F38189F66049F02069F03069F1A0295055F2A029A039C019F3704BF0C089F5A0540097802769000
C 80A8000023832120804000000000000150000000000000027600000000000978260301001A2B3C4D00
R 774D8202000094041001010057134761739001010119D31122011143804400000F5F3401019F100706011203A000009F2608E9656B0EFB70E1DF9F2701809F360200019F6C0200009F6E04207000009000
C 00B2011400
R 701A5A0847617390010101195F24033112315F280202769F0702FF009000`;

/** The same with contacts, chance 5E6F7081, counter 2A; after the issuer's answer the card approves. */
const MASTERCARD_TRACE = `
C 00A404000E315041592E5359532E444446303100
R 6F1A840E315041592E5359532E4444463031A5088801015F2D02656E9000
C 00B2010C00
R 701A61184F07A0000000041010500A4D4153544552434152448701019000
C 00B2020C00
R 6A83
C 00A4040007A000000004101000
R 6F1F8407A0000000041010A514500A4D4153544552434152448701015F2D02656E9000
C 80A8000002830000
R 770E82021800940808010100100102009000
C 00B2010C00
R 702157135413330089010434D31122010123456789012F5F2009544553542F434152449000
C 00B2011400
R 70305A0854133300890104345F24033112315F25032501015F280202765F3401019F0702FF008E0A00000000000000001F039000
C 00B2021400
R 70538C219F02069F03069F1A0295055F2A029A039C019F37049F35019F45029F4C089F34038D0C910A8A0295059F37049F4C089F080200029F0D05B050AC80009F0E0500000000009F0F05B070AC98009F420209789000
C 80AE80002B000000000150000000000000027600000080000978260301005E6F708125000000000000000000001F030200
R 77299F2701809F3602002A9F2608EE13302D2439D0399F10120114A00003000000000000000000000000009000`;

const SECOND_COMMAND = "80ae40001d3567ae56b465ee653030303000000080005e6f7081000000000000000000";
const SECOND_ANSWER =
  "77299f2701409f3602002a9f2608bf5b68723084ad5e9f10120114600003000000000000000000000000009000";

function traceOf(text: string): string[] {
  return text
    .trim()
    .split("\n")
    .map((line) => line.slice(2).replaceAll(" ", "").toLowerCase());
}

function cardOf(reading: CardReading) {
  if (reading.kind !== "read") throw new Error(JSON.stringify(reading));
  const sealed = openSealedCard(reading.credential, HOST_SECRET, openNodeCrypto());
  if (sealed === undefined) throw new Error("the box does not open");
  return { card: reading.card, sealed, box: reading.credential.box };
}

async function readBench(name: string, atc = 0) {
  const { way } = TEST_CARD_LIST.find((card) => card.name === name) ?? { way: "tap" as const };
  const channel = simChannel(benchCard(name, { atc }), way);
  return { channel, reading: await readOn(channel) };
}

describe("traces", () => {
  test("Visa in the field, byte for byte", async () => {
    const { channel, reading } = await readBench("visa-test");
    expect(channel.exchanged.flat()).toEqual(traceOf(VISA_TRACE));
    expect(cardOf(reading).card).toEqual({
      ...{ maskedPan: "476173******0119", expiry: "3112", network: "visa", entryMethod: "tap" },
      ...{ label: "VISA CREDIT", aid: "a0000000031010", tvr: "0000000000", tsi: "0000" },
      ...{ atc: "0001", cryptogram: "e9656b0efb70e1df", cryptogramType: "ARQC" },
      token: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
  });

  test("Mastercard with contacts, byte for byte, to the card's last word", async () => {
    const card = benchCard("mastercard-chip", { atc: 0x29 });
    const channel = simChannel(card, "insert");
    const reading = await readOn(channel, { chance: "5e6f7081" });
    expect(channel.exchanged.flat()).toEqual(traceOf(MASTERCARD_TRACE));
    const second = fromHex(SECOND_COMMAND) ?? new Uint8Array();
    expect(toHex(card.apdu?.(second) ?? new Uint8Array())).toBe(SECOND_ANSWER);
    expect(cardOf(reading).card).toMatchObject({
      ...{ maskedPan: "541333******0434", network: "mastercard", entryMethod: "insert" },
      ...{ tvr: "0000008000", tsi: "6800", atc: "002a", cryptogram: "ee13302d2439d039" },
    });
  });
});

describe("what leaves", () => {
  const readable = TEST_CARD_LIST.filter(({ name }) => !/expired|blocked|refusing/.test(name));

  test.each(readable)(
    "$name: a box that binds, and holds a genuine cryptogram",
    async ({ name, way }) => {
      const { card, sealed, box } = cardOf((await readBench(name)).reading);
      expect(sealed).toMatchObject({ offer: OFFER, amountMinor: 150, currency: "EUR" });
      expect(sealed).toMatchObject({ entryMethod: way, expiry: "3112" });
      expect(isGenuine(sealed.number, sealed.chip ?? new Map())).toBe(true);
      expect(card.maskedPan).toBe(`${sealed.number.slice(0, 6)}******${sealed.number.slice(-4)}`);
      expect(box.length).toBeLessThanOrEqual(400);
    },
  );

  test("the token is the card's: the same each time, another for another card", async () => {
    const tokens: string[] = [];
    for (const name of ["visa-test", "visa-chip", "partial"]) {
      tokens.push(cardOf((await readBench(name)).reading).card.token);
    }
    expect(tokens[0]).toBe(tokens[1]);
    expect(tokens[2]).not.toBe(tokens[0]);
  });

  test("I12: a number is nowhere in what leaves in the clear, and not in what was heard", async () => {
    for (const { name, way } of TEST_CARD_LIST) {
      const heard: Uint8Array[] = [];
      const channel = simChannel(benchCard(name), way, (answer) => {
        if (answer.kind === "answer") heard.push(answer.data);
        return answer;
      });
      const reading = await readOn(channel);
      expect(heard.every((data) => data.every((byte) => byte === 0))).toBe(true);
      if (reading.kind !== "read") continue;
      const { number } = cardOf(reading).sealed;
      const { payerKey, nonce, box } = reading.credential;
      const clear = JSON.stringify([reading.card, ...[payerKey, nonce, box].map(toHex)]);
      expect(clear).not.toContain(number);
      expect(clear).not.toContain(toHex(new TextEncoder().encode(number)));
    }
  });
});

describe("how a card can end", () => {
  test.each([
    ["expired", "expired"],
    ["expired-chip", "expired"],
    ["blocked", "blocked"],
    ["blocked-chip", "blocked"],
    ["refusing", "declined"],
    ["refusing-chip", "declined"],
  ])("%s", async (name, why) => {
    const { reading } = await readBench(name);
    expect(reading).toMatchObject({ kind: "failed", why });
  });

  test("a board without the time leaves the date to the host", async () => {
    const channel = simChannel(benchCard("expired"), "tap");
    expect(await readOn(channel, { quality: "unset", wallMs: 0 })).toMatchObject({ kind: "read" });
  });

  test("a card that leaves, a reader that leaves, a card that says nothing: at every step", async () => {
    for (const [name, way] of [
      ["visa-test", "tap"],
      ["mastercard-chip", "insert"],
    ] as const) {
      const whole = simChannel(benchCard(name), way);
      await readOn(whole);
      for (let step = 0; step < whole.exchanged.length; step++) {
        for (const [kind, ended] of [
          ["gone", "torn"],
          ["lost", "lost"],
          ["mute", "failed"],
        ] as const) {
          const channel = simChannel(benchCard(name), way, (answer, turn) =>
            turn === step ? { kind } : answer,
          );
          expect((await readOn(channel)).kind).toBe(ended);
          expect(channel.exchanged.length).toBe(step + 1);
        }
      }
    }
  });

  test("a currency without a number and an amount that cannot be bound: the card is not asked", async () => {
    for (const request of [{ currency: "XTS" }, { amountMinor: 2 ** 32 }, { amountMinor: 0 }]) {
      const channel = simChannel(benchCard("visa-test"), "tap");
      expect(await readOn(channel, { request })).toMatchObject({ why: "no-application" });
      expect(channel.exchanged).toEqual([]);
    }
  });

  test("the counter rises from what it was, and is told", async () => {
    const told: number[] = [];
    const card = benchCard("visa-test", { atc: 7, onAtc: (atc) => told.push(atc) });
    for (let time = 0; time < 2; time++) {
      card.reset();
      await readOn(simChannel(card, "tap"));
    }
    expect(told).toEqual([8, 9]);
  });
});
