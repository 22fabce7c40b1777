// A Modbus bus byte by byte: what is sent and when, what late and strange bytes do, and lines that hang.

import { expect, test } from "vitest";
import {
  type ModbusFraming,
  type ModbusOutcome,
  openModbusBus,
} from "../../../hal/drivers/modbus-bus.ts";
import { modbusCrc } from "../../../hal/drivers/modbus-frame.ts";
import { keepSerialLine } from "../../../hal/drivers/serial-line.ts";
import { HalError } from "../../../hal/hal-error.ts";
import type { SerialPort } from "../../../hal/serial.ts";
import { simWorld } from "../../../hal/sim/world.ts";

/** A port whose other end the test is. */
function bench(framing: ModbusFraming = "rtu") {
  const world = simWorld({ seed: 1 });
  const sent: [atMs: number, hex: string][] = [];
  const state = { opens: 0, hangs: false, heard: (_bytes: Uint8Array): void => {} };
  const open = async (): Promise<SerialPort> => {
    state.opens++;
    return {
      write: (bytes) => {
        sent.push([world.nowMs(), hexOf(bytes)]);
        return state.hangs ? new Promise(() => {}) : Promise.resolve();
      },
      onData: (listener) => {
        state.heard = listener;
      },
      onLost: () => {},
      close: async () => {},
    };
  };
  const bus = openModbusBus(keepSerialLine(open, world.clock), world.clock, framing);
  const told: ModbusOutcome[] = [];
  const poll = (unit: number, register: number, count: number, pollMs = 10_000) =>
    bus.poll({ unit, function: 4, register, count }, pollMs, (outcome) => told.push(outcome));
  const hear = (...bytes: number[]): void => state.heard(Uint8Array.from(bytes));
  const answer = (unit: number, ...words: number[]): void => {
    const body = [unit, 4, 2 * words.length, ...words.flatMap((word) => [word >> 8, word & 255])];
    const crc = modbusCrc(Uint8Array.from(body));
    hear(...body, crc & 255, crc >> 8);
  };
  return { world, bus, state, sent, told, poll, hear, answer };
}

const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");

const textOf = (outcome: ModbusOutcome | undefined): string =>
  outcome?.kind === "registers" ? hexOf(outcome.bytes) : `${outcome?.kind}`;

test("a line that comes up is given the time of an answer, requests a pause between them", async () => {
  const { world, sent, told, poll, answer } = bench();
  poll(1, 0, 2);
  poll(2, 0, 2);
  await world.runFor(520);
  expect(sent).toEqual([[500, "01 04 00 00 00 02 71 cb"]]);
  answer(1, 0x4366, 0x3333);
  await world.runFor(100);
  expect(sent[1]).toEqual([550, "02 04 00 00 00 02 71 f8"]);
  expect(told).toEqual([
    { kind: "registers", bytes: Uint8Array.of(0x43, 0x66, 0x33, 0x33), atMs: 500 },
  ]);
});

test("after a time-out the line must be quiet, and a late answer is not taken for the next request", async () => {
  const { world, sent, told, poll, answer } = bench();
  poll(1, 0, 2);
  await world.runFor(1_400);
  // Asked at 500, given up at 1000; this is 400 ms too late.
  answer(1, 1, 2);
  expect(sent).toHaveLength(1);
  await world.runFor(499);
  expect(sent).toHaveLength(1);
  await world.runFor(1);
  expect(sent[1]?.[0]).toBe(1_900);
  answer(1, 3, 4);
  expect(told.map(textOf)).toEqual(["00 03 00 04"]);
});

test("two quantities of a device are told apart by the length of their answers", async () => {
  const { world, sent, told, poll, answer } = bench();
  poll(1, 0, 2);
  poll(1, 6, 2);
  poll(1, 12, 2);
  await world.runFor(600);
  answer(1, 1, 2);
  await world.runFor(100);
  answer(1, 3, 4, 5, 6);
  await world.runFor(100);
  // What the first of them would be answered: too late and of no use.
  answer(1, 1, 2);
  answer(1, 7, 8, 9, 10, 11, 12);
  expect(sent.map(([, hex]) => hex.slice(0, 17))).toEqual([
    ...["01 04 00 00 00 02", "01 04 00 06 00 04", "01 04 00 0c 00 06"],
  ]);
  expect(told.map(textOf)).toEqual(["00 01 00 02", "00 03 00 04", "00 07 00 08"]);
});

test("an answer that may be to an older request is dated by that", async () => {
  const { world, told, poll, answer } = bench();
  poll(1, 0, 2);
  await world.runFor(1_600);
  answer(1, 1, 2);
  expect(told).toEqual([expect.objectContaining({ kind: "registers", atMs: 500 })]);
});

test("so is one to a request that was out when the line was opened anew", async () => {
  const { world, state, sent, told, poll, answer } = bench();
  state.hangs = true;
  poll(1, 0, 2);
  await world.runFor(2_700);
  state.hangs = false;
  await world.runWhile(() => sent.length < 2, 3_000);
  answer(1, 1, 2);
  expect(sent.map(([atMs]) => atMs)).toEqual([500, 3_100]);
  expect(told.at(-1)).toMatchObject({ kind: "registers", atMs: 500 });
});

test("who was told to be silent is asked twice when it is back: its first answer may be old", async () => {
  const { world, sent, told, poll, answer } = bench();
  poll(1, 0, 2, 1_000);
  await world.runFor(3_600);
  expect(told.map(textOf)).toEqual(["silent"]);
  await world.runWhile(() => sent.length < 4, 10_000);
  answer(1, 1, 2);
  expect(told).toHaveLength(1);
  await world.runFor(499);
  expect(sent).toHaveLength(4);
  await world.runFor(1);
  answer(1, 3, 4);
  expect(told.map(textOf)).toEqual(["silent", "00 03 00 04"]);
});

test("a line that never gets quiet is spoken on all the same", async () => {
  const { world, sent, poll, hear } = bench();
  poll(1, 0, 2);
  for (let i = 0; i < 300; i++) {
    hear(0);
    await world.runFor(10);
  }
  expect(sent.map(([atMs]) => atMs)).toEqual([2_000]);
});

test("a line that takes no request is opened anew", async () => {
  const { world, state, told, poll } = bench();
  state.hangs = true;
  poll(1, 0, 2);
  await world.runFor(2_700);
  expect([state.opens, told.map(({ kind }) => kind)]).toEqual([2, ["down"]]);
});

test("a TCP peer that forgot the connection is connected to anew", async () => {
  const { world, state, sent, poll } = bench("tcp");
  poll(1, 0, 2, 1_000);
  await world.runFor(12_000);
  expect(state.opens).toBeGreaterThan(1);
  expect(new Set(sent.map(([, hex]) => hex.slice(0, 5))).size).toBe(sent.length);
});

test("who is no longer polled hears nothing more, and a closed bus asks nothing", async () => {
  const { world, bus, sent, told, poll, answer } = bench();
  const polling = poll(1, 0, 2, 1_000);
  await world.runFor(510);
  polling.cancel();
  answer(1, 1, 2);
  poll(2, 0, 2, 1_000);
  await world.runFor(100);
  await bus.close();
  await bus.close();
  await world.runFor(10_000);
  expect([told, sent.length]).toEqual([[], 2]);
});

test("a read that cannot be asked is refused", () => {
  const { poll } = bench();
  for (const [unit, register, count] of [
    [0, 0, 1],
    [248, 0, 1],
    [1.5, 0, 1],
    [1, -1, 1],
    [1, 65_535, 2],
    [1, 0, 0],
    [1, 0, 126],
  ] as const) {
    expect(() => poll(unit, register, count)).toThrow(HalError);
  }
  const tcp = bench("tcp");
  expect(() => tcp.poll(255, 0, 1)).not.toThrow();
  expect(() => tcp.poll(256, 0, 1)).toThrow(HalError);
});
