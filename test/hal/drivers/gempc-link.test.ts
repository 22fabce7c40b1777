// One command and its answer on the line to a Twin: what comes before, between, late, or without end.

import { expect, test } from "vitest";
import { CCID } from "../../../hal/drivers/ccid-message.ts";
import { twinFrame } from "../../../hal/drivers/gempc-frame.ts";
import { type TwinAnswer, TwinLink } from "../../../hal/drivers/gempc-link.ts";
import type { SerialLine } from "../../../hal/drivers/serial-line.ts";
import { simWorld } from "../../../hal/sim/world.ts";

const STATUS = { type: CCID.slotStatus };
const ONCE = { answerMs: 1_000, tries: 1 };
const LONGEST_MS = 30_000;

/** An answer to GetSlotStatus with this sequence number: a card without power. */
const answer = (sequence: number, status = 1, error = 0): Uint8Array =>
  twinFrame(Uint8Array.of(0x81, 0, 0, 0, 0, 0, sequence, status, error, 0));

function bench() {
  const world = simWorld({ seed: 1 });
  const frames: Uint8Array[] = [];
  let hear: (bytes: Uint8Array) => void = () => {};
  let tellState: (up: boolean) => void = () => {};
  let notices = 0;
  const line: SerialLine = {
    ...{ isUp: () => true, trouble: () => undefined, reopen: () => {} },
    write: (bytes) => {
      frames.push(bytes);
      return Promise.resolve();
    },
    onData: (listener) => {
      hear = listener;
    },
    onState: (listener) => {
      tellState = listener;
    },
    close: () => Promise.resolve(),
  };
  const link = new TwinLink(line, world.clock, { state: () => {}, notice: () => notices++ });
  return {
    ...{ world, link, frames },
    hear: (...bytes: number[]) => hear(Uint8Array.from(bytes)),
    down: () => tellState(false),
    notices: () => notices,
    /** What becomes of one command, while that happens. */
    ask: async (meanwhile: () => void | Promise<void>, asking = ONCE) => {
      const startMs = world.nowMs();
      let got: TwinAnswer | undefined;
      void link.ask(STATUS, asking).then((told) => {
        got = told;
      });
      await meanwhile();
      await world.runWhile(() => got === undefined, 100_000);
      return { kind: got?.kind, tookMs: world.nowMs() - startMs };
    },
  };
}

test("what was half when a command begins does not swallow its answer", async () => {
  const { hear, ask } = bench();
  hear(0x03, 0x06, 0x81, 0x00);
  expect(await ask(() => hear(...answer(0)))).toMatchObject({ kind: "answer", tookMs: 0 });
});

test("an answer to an earlier command is none to this one, and its own is waited for", async () => {
  const { hear, ask, world } = bench();
  expect((await ask(() => {})).kind).toBe("unclear");
  const told = await ask(async () => {
    hear(...answer(0), ...answer(0));
    await world.runFor(300);
    hear(...answer(1));
  });
  expect(told).toMatchObject({ kind: "answer", tookMs: 300 });
});

test("a frame that ceases is cut, and the line is good again", async () => {
  const { hear, ask, world } = bench();
  const told = await ask(async () => {
    hear(...answer(0).slice(0, 6));
    await world.runFor(200);
  });
  // Known for what it is long before its time is over.
  expect(told.kind).toBe("unclear");
  expect(told.tookMs).toBeLessThan(900);
  expect((await ask(() => hear(...answer(1)))).kind).toBe("answer");
});

test("requests for time are granted, in bytes and in frames, and not without end", async () => {
  const { hear, ask, world } = bench();
  const granted = await ask(async () => {
    for (let i = 0; i < 20; i++) {
      await world.runFor(500);
      hear(0x80 + i);
    }
    hear(...answer(0, 0x81, 3));
    await world.runFor(2_500);
    hear(...answer(0));
  });
  expect(granted.kind).toBe("answer");
  const endless = await ask(async () => {
    for (let i = 0; i < 100; i++) {
      await world.runFor(500);
      hear(0x80, 0xff);
    }
  });
  expect(endless.kind).toBe("unclear");
  expect(endless.tookMs).toBeGreaterThanOrEqual(LONGEST_MS);
});

test("the longest wait is half a minute, whatever a frame asks for", async () => {
  const { hear, ask } = bench();
  const told = await ask(() => hear(...answer(0, 0x81, 255)));
  expect(told.kind).toBe("unclear");
  expect(told.tookMs).toBeGreaterThanOrEqual(LONGEST_MS);
  expect(told.tookMs).toBeLessThan(LONGEST_MS + 1_000);
});

test("a command is sent as often as it may be, each time with a number of its own", async () => {
  const { ask, frames, hear } = bench();
  expect((await ask(() => {}, { answerMs: 100, tries: 3 })).kind).toBe("unclear");
  expect(frames.map((frame) => frame[8])).toEqual([0, 1, 2]);
  expect((await ask(() => hear(0x03, 0x15, 0x16))).kind).toBe("refused");
  expect(frames).toHaveLength(4);
});

test("a line that goes down ends what is asked", async () => {
  const { ask, down } = bench();
  expect(await ask(down, { answerMs: 1_000, tries: 3 })).toMatchObject({ kind: "lost", tookMs: 0 });
});

test("notices are told at once, and a removal is remembered until it is asked for", () => {
  const { hear, link, notices } = bench();
  hear(0x50, 0x03);
  expect([notices(), link.takeRemovalNotice()]).toEqual([1, false]);
  hear(0x50, 0x02, 0x50, 0x03);
  expect([notices(), link.takeRemovalNotice(), link.takeRemovalNotice()]).toEqual([3, true, false]);
});
