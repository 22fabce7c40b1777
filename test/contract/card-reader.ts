// The CardReader contract, on a reader whose cards, cable and time the test has in its hands.

import { describe, expect, onTestFinished, test } from "vitest";
import { toHex } from "../../firmware/bytes.ts";
import type { CardReader, CardReading, CardRequest, Presence } from "../../hal/card-reader.ts";
import type { Crypto } from "../../hal/crypto.ts";
import { openSealedCard } from "../../hal/sealed-card.ts";
import type { SimCard } from "../../hal/sim/sim-card.ts";
import { memberCard } from "../../hal/sim/sim-member-card.ts";

export interface CardReaderUnderTest {
  reader: CardReader;
  crypto: Crypto;
  /** Of the payment host to whose key it seals. */
  hostSecret: Uint8Array;
  entryMethod: "tap" | "insert";
  /** A payment card with which all is well, and its number. */
  card(): SimCard;
  number: string;
  /** A tag that holds this NDEF message, or none; where the reader takes tags. */
  tag?(message?: Uint8Array): SimCard;
  present(card: SimCard): void;
  /** Whatever is there. */
  remove(): void;
  /** The reader's cable. */
  unplug(): void;
  plug(): void;
  nowMs(): number;
  runFor(durationMs: number): Promise<void>;
  /** Lets time go by until it settles; fails when it has not by then. */
  settle<T>(promise: Promise<T>, limitMs: number): Promise<T>;
}

const OFFER = Uint8Array.from({ length: 16 }, (_, i) => i);
const MESSAGE = Uint8Array.from({ length: 90 }, (_, i) => (i * 7) & 0xff);
/** Until a reader has noticed what was done to it, port opened anew and settings taken. */
const NOTICE_MS = 8_000;
const LIMIT_MS = 30_000;
const NO_SECOND = "a reader with contacts holds one card";
const NO_TAG = "it takes no tags";

const request = (timeoutMs = 5_000): CardRequest => ({
  ...{ amountMinor: 1_234, currency: "EUR", offer: OFFER, timeoutMs },
});

export function describeCardReader(name: string, open: () => Promise<CardReaderUnderTest>): void {
  const opened = async (): Promise<CardReaderUnderTest> => {
    const bench = await open();
    onTestFinished(() => bench.reader.close());
    await bench.runFor(NOTICE_MS);
    expect(bench.reader.status().ready).toBe(true);
    return bench;
  };
  const kindAfter = async (
    { settle }: CardReaderUnderTest,
    reading: Promise<{ kind: string }>,
  ): Promise<string> => (await settle(reading, LIMIT_MS)).kind;

  describe(`CardReader contract: ${name}`, () => {
    describeReading(opened, kindAfter);
    describeTrouble(opened, kindAfter);
    describeTags(opened, kindAfter);
  });
}

type Opened = () => Promise<CardReaderUnderTest>;
type KindAfter = (
  bench: CardReaderUnderTest,
  reading: Promise<{ kind: string }>,
) => Promise<string>;

function describeReading(opened: Opened, kindAfter: KindAfter): void {
  test("a card that comes is a presence, and so is the next; one that goes is none", async () => {
    const { reader, present, remove, card, runFor } = await opened();
    const told: (Presence | undefined)[] = [];
    reader.onPresence((presence) => told.push(presence));
    expect(reader.presence()).toBeUndefined();
    for (let i = 0; i < 2; i++) {
      present(card());
      await runFor(NOTICE_MS);
      expect(reader.presence()).toEqual(told.at(-1));
      remove();
      await runFor(NOTICE_MS);
      expect(reader.presence()).toBeUndefined();
    }
    const [first = 0] = told.map((presence) => presence?.number ?? 0);
    expect(told).toEqual([
      { number: first, sort: "card" },
      undefined,
      { number: first + 1, sort: "card" },
      undefined,
    ]);
  });

  test("a card that stays is one presence, before, while and after it is read", async () => {
    const bench = await opened();
    const { reader, present, card, runFor } = bench;
    const told: (Presence | undefined)[] = [];
    reader.onPresence((presence) => told.push(presence));
    present(card());
    await runFor(NOTICE_MS);
    expect(await kindAfter(bench, reader.readCard(request()))).toBe("read");
    await runFor(NOTICE_MS);
    expect(await kindAfter(bench, reader.readCard(request()))).toBe("read");
    await runFor(NOTICE_MS);
    expect(told).toHaveLength(1);
  });

  test.each([
    ["that is there", 0],
    ["that comes later", 2_000],
  ])("reads a card %s, for this offer and amount alone", async (_, afterMs) => {
    const { reader, present, card, runFor, settle, number, ...bench } = await opened();
    if (afterMs === 0) present(card());
    const reading = reader.readCard(request());
    await runFor(afterMs);
    if (afterMs > 0) present(card());
    const read = await settle(reading, LIMIT_MS);
    if (read.kind !== "read") throw new Error(`${read.kind}, not read`);
    expect(read.card.entryMethod).toBe(bench.entryMethod);
    expect(read.card.maskedPan?.slice(-4)).toBe(number.slice(-4));
    expect(read.card.cryptogramType).toBe("ARQC");
    const sealed = openSealedCard(read.credential, bench.hostSecret, bench.crypto);
    expect(sealed).toMatchObject({ offer: OFFER, amountMinor: 1_234, currency: "EUR", number });
  });

  test("I12: the number stands in nothing that it says", async () => {
    const { reader, present, card, settle, number, hostSecret } = await opened();
    const said: unknown[] = [];
    reader.onStatus((status) => said.push(status));
    reader.onPresence((presence) => said.push(presence));
    present(card());
    const read = await settle(reader.readCard(request()), LIMIT_MS);
    said.push(read, reader.status(), reader.presence());
    const text = JSON.stringify(said, (_, value) =>
      value instanceof Uint8Array ? `${toHex(value)} ${String.fromCharCode(...value)}` : value,
    );
    expect(read.kind).toBe("read");
    expect(text).not.toContain(number);
    expect(text).not.toContain(toHex(hostSecret));
  });

  test("no card in time is absent, and not before", async () => {
    const bench = await opened();
    const { reader, nowMs } = bench;
    for (const timeoutMs of [0, 3_000]) {
      const startMs = nowMs();
      expect(await kindAfter(bench, reader.readCard(request(timeoutMs)))).toBe("absent");
      expect(nowMs() - startMs).toBeGreaterThanOrEqual(timeoutMs);
      expect(nowMs() - startMs).toBeLessThan(timeoutMs + 2_000);
    }
  });

  test("a second call is canceled, and the first goes on", async () => {
    const bench = await opened();
    const { reader, present, card } = bench;
    const first = reader.readCard(request());
    expect(await kindAfter(bench, reader.readCard(request()))).toBe("canceled");
    expect(await kindAfter(bench, reader.readTag(100))).toBe("canceled");
    present(card());
    expect(await kindAfter(bench, first)).toBe("read");
  });

  test("a member's card signs the challenge; another card is unable to", async () => {
    const bench = await opened();
    const { reader, crypto, present, remove, settle, runFor } = bench;
    const signer = crypto.signer(new Uint8Array(32).fill(5));
    const challenge = new Uint8Array(32).fill(0xc4);
    present(memberCard("member", signer));
    const signed = await settle(reader.challenge(challenge, 5_000), LIMIT_MS);
    if (signed.kind !== "signed") throw new Error(`${signed.kind}, not signed`);
    expect(signed.publicKey).toEqual(signer.publicKey);
    expect(crypto.verify(signed.publicKey, challenge, signed.signature)).toBe(true);
    remove();
    await runFor(NOTICE_MS);
    expect(await kindAfter(bench, reader.challenge(challenge, 100))).toBe("absent");
    present(bench.card());
    expect(await kindAfter(bench, reader.challenge(challenge, 5_000))).toBe("unable");
  });

  test("a member's card is no payment card", async () => {
    const { reader, crypto, present, settle } = await opened();
    present(memberCard("member", crypto.signer(new Uint8Array(32).fill(5))));
    const read = await settle(reader.readCard(request()), LIMIT_MS);
    expect(read).toMatchObject({ kind: "failed", why: "no-application" });
  });
}

/** What becomes of a reading when something is done to it after each tenth of its time. */
async function disturbed(
  bench: CardReaderUnderTest,
  disturb: () => void,
  mend: () => Promise<void>,
): Promise<string[]> {
  const { reader, present, remove, card, nowMs, runFor, settle } = bench;
  const whole = async (): Promise<number> => {
    present(card());
    const startMs = nowMs();
    expect((await settle(reader.readCard(request()), LIMIT_MS)).kind).toBe("read");
    const wholeMs = nowMs() - startMs;
    remove();
    await runFor(NOTICE_MS);
    return wholeMs;
  };
  const wholeMs = await whole();
  const kinds: string[] = [];
  for (let tenth = 0; tenth < 10; tenth++) {
    present(card());
    const reading: Promise<CardReading> = reader.readCard(request(1_000));
    await runFor((wholeMs * tenth) / 10);
    disturb();
    kinds.push((await settle(reading, LIMIT_MS)).kind);
    await mend();
    remove();
    await runFor(NOTICE_MS);
    await whole();
  }
  return kinds;
}

function describeTrouble(opened: Opened, kindAfter: KindAfter): void {
  test("a card torn away in mid-read is torn, whenever that is, and the next one is read", async () => {
    const bench = await opened();
    const kinds = await disturbed(bench, bench.remove, async () => {});
    // It may go before it was seen.
    expect(new Set(kinds.slice(3))).toEqual(new Set(["torn"]));
    expect(kinds.slice(0, 3).every((kind) => kind === "torn" || kind === "absent")).toBe(true);
  });

  test("a reading that is canceled is canceled at once, whenever that is, and the next one works", async () => {
    const bench = await opened();
    const kinds = await disturbed(
      bench,
      () => bench.reader.cancel(),
      async () => {},
    );
    expect(new Set(kinds)).toEqual(new Set(["canceled"]));
  });

  test("a reader unplugged in mid-read is lost, whenever that is, and reads again when it is back", async () => {
    const bench = await opened();
    const kinds = await disturbed(bench, bench.unplug, async () => {
      await bench.runFor(NOTICE_MS);
      bench.plug();
    });
    expect(new Set(kinds)).toEqual(new Set(["lost"]));
  });

  test("cancel ends a call that waits, and is nothing without one", async () => {
    const bench = await opened();
    const { reader, runFor, nowMs } = bench;
    reader.cancel();
    for (const call of [
      () => reader.readCard(request()),
      () => reader.readTag(5_000),
      () => reader.challenge(new Uint8Array(32), 5_000),
    ]) {
      const waiting = call();
      await runFor(500);
      const startMs = nowMs();
      reader.cancel();
      expect(await kindAfter(bench, waiting)).toBe("canceled");
      expect(nowMs() - startMs).toBeLessThan(10);
    }
    expect(await kindAfter(bench, reader.readCard(request(0)))).toBe("absent");
  });

  test("two cards at once are several, and nothing of either is used", async ({ skip }) => {
    const bench = await opened();
    const { reader, present, remove, card, runFor } = bench;
    if (reader.sort === "chip") skip(NO_SECOND);
    present(card());
    present(memberCard("second", bench.crypto.signer(new Uint8Array(32))));
    await runFor(NOTICE_MS);
    expect(reader.presence()?.sort).toBe("several");
    expect(await kindAfter(bench, reader.readCard(request()))).toBe("several");
    expect(await kindAfter(bench, reader.readTag(1_000))).toBe("several");
    expect(await kindAfter(bench, reader.challenge(new Uint8Array(32), 1_000))).toBe("several");
    remove();
    present(card());
    await runFor(NOTICE_MS);
    expect(reader.presence()?.sort).toBe("card");
    expect(await kindAfter(bench, reader.readCard(request()))).toBe("read");
  });

  test("a reader that is unplugged says so, loses who waits, and is back by itself", async () => {
    const bench = await opened();
    const { reader, present, card, unplug, plug, runFor } = bench;
    const told: boolean[] = [];
    reader.onStatus(({ ready }) => told.push(ready));
    present(card());
    await runFor(NOTICE_MS);
    bench.remove();
    await runFor(NOTICE_MS);
    const waiting = reader.readCard(request(60_000));
    await runFor(500);
    unplug();
    expect(await kindAfter(bench, waiting)).toBe("lost");
    await runFor(NOTICE_MS);
    expect(reader.status().ready).toBe(false);
    expect(reader.status().message).not.toBe("");
    expect(reader.presence()).toBeUndefined();
    for (const call of [
      reader.readCard(request()),
      reader.readTag(100),
      reader.writeTag(MESSAGE, 100),
      reader.challenge(new Uint8Array(32), 100),
    ]) {
      expect(await kindAfter(bench, call)).toBe("lost");
    }
    plug();
    await runFor(NOTICE_MS);
    expect(reader.status().ready).toBe(true);
    expect([told.at(0), told.at(-1)]).toEqual([false, true]);
    present(card());
    expect(await kindAfter(bench, reader.readCard(request()))).toBe("read");
  });

  test("a closed reader cancels who waits and who comes; it may be closed twice", async () => {
    const bench = await opened();
    const { reader, runFor } = bench;
    const waiting = reader.readCard(request());
    await runFor(500);
    await reader.close();
    await reader.close();
    expect(await kindAfter(bench, waiting)).toBe("canceled");
    expect(await kindAfter(bench, reader.readCard(request()))).toBe("canceled");
    expect(await kindAfter(bench, reader.readTag(0))).toBe("canceled");
  });
}

function describeTags(opened: Opened, kindAfter: KindAfter): void {
  test("what is written to a tag is read from it", async ({ skip }) => {
    const bench = await opened();
    const { reader, present, settle, runFor } = bench;
    const tag = bench.tag?.() ?? skip(NO_TAG);
    present(tag);
    await runFor(NOTICE_MS);
    expect(reader.presence()?.sort).toBe("tag");
    expect(await kindAfter(bench, reader.readTag(1_000))).toBe("empty");
    expect(await kindAfter(bench, reader.writeTag(MESSAGE, 1_000))).toBe("written");
    expect(await settle(reader.readTag(1_000), LIMIT_MS)).toEqual({
      kind: "ndef",
      message: MESSAGE,
    });
  });

  test("a tag is no payment card, and signs nothing", async ({ skip }) => {
    const bench = await opened();
    const { reader, present, settle } = bench;
    present(bench.tag?.(MESSAGE) ?? skip(NO_TAG));
    const read = await settle(reader.readCard(request()), LIMIT_MS);
    expect(read).toMatchObject({ kind: "failed", why: "no-application" });
    expect(await kindAfter(bench, reader.challenge(new Uint8Array(32), 1_000))).toBe("unable");
  });

  test("a payment card is no tag, and is not written to", async () => {
    const bench = await opened();
    const { reader, present, card } = bench;
    present(card());
    expect(["empty", "malformed"]).toContain(await kindAfter(bench, reader.readTag(5_000)));
    const written = await kindAfter(bench, reader.writeTag(MESSAGE, 5_000));
    expect(["read-only", "malformed"]).toContain(written);
    expect(await kindAfter(bench, reader.readCard(request()))).toBe("read");
  });

  test("no tag in time is absent", async () => {
    const bench = await opened();
    const { reader } = bench;
    expect(await kindAfter(bench, reader.readTag(500))).toBe("absent");
    expect(await kindAfter(bench, reader.writeTag(MESSAGE, 500))).toBe("absent");
  });
}
